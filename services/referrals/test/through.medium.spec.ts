import { fromBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { CommissionPostedSchema } from '#libs/contracts';
import type { Answer } from '#libs/testing';
import { referralsUnderTest } from './referrals-under-test.js';
import type { Member, ReferralsUnderTest } from './referrals-under-test.js';

const DAY = 86_400_000;
let under: ReferralsUnderTest;
let offerId: string;
beforeAll(async () => {
  under = await referralsUnderTest(['aurora', 'birch', 'crest']);
  const programme = { contributorBp: 200, conversionPrice: '1.00', validFrom: '2026-01-01T00:00:00Z', returnDays: 7 };
  await under.asOperator('POST', '/v1/operator/referral-programmes', programme);
  const offer = { name: 'o', poolBp: 1_000, split: { distributor: 1_000 }, targets: ['birch.example'], returnDays: 7 };
  offerId = (await under.asBrand('birch', 'POST', '/v1/offers', { ...offer, validFrom: '2026-01-01T00:00:00Z' })).body
    .id;
}, 120_000);
afterAll(() => under.close(), 60_000);

async function code(brand: string, promoter: Member): Promise<string> {
  await under.asBrand(brand, 'POST', `/v1/offers/${offerId}/pickups`, { campaign: 'spring' });
  const owner = { kind: 'member', memberRef: promoter.at(brand) };
  const wanted = { offerId, campaign: 'spring', owner, target: 'https://birch.example/' };
  return (await under.asBrand(brand, 'POST', '/v1/links', wanted)).body.code as string;
}
const earnings = (brand: string, member: Member): Promise<Answer> =>
  under.asBrand(brand, 'GET', `/v1/earnings?kind=member&memberRef=${member.at(brand)}`);
const wait = async (days: number): Promise<void> => {
  under.clock.set(new Date(under.clock.now().getTime() + days * DAY));
  await under.closeDays();
};
let n = 0;
const convert = (brand: string, member: Member, amount: number): Promise<Answer> =>
  under.asBrand(brand, 'POST', '/v1/earnings/conversions', {
    externalId: `cv-${(n += 1)}`,
    memberRef: member.at(brand),
    amount,
    currency: 'CNY',
  });

it('shows and converts to each brand only what a member earned through it', async () => {
  const promoter = await under.member(['aurora', 'birch', 'crest']);
  const buyers = await Promise.all(Array.from({ length: 5 }, () => under.member(['birch'])));
  const codes = { aurora: await code('aurora', promoter), crest: await code('crest', promoter) };
  const all = async (net: number, promotion: string): Promise<string[]> => {
    const orders: string[] = [];
    for (const buyer of buyers)
      orders.push(await under.order('birch', buyer, { net: net / buyers.length, referral: { code: promotion } }));
    return orders;
  };
  await all(10_000, codes.aurora);
  const atCrest = await all(3_000, codes.crest);
  await wait(9);
  expect((await earnings('aurora', promoter)).body.balances).toMatchObject([{ available: 1_000, total: 1_000 }]);
  expect((await earnings('crest', promoter)).body.balances).toMatchObject([{ available: 300, total: 300 }]);
  expect((await earnings('birch', promoter)).body).toMatchObject({ balances: [], conversions: [] });
  expect((await convert('birch', promoter, 1)).body).toMatchObject({ code: 'earnings_insufficient', limit: 0 });
  expect((await convert('crest', promoter, 301)).body).toMatchObject({ code: 'earnings_insufficient', limit: 300 });
  expect((await convert('crest', promoter, 200)).status).toBe(201);
  expect((await earnings('aurora', promoter)).body).toMatchObject({
    balances: [{ available: 1_000, converted: 0 }],
    conversions: [],
  });
  expect((await earnings('crest', promoter)).body.conversions).toMatchObject([{ amount: 200, points: 200 }]);
  // debts through one brand are not shown to another either
  const drawn = await under.asOperator('POST', '/v1/operator/payouts', { currency: 'CNY' }, {}, 'cl_maker');
  expect(drawn.body.net).toBe(1_100);
  await under.asOperator('POST', `/v1/operator/payouts/${drawn.body.id}/release`, undefined, {}, 'cl_checker');
  for (const [n, buyer] of buyers.entries()) await under.refund('birch', buyer, atCrest[n] ?? '', 600);
  expect((await earnings('crest', promoter)).body.balances).toMatchObject([{ available: 0, debt: 100, converted: 0 }]);
  expect((await earnings('aurora', promoter)).body.balances).toMatchObject([{ available: 0, debt: 0, paid: 1_000 }]);
  await all(10_000, codes.aurora);
  await wait(9);
  expect((await earnings('aurora', promoter)).body.balances).toMatchObject([{ available: 1_000, debt: 0 }]);
  // a payout nets everything
  const next = await under.asOperator('POST', '/v1/operator/payouts', { currency: 'CNY' }, {}, 'cl_maker');
  expect(next.body.items).toMatchObject([{ gross: 1_000, netted: 100, net: 900 }]);
  expect(await under.faults()).toEqual([]);
});

it('shows a brand which of its own earnings are past their hold', async () => {
  const buyer = await under.member(['crest', 'birch']);
  const order = await under.order('birch', buyer, { net: 10_000 });
  const own = async (): Promise<unknown> => (await under.asBrand('crest', 'GET', '/v1/earnings')).body.balances;
  const pass = (days: number): void => under.clock.set(new Date(under.clock.now().getTime() + days * DAY));
  expect(await own()).toEqual([]);
  pass(1);
  expect(await own()).toMatchObject([{ held: 200, payable: 0, available: 0 }]);
  pass(8);
  expect(await own()).toMatchObject([{ held: 0, payable: 200, available: 200, debt: 0 }]);
  await under.refund('birch', buyer, order, 5_000);
  expect(await own()).toMatchObject([{ payable: 200, available: 200, total: 200 }]);
  pass(1);
  expect(await own()).toMatchObject([{ payable: 100, available: 100, total: 100 }]);
});

it('shows a brand what it earns as a contributor for closed days, in its earnings and in its days', async () => {
  const buyer = await under.member(['crest', 'aurora']);
  const total = async (): Promise<number> => {
    const { balances } = (await under.asBrand('crest', 'GET', '/v1/earnings')).body as {
      balances: { total: number }[];
    };
    return balances.reduce((sum, balance) => sum + balance.total, 0);
  };
  const days = async (): Promise<number> => {
    const { data } = (await under.asBrand('crest', 'GET', '/v1/commissions/days?from=2020-01-01&to=2100-01-01')).body;
    return (data as { amount: number }[]).reduce((sum, { amount }) => sum + amount, 0);
  };
  const before = await total();
  expect(await days()).toBe(before);
  await under.order('aurora', buyer, { net: 10_000 });
  expect([await total(), await days()]).toEqual([before, before]);
  // another instance's clock is past midnight
  await under.sql('update closed_days set through = through + 1');
  expect([await days(), await total()]).toEqual([before + 200, before + 200]);
  await under.order('aurora', buyer, { net: 10_000 });
  expect([await days(), await total()]).toEqual([before + 200, before + 200]);
});

describe('earnings of its promoters on orders of another brand', () => {
  it('are shown to a brand in sums over five buyers, once a day and past their hold; never for one member', async () => {
    await under.asBrand('aurora', 'POST', `/v1/offers/${offerId}/pickups`, { campaign: 'one' });
    const watched = await under.member(['crest', 'aurora', 'birch']);
    const others = await Promise.all(Array.from({ length: 4 }, () => under.member(['crest', 'birch'])));
    // a guide costs nothing to create: one for a single member, as a guide, a brand and a member
    const made: [Record<string, string>, string][] = [
      [{ kind: 'guide', ref: 'G-watch' }, 'kind=guide&ref=G-watch'],
      [{ kind: 'brand' }, 'kind=brand'],
    ];
    const extra = await under.member(['aurora']);
    made.push([{ kind: 'member', memberRef: extra.at('aurora') }, `kind=member&memberRef=${extra.at('aurora')}`]);
    for (const [owner, query] of made) {
      const read = async (): Promise<string> => (await under.asBrand('aurora', 'GET', `/v1/earnings?${query}`)).text;
      const wanted = { offerId, campaign: 'one', owner, target: 'https://birch.example/' };
      const promotion = (await under.asBrand('aurora', 'POST', '/v1/links', wanted)).body.code as string;
      const buys = (buyer: Member, net: number): Promise<string> =>
        under.order('birch', buyer, { net, referral: { code: promotion } });
      const nothing = await read();
      for (let order = 0; order < 6; order += 1) {
        await buys(watched, 10_000);
        await wait(2);
        expect(await read()).toBe(nothing);
      }
      await wait(9);
      expect(await read()).toBe(nothing);
      for (const [index, buyer] of others.entries()) {
        // the fourth makes five
        const order = await buys(buyer, 1_000 * (index + 1));
        if (index === 0) await under.refund('birch', buyer, order, 500);
        await wait(index < 3 ? 9 : 7);
        expect(await read()).toBe(nothing);
      }
      await wait(2);
      const { balances } = JSON.parse(await read()) as { balances: Record<string, number>[] };
      // 6 × 1,000 of the watched, 50 + 200 + 300 + 400 of the others
      expect(balances).toMatchObject([{ pending: 0, held: 0, payable: 6_950, total: 6_950, available: 6_950 }]);
      const [told, next] = [await read(), await buys(watched, 10_000)];
      expect(next).not.toBe('');
      await wait(9);
      expect(await read()).toBe(told);
    }
    // nor by trying to convert it
    expect((await convert('aurora', extra, 6_951)).body).toMatchObject({ code: 'earnings_insufficient', limit: 6_950 });
    // it is owed and paid nevertheless
    const drawn = await under.asOperator('POST', '/v1/operator/payouts', { currency: 'CNY' }, {}, 'cl_maker');
    expect(drawn.body.items).toContainEqual(
      expect.objectContaining({ beneficiary: 'guide:aurora/G-watch', net: 7_950 }),
    );
    expect(await under.faults()).toEqual([]);
  });

  it('reach the statement of a brand that itself promotes only then, for five buyers of one seller', async () => {
    const heard = async (): Promise<
      { seller: string; at: string; amount: number; leg: string; reverses: string }[]
    > => {
      const rows = await under.sql<{ body: Buffer }>(
        `select body from outbox where type like '%CommissionPosted' order by seq`,
      );
      return rows.flatMap(({ body }) => {
        const { seller, postedAt, legs } = fromBinary(CommissionPostedSchema, body);
        const at = postedAt === undefined ? '' : timestampDate(postedAt).toISOString();
        return legs
          .filter(({ payee }) => payee === 'brand:crest')
          .filter(({ party }) => party === 'distributor')
          .map(({ legId, amount, reversesLegId }) => ({
            seller,
            at,
            amount: Number(amount),
            leg: legId,
            reverses: reversesLegId,
          }));
      });
    };
    const offer = {
      name: 'p',
      poolBp: 1_000,
      split: { distributor: 1_000 },
      targets: ['aurora.example'],
      returnDays: 7,
    };
    const at = { validFrom: '2026-01-01T00:00:00Z' };
    const offers = {
      birch: offerId,
      aurora: (await under.asBrand('aurora', 'POST', '/v1/offers', { ...offer, ...at })).body.id,
    };
    const codes: Record<string, string> = {};
    for (const [seller, id] of Object.entries(offers)) {
      await under.asBrand('crest', 'POST', `/v1/offers/${id}/pickups`, { campaign: 'own' });
      const link = { offerId: id, campaign: 'own', owner: { kind: 'brand' }, target: `https://${seller}.example/` };
      codes[seller] = (await under.asBrand('crest', 'POST', '/v1/links', link)).body.code as string;
    }
    const buyers = await Promise.all(Array.from({ length: 5 }, () => under.member(['crest', 'birch', 'aurora'])));
    const buys = (seller: string, n: number, net: number): Promise<string> =>
      under.order(seller, buyers[n] as Member, { net, referral: { code: codes[seller] ?? '' } });
    const promoted = async (): Promise<number> =>
      (await under.asBrand('crest', 'GET', '/v1/earnings')).body.balances[0].payable as number;
    // six buyers, but neither seller has five
    const first = await buys('birch', 0, 10_000);
    for (const n of [1, 2]) await buys('birch', n, 10_000);
    for (const n of [2, 3, 4]) await buys('aurora', n, 10_000);
    await under.refund('birch', buyers[0] as Member, first, 4_000);
    await wait(10);
    const own = await promoted();
    expect(await heard()).toEqual([]);
    for (const n of [3, 4]) await buys('birch', n, 10_000);
    await wait(10);
    // the five's purchases minus returns, and twice two per cent of their recent purchases at birch, as a contributor
    expect(await promoted()).toBe(own + 4_600 + 400);
    const told = await heard();
    expect(told.map(({ amount }) => amount).sort((a, b) => a - b)).toEqual([600, 1_000, 1_000, 1_000, 1_000]);
    expect(new Set(told.map(({ seller }) => seller))).toEqual(new Set(['birch']));
    // all as of the last midnight of the alliance, regardless of the purchase time
    const midnight = under.clock.now().getTime() - ((under.clock.now().getTime() + 8 * 3_600_000) % DAY);
    expect(new Set(told.map((leg) => leg.at))).toEqual(new Set([new Date(midnight).toISOString()]));
    // settlement receives it when the brand is told: everything at that midnight
    const share = async (from: Date, to: Date): Promise<unknown> => {
      const posted = await under.posted({ from: from.toISOString(), to: to.toISOString() });
      expect(posted).toEqual(await under.sent(from, to));
      return posted['birch distributor brand:crest CNY given'];
    };
    expect(await share(new Date('2026-01-01'), new Date(midnight))).toBeUndefined();
    expect(await share(new Date(midnight), new Date(midnight + 1))).toEqual([5, 4_600_000_000n]);
    await under.refund('birch', buyers[0] as Member, first, 6_000);
    expect(await share(new Date(midnight + 1), new Date('2027-01-01'))).toBeUndefined();
    const [entry] = await under.sql<{ entry_id: string }>('select entry_id from told_share where amount = 600');
    const byName = { postings: [{ postingId: entry?.entry_id }, { postingId: 'no-entry' }] };
    expect(await under.posted(byName)).toEqual({ 'birch distributor brand:crest CNY given': [1, 600_000_000n] });
    expect(await under.posted({ ...byName, to: new Date(midnight).toISOString() })).toEqual({});
    const back = (await heard()).slice(told.length);
    expect(back).toMatchObject([{ amount: -600, reverses: told.find(({ amount }) => amount === 600)?.leg }]);
    expect(await under.faults()).toEqual([]);
  });
});
