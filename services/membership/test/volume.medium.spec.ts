import { ladderBody, membershipUnderTest } from './membership-under-test.js';
import type { MembershipUnderTest, Purchase } from './membership-under-test.js';

const BATCHES = 20;
const BATCH = 500;
const WALLETS = 1_000;
let m: MembershipUnderTest;

beforeAll(async () => {
  m = await membershipUnderTest(['aurora', 'birch', 'crest']);
  await m.moveTo('2026-06-30T12:00:00+08:00');
  await m.asOperator('POST', '/v1/operator/tier-ladders', ladderBody());
});
afterAll(() => m.close());

it('keeps up with thousands of orders a second, with the right result for every wallet', async () => {
  const start = Date.parse('2026-01-02T00:00:00Z');
  const batches = Array.from({ length: BATCHES }, (_, b) =>
    Array.from({ length: BATCH }, (_, i): Purchase => {
      const n = b * BATCH + i;
      const brand = ['aurora', 'birch', 'crest'][n % 3] ?? 'aurora';
      return {
        orderId: `v${n}`,
        walletId: `w-${(n * 7919) % WALLETS}`,
        brand,
        at: new Date(start + n * 1_000_000).toISOString(),
        net: 20_000 + (n % 97) * 1_000,
      };
    }),
  );
  const before = performance.now();
  for (const batch of batches) await m.deliver(batch);
  const seconds = (performance.now() - before) / 1000;
  process.stderr.write(`membership: ${Math.round((BATCHES * BATCH) / seconds)} orders a second\n`);
  const due = performance.now();
  await m.moveTo('2027-01-01T00:00:00+08:00');
  process.stderr.write(
    `membership: ${WALLETS} wallets judged at the end of a year in ${Math.round(performance.now() - due)} ms\n`,
  );
  expect((await m.invariants()).filter(({ ok }) => !ok)).toEqual([]);
  const [row] = await m.dataSource.query<{ wallets: number; ranked: number }[]>(
    'select count(*)::int as wallets, count(*) filter (where rank > 0)::int as ranked from standing',
  );
  expect(row?.wallets).toBe(WALLETS);
  expect(row?.ranked).toBeGreaterThan(0);
});
