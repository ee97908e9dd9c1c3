import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

const DAY_MS = 86_400_000;
const TrueDate = Date;

/** The clock of this machine, replaced by one that is a day fast. */
class FastDate extends TrueDate {
  constructor(...given: [] | [number | string | Date]) {
    super(given.length === 0 ? TrueDate.now() + DAY_MS : given[0]);
  }
  static override now(): number {
    return TrueDate.now() + DAY_MS;
  }
}

describe('a ledger on a machine whose clock is a day fast', () => {
  let rig: LedgerUnderTest;
  beforeAll(async () => {
    globalThis.Date = FastDate as DateConstructor;
    rig = await ledgerUnderTest();
    await rig.brand('aurora');
    expect((await rig.asService('PUT', '/internal/v1/clock', { now: null })).status).toBe(200);
  }, 120_000);
  afterAll(async () => {
    await rig.close();
    globalThis.Date = TrueDate;
  });

  it('posts at the database’s time, and lets nothing fall due earlier', async () => {
    const { memberRef } = rig.member('aurora');
    const grant = { externalId: 'g', memberRef, points: 100, reason: 'goodwill' };
    expect((await rig.asBrand('aurora', 'POST', '/v1/grants', grant)).status).toBe(201);
    const hold = { externalId: 'h', memberRef, points: 40, ttlSeconds: 3_600 };
    const held = await rig.asBrand('aurora', 'POST', '/v1/authorizations', hold);
    expect(held.status).toBe(201);
    expect(Math.abs(TrueDate.parse(held.body.expiresAt) - TrueDate.now() - 3_600_000)).toBeLessThan(60_000);
    const rows = await rig.dataSource.transaction(async (tx): Promise<{ apart: number }[]> => {
      await tx.query(`select set_config('hezong.brand', '*', true)`);
      return tx.query('select extract(epoch from clock_timestamp() - posted_at)::float as apart from posting');
    });
    expect(rows).toHaveLength(2);
    for (const { apart } of rows) expect(Math.abs(apart)).toBeLessThan(60);
    // an order one hour from now counts as in the future
    const soon = new TrueDate(TrueDate.now() + 3_600_000).toISOString();
    const lines = [{ lineId: '1', sku: 'x', category: 'drinks', quantity: 1, net: 100 }];
    const order = { externalId: 'o', memberRef, occurredAt: soon, currency: 'CNY', lines };
    expect((await rig.asBrand('aurora', 'POST', '/v1/orders', order)).status).toBe(422);
  });
});
