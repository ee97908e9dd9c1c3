import { referralsUnderTest } from './referrals-under-test.js';
import type { Member, ReferralsUnderTest } from './referrals-under-test.js';

let under: ReferralsUnderTest;
beforeAll(async () => {
  under = await referralsUnderTest(['aurora', 'birch']);
}, 120_000);
afterAll(() => under.close(), 60_000);

const ORDERS = 2_000;

it('handles orders without commissions quickly, and posts thousands of contributor shares in one batch', async () => {
  const buyers: Member[] = [];
  for (let i = 0; i < 20; i += 1) buyers.push(await under.member(['aurora', 'birch']));
  const many = Array.from({ length: ORDERS }, (_, i) => buyers[i % buyers.length] as Member);
  const idle = await under.orders('birch', many, 1_000);
  expect(await under.sql('select count(*)::int as n from commission')).toEqual([{ n: 0 }]);
  await under.asOperator('POST', '/v1/operator/referral-programmes', {
    contributorBp: 200,
    validFrom: '2026-01-01T00:00:00Z',
  });
  const busy = await under.orders('birch', many, 1_000);
  process.stderr.write(
    `orders of one batch: ${ORDERS} idle in ${idle.toFixed(0)} ms, ${ORDERS} with a share in ${busy.toFixed(0)} ms\n`,
  );
  expect(await under.sql('select count(*)::int as n, sum(amount)::int as s from leg')).toEqual([
    { n: ORDERS, s: ORDERS * 20 },
  ]);
  expect(idle).toBeLessThan(2_000);
  expect(await under.faults()).toEqual([]);
});
