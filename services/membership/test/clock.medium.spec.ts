import { setTimeout as sleep } from 'node:timers/promises';
import { membershipUnderTest } from './membership-under-test.js';
import type { MembershipUnderTest } from './membership-under-test.js';

const FROZEN = '2026-03-01T12:00:00.000Z';

describe('in a sandbox that has just started', () => {
  let m: MembershipUnderTest;
  let told: string | null = null;
  beforeAll(async () => {
    m = await membershipUnderTest(['aurora'], () => told);
  });
  afterAll(() => m.close());

  it('no event is judged before the clock is known, and then by that clock', async () => {
    const handled = m.publish([
      { orderId: 'o1', walletId: 'w-1', brand: 'aurora', at: '2026-02-01T12:00:00+08:00', net: 1_000 },
    ]);
    // longer than the start-up of consumers
    await sleep(2_000);
    expect(await m.dataSource.query('select * from standing')).toEqual([]);
    told = FROZEN;
    await handled;
    const [row] = await m.dataSource.query<{ evaluated_at: Date }[]>('select evaluated_at from standing');
    expect(row?.evaluated_at.toISOString()).toBe(FROZEN);
  });
});
