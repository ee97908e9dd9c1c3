import { referralsUnderTest } from './referrals-under-test.js';
import type { Member, ReferralsUnderTest } from './referrals-under-test.js';

const DAY = 86_400_000;
let under: ReferralsUnderTest;
beforeAll(async () => {
  under = await referralsUnderTest(['aurora', 'birch', 'crest', 'delta']);
  const programme = { contributorBp: 200, validFrom: '2026-01-01T00:00:00Z', returnDays: 7 };
  expect((await under.asOperator('POST', '/v1/operator/referral-programmes', programme)).body.contributorFloorBp).toBe(
    0,
  );
}, 120_000);
afterAll(() => under.close(), 60_000);

const LINES = [
  { lineId: '1', sku: 'latte', category: 'drinks', quantity: 1n, net: 1_000n },
  { lineId: '2', sku: 'roast', category: 'food', quantity: 1n, net: 99_000n },
];

/** Publishes an offer of the seller, with a code of crest's for it. */
async function offered(seller: string, offer: Record<string, unknown>): Promise<{ id: string; code: string }> {
  const defaults = { name: 'o', targets: ['shop.example'], validFrom: '2026-01-01T00:00:00Z', returnDays: 7 };
  const published = await under.asBrand(seller, 'POST', '/v1/offers', { ...defaults, ...offer });
  expect(published.status).toBe(201);
  const { id } = published.body;
  await under.asBrand('crest', 'POST', `/v1/offers/${id}/pickups`, { campaign: 'spring' });
  const link = { offerId: id, campaign: 'spring', owner: { kind: 'brand' }, target: 'https://shop.example/' };
  return { id, code: (await under.asBrand('crest', 'POST', '/v1/links', link)).body.code };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the answer is looked into
async function commission(seller: string, orderId: string): Promise<any> {
  const { body } = await under.asBrand(seller, 'GET', '/v1/commissions?limit=200');
  return body.data.find((row: { orderId: string }) => row.orderId === orderId);
}

async function held(seller: string, orderId: string): Promise<Record<string, number>> {
  const found = await commission(seller, orderId);
  return Object.fromEntries(found.parties.map(({ party, held: n }: { party: string; held: number }) => [party, n]));
}

describe('the contributor’s share of an order with an offer', () => {
  it('is the programme’s default on goods outside the offer: 20.00 of 1,000.00, not 0.20', async () => {
    const split = { contributor: 200, distributor: 800 };
    const { code } = await offered('birch', { poolBp: 1_000, split, categories: ['drinks'] });
    const buyer = await under.member(['aurora', 'birch']);
    const order = await under.order('birch', buyer, { lines: LINES, referral: { code } });
    expect(await held('birch', order)).toEqual({ contributor: 20 + 1_980, distributor: 80 });
    expect(await commission('birch', order)).toMatchObject({
      base: 1_000,
      rest: 99_000,
      pool: 100 + 1_980,
      used: 2_080,
      plan: { poolBp: 1_000, restBp: 200 },
    });
    // food is returned: the offer's share stays
    await under.refund('birch', buyer, order, 99_000, under.clock.now(), '2');
    expect(await held('birch', order)).toEqual({ contributor: 20, distributor: 80 });
    await under.refund('birch', buyer, order, 1_000);
    expect(await held('birch', order)).toEqual({ contributor: 0, distributor: 0 });
    expect((await commission('birch', order)).state).toBe('reversed');
    expect(await under.faults()).toEqual([]);
  });

  it('is no more than the default without an offer, and none at the contributor itself', async () => {
    const buyer = await under.member(['aurora', 'birch', 'delta']);
    const order = await under.order('delta', buyer, { lines: LINES });
    expect(await held('delta', order)).toEqual({ contributor: 2_000 });
    const home = await under.order('aurora', buyer, { lines: LINES });
    expect((await commission('aurora', home)).parties).toEqual([]);
  });

  it('is not cut by an offer’s limits outside the offer’s goods', async () => {
    const split = { contributor: 200, distributor: 800 };
    const limits = { categories: ['drinks'], budget: 10, caps: { order: 10, month: 10 } };
    const { id, code } = await offered('birch', { poolBp: 1_000, split, ...limits });
    const buyer = await under.member(['aurora', 'birch']);
    const order = await under.order('birch', buyer, { lines: LINES, referral: { code } });
    expect(await held('birch', order)).toEqual({ contributor: 2 + 1_980, distributor: 8 });
    expect((await under.asBrand('birch', 'GET', `/v1/offers/${id}`)).body.used).toBe(10);
    await under.refund('birch', buyer, order, 99_000, under.clock.now(), '2');
    expect((await under.asBrand('birch', 'GET', `/v1/offers/${id}`)).body.used).toBe(10);
    await under.refund('birch', buyer, order, 1_000);
    expect((await under.asBrand('birch', 'GET', `/v1/offers/${id}`)).body.used).toBe(0);
    expect(await under.faults()).toEqual([]);
  });

  it('has a floor on goods of the offer, so that a standing offer of 1 bp cannot remove it', async () => {
    const programme = { contributorBp: 200, contributorFloorBp: 150, validFrom: '2026-03-01T00:00:00Z', returnDays: 7 };
    await under.asOperator('POST', '/v1/operator/referral-programmes', programme);
    await offered('delta', { poolBp: 1, split: { contributor: 1 }, standing: true, budget: 1 });
    const buyer = await under.member(['aurora', 'delta']);
    const order = await under.order('delta', buyer, { lines: LINES });
    expect(await held('delta', order)).toEqual({ contributor: 1_500 });
    // an offer above the floor pays its own share
    const { code } = await offered('delta', { poolBp: 300, split: { contributor: 250, distributor: 50 } });
    const promoted = await under.order('delta', buyer, { lines: LINES, referral: { code } });
    expect(await held('delta', promoted)).toEqual({ contributor: 2_500, distributor: 500 });
    // an offer without a share for contributors leaves the default
    const { code: silent } = await offered('delta', { poolBp: 50, split: { distributor: 50 }, budget: 100 });
    const other = await under.order('delta', buyer, { lines: LINES, referral: { code: silent } });
    expect(await held('delta', other)).toEqual({ contributor: 2_000, distributor: 100 });
    expect(await under.faults()).toEqual([]);
  });
});

describe('a binding that arrives after the wait for it ended', () => {
  const giveUp = async (): Promise<void> => {
    await under.sql(`update waiting_event set queued_at = queued_at - interval '61 seconds'`);
    await under.sweep();
  };
  const entries = (orderId: string): Promise<{ n: number }[]> =>
    under.sql(
      `select count(distinct entry_id)::int as n from leg l join commission c on c.id = l.commission_id where order_id = $1`,
      [orderId],
    );
  const stranger = (): Promise<Member> => under.member(['crest', 'birch'], false);

  it('still earns: a separate entry adds the share of what remains, once', async () => {
    const { code } = await offered('birch', { poolBp: 1_000, split: { contributor: 200, distributor: 800 } });
    const buyer = await stranger();
    const order = await under.order('birch', buyer, { net: 10_000, referral: { code } });
    await giveUp();
    expect(await held('birch', order)).toEqual({ distributor: 800 });
    await under.refund('birch', buyer, order, 4_000);
    under.clock.set(new Date(under.clock.now().getTime() + 20 * DAY));
    await under.bind(buyer.walletId, 'aurora');
    expect(await held('birch', order)).toEqual({ contributor: 120, distributor: 480 });
    const posted = await under.sql(
      `select count(*)::int as n from outbox where type like '%CommissionPosted' and key = $1`,
      [order],
    );
    // settlement receives crest's own earnings when crest is told
    expect(posted).toEqual([{ n: 1 }]);
    await under.bind(buyer.walletId, 'aurora');
    expect(await entries(order)).toEqual([{ n: 3 }]);
    await under.refund('birch', buyer, order, 6_000);
    expect(await held('birch', order)).toEqual({ contributor: 0, distributor: 0 });
    expect(await under.faults()).toEqual([]);
  });

  it('earns no more than the offer’s limits leave, and takes nothing from others', async () => {
    const limits = { budget: 850, categories: ['drinks'] };
    const { id, code } = await offered('birch', {
      poolBp: 1_000,
      split: { contributor: 200, distributor: 800 },
      ...limits,
    });
    const buyer = await stranger();
    const order = await under.order('birch', buyer, { net: 10_000, referral: { code } });
    await giveUp();
    await under.bind(buyer.walletId, 'aurora');
    // 1.50 is the floor, which no budget cuts; the 0.50 above it comes from the budget
    expect(await held('birch', order)).toEqual({ contributor: 200, distributor: 800 });
    expect((await under.asBrand('birch', 'GET', `/v1/offers/${id}`)).body.used).toBe(850);
    await under.refund('birch', buyer, order, 5_000);
    expect(await held('birch', order)).toEqual({ contributor: 100, distributor: 400 });
    expect(await under.faults()).toEqual([]);
  });

  it('earns no more than the first split left of the pool, even if a smaller amount to split would give more', async () => {
    // 11 fen are split 1, 5, 5; 10 fen are split 2, 4, 4
    const split = { contributor: 200, distributor: 600, operator: 600 };
    const { code } = await offered('birch', { poolBp: 1_400, split });
    const buyer = await stranger();
    const order = await under.order('birch', buyer, { net: 79, referral: { code } });
    await giveUp();
    await under.refund('birch', buyer, order, 8);
    await under.bind(buyer.walletId, 'aurora');
    expect(await held('birch', order)).toEqual({ contributor: 1, distributor: 4, operator: 4 });
    expect(await commission('birch', order)).toMatchObject({ pool: 11, used: 11 });
    expect(await under.faults()).toEqual([]);
  });

  it('earns within what the budget left when the order was opened, even if other orders have freed some since', async () => {
    const split = { contributor: 400, distributor: 1_600 };
    const { code } = await offered('birch', { poolBp: 2_000, split, budget: 160 });
    const known = await under.member(['birch', 'crest']);
    const first = await under.order('birch', known, { net: 375, referral: { code } });
    expect(await held('birch', first)).toEqual({ distributor: 60 });
    const buyer = await stranger();
    const order = await under.order('birch', buyer, { net: 1_000, referral: { code } });
    await giveUp();
    expect(await held('birch', order)).toEqual({ distributor: 100 });
    await under.refund('birch', known, first, 375);
    await under.refund('birch', buyer, order, 400);
    await under.bind(buyer.walletId, 'aurora');
    // 9 are the floor of 1.5 %, which no budget cuts; 4 of the 15 above it are what 96 leave of 100
    expect(await held('birch', order)).toEqual({ contributor: 9 + 4, distributor: 96 });
    expect(await under.faults()).toEqual([]);
  });

  it('earns on orders that nobody promoted, and nothing at the contributor itself', async () => {
    const buyer = await under.member(['aurora', 'birch'], false);
    const [elsewhere, home] = [
      await under.order('birch', buyer, { net: 10_000 }),
      await under.order('aurora', buyer, { net: 10_000 }),
    ];
    await giveUp();
    expect(await held('birch', elsewhere)).toEqual({});
    await under.bind(buyer.walletId, 'aurora');
    expect(await held('birch', elsewhere)).toEqual({ contributor: 200 });
    expect(await held('aurora', home)).toEqual({});
    expect(await under.faults()).toEqual([]);
  });

  it('is part of a commission held on suspicion, and remains when it is released', async () => {
    const { id } = await offered('birch', { poolBp: 1_000, split: { contributor: 200, distributor: 800 } });
    const buyer = await stranger();
    const owner = { kind: 'member', memberRef: buyer.at('crest') };
    const link = { offerId: id, campaign: 'spring', owner, target: 'https://shop.example/' };
    const { code } = (await under.asBrand('crest', 'POST', '/v1/links', link)).body;
    const order = await under.order('birch', buyer, { net: 10_000, referral: { code } });
    await giveUp();
    expect(await held('birch', order)).toEqual({ distributor: 800 });
    await under.bind(buyer.walletId, 'aurora');
    const suspicious = await commission('birch', order);
    expect(suspicious).toMatchObject({ state: 'held', reason: null });
    expect(await held('birch', order)).toEqual({ contributor: 200, distributor: 800 });
    await under.asOperator('POST', `/v1/operator/referrals/holds/${suspicious.id}/release`, { reason: 'shown' });
    expect(await held('birch', order)).toEqual({ contributor: 200, distributor: 800 });
    expect(await under.faults()).toEqual([]);
  });
});
