import type { Answer } from '#libs/testing';
import { referralsUnderTest } from './referrals-under-test.js';
import type { Member, ReferralsUnderTest } from './referrals-under-test.js';

const DAY = 86_400_000;
let under: ReferralsUnderTest;
let offerId: string;
beforeAll(async () => {
  under = await referralsUnderTest(['birch', 'crest']);
  const offer = { name: 'o', poolBp: 1_000, split: { distributor: 1_000 }, targets: ['birch.example'], returnDays: 7 };
  offerId = (await under.asBrand('birch', 'POST', '/v1/offers', { ...offer, validFrom: '2025-01-01T00:00:00Z' })).body
    .id;
  await under.asBrand('birch', 'POST', `/v1/offers/${offerId}/pickups`, { campaign: 'spring' });
}, 120_000);
afterAll(() => under.close(), 60_000);

async function link(): Promise<{ code: string; promoter: Member }> {
  const promoter = await under.member(['birch']);
  const owner = { kind: 'member', memberRef: promoter.at('birch') };
  const wanted = { offerId, campaign: 'spring', owner, target: 'https://birch.example/' };
  return { code: (await under.asBrand('birch', 'POST', '/v1/links', wanted)).body.code as string, promoter };
}
const before = (days: number): Date => new Date(under.clock.now().getTime() - days * DAY);
const pass = (days: number): void => under.clock.set(before(-days));
const touch = (code: string, buyer: Member, at: Date): Promise<Answer> =>
  under.asBrand('birch', 'POST', '/v1/touches', {
    code,
    kind: 'click',
    memberRef: buyer.at('birch'),
    at: at.toISOString(),
  });
const commission = async (orderId: string): Promise<Record<string, unknown> | undefined> => {
  const { body } = await under.asBrand('birch', 'GET', '/v1/commissions?limit=200');
  return body.data.find((row: { orderId: string }) => row.orderId === orderId);
};
const claim = async (orderId: string): Promise<{ won_by: string; refused: unknown }> =>
  (
    await under.sql<{ won_by: string; refused: unknown }>(
      `select won_by, document->'refused' as refused from decision where order_id = $1`,
      [orderId],
    )
  )[0] ?? { won_by: 'undecided', refused: null };
const available = async (member: Member): Promise<number> =>
  (await under.asBrand('birch', 'GET', `/v1/earnings?kind=member&memberRef=${member.at('birch')}`)).body.balances[0]
    ?.available ?? 0;

describe('the hold', () => {
  it('runs from the receipt of an order that is dated long ago', async () => {
    const { code, promoter } = await link();
    pass(60);
    const buyer = await under.member(['crest', 'birch']);
    const order = await under.order('birch', buyer, {
      net: 10_000,
      at: before(59),
      postedNow: true,
      referral: { code },
    });
    expect(await available(promoter)).toBe(0);
    expect(await commission(order)).toMatchObject({
      state: 'held',
      holdUntil: before(-8).toISOString().replace('.000', ''),
    });
    pass(8);
    expect(await available(promoter)).toBe(1_000);
  });

  it('runs from the report of a delivery that is dated long ago', async () => {
    const { code, promoter } = await link();
    const buyer = await under.member(['crest', 'birch']);
    const order = await under.order('birch', buyer, { net: 10_000, fulfilment: 'delivery', referral: { code } });
    pass(30);
    await under.deliver(buyer, order, before(30), under.clock.now());
    expect(await available(promoter)).toBe(0);
    pass(8);
    expect(await available(promoter)).toBe(1_000);
    expect(await under.faults()).toEqual([]);
  });
});

describe('a claim', () => {
  it('by a code younger than the order does not count', async () => {
    const buyer = await under.member(['crest', 'birch']);
    const { code } = await link();
    const order = await under.order('birch', buyer, { net: 10_000, at: before(1), referral: { code } });
    expect(await claim(order)).toEqual({
      won_by: 'none',
      refused: [{ kind: 'code', value: code, reason: 'younger_than_order' }],
    });
    // till clocks may be a few minutes behind
    const near = new Date(under.clock.now().getTime() - 4 * 60_000);
    const other = await under.order('birch', buyer, { net: 10_000, at: near, referral: { code } });
    expect((await claim(other)).won_by).toBe('code');
  });

  it('by a touch counts from when it was recorded, whatever time was reported', async () => {
    const buyer = await under.member(['crest', 'birch']);
    const { code } = await link();
    pass(10);
    const order = { net: 10_000, at: before(1) };
    expect((await touch(code, buyer, before(5))).status).toBe(201);
    expect((await claim(await under.order('birch', buyer, order))).won_by).not.toBe('click');
    pass(2);
    expect((await claim(await under.order('birch', buyer, { net: 10_000 }))).won_by).toBe('click');
  });

  it('by touches older than any window is not read at all', async () => {
    const buyer = await under.member(['crest', 'birch']);
    const { code } = await link();
    for (let n = 0; n < 3; n += 1) await touch(code, buyer, under.clock.now());
    pass(366);
    const order = await under.order('birch', buyer, { net: 10_000, referral: { code: '0000000000000' } });
    expect(await claim(order)).toMatchObject({ won_by: 'none', refused: [{ kind: 'code' }] });
  });
});
