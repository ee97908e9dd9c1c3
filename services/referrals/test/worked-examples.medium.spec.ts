import { referralsUnderTest } from './referrals-under-test.js';
import type { Member, ReferralsUnderTest } from './referrals-under-test.js';

let under: ReferralsUnderTest;
beforeAll(async () => {
  under = await referralsUnderTest(['aurora', 'birch', 'crest']);
  const programme = {
    contributorBp: 0,
    maxDepth: 2,
    signOff: 'counsel 2026-01',
    conversionPrice: '1.05',
    validFrom: '2026-01-01T00:00:00Z',
  };
  expect((await under.asOperator('POST', '/v1/operator/referral-programmes', programme)).status).toBe(201);
}, 120_000);
afterAll(() => under.close(), 60_000);

/** birch publishes, aurora picks, and a member of aurora gets a code, and so does the member's introducer, if any. */
async function campaign(
  split: Record<string, number>,
  over: Record<string, unknown> = {},
): Promise<{ code: string; promoter: Member; introducer: Member }> {
  const poolBp = Object.values(split).reduce((a, b) => a + b, 0);
  const offer = { name: 'o', poolBp, split, targets: ['birch.example'], validFrom: '2026-01-01T00:00:00Z', ...over };
  const published = await under.asBrand('birch', 'POST', '/v1/offers', offer);
  expect(published.status).toBe(201);
  const offerId = published.body.id as string;
  expect((await under.asBrand('aurora', 'POST', `/v1/offers/${offerId}/pickups`, { campaign: 'spring' })).status).toBe(
    201,
  );
  const [introducer, promoter] = [await under.member(['aurora']), await under.member(['aurora'])];
  const first = await under.asBrand('aurora', 'POST', '/v1/distributors', {
    kind: 'member',
    memberRef: introducer.at('aurora'),
  });
  const second = { kind: 'member', memberRef: promoter.at('aurora'), introducer: first.body.id };
  expect((await under.asBrand('aurora', 'POST', '/v1/distributors', second)).status).toBe(201);
  const link = {
    offerId,
    campaign: 'spring',
    owner: { kind: 'member', memberRef: promoter.at('aurora') },
    target: 'https://birch.example/',
  };
  const made = await under.asBrand('aurora', 'POST', '/v1/links', link);
  expect(made.status).toBe(201);
  return { code: made.body.code as string, promoter, introducer };
}

async function parties(orderId: string): Promise<Record<string, number>> {
  const { body } = await under.asBrand('birch', 'GET', '/v1/commissions?limit=200');
  const commission = body.data.find((row: { orderId: string }) => row.orderId === orderId);
  return Object.fromEntries(
    commission.parties.map(({ party, held }: { party: string; held: number }) => [party, held]),
  );
}

const SEVEN = {
  memberRebate: 300,
  contributor: 250,
  distributor: 300,
  introducer: 50,
  store: 120,
  guide: 80,
  operator: 100,
};
const seven = async (net: number): Promise<{ orderId: string; buyer: Member }> => {
  const { code } = await campaign(SEVEN);
  const buyer = await under.member(['aurora', 'birch']);
  const orderId = await under.order('birch', buyer, {
    net,
    store: 'birch-1',
    fulfilment: 'delivery',
    referral: { code, guide: 'G-7' },
  });
  return { orderId, buyer };
};

it('splits 100.00 and 33.33 among seven parties, and takes a refund of 40.00 back', async () => {
  const small = await seven(3_333);
  expect(await parties(small.orderId)).toEqual({
    memberRebate: 100,
    contributor: 83,
    distributor: 100,
    introducer: 17,
    store: 40,
    guide: 27,
    operator: 33,
  });
  const { orderId, buyer } = await seven(10_000);
  expect(await parties(orderId)).toEqual({
    memberRebate: 300,
    contributor: 250,
    distributor: 300,
    introducer: 50,
    store: 120,
    guide: 80,
    operator: 100,
  });
  await under.refund('birch', buyer, orderId, 4_000);
  expect(await parties(orderId)).toEqual({
    memberRebate: 180,
    contributor: 150,
    distributor: 180,
    introducer: 30,
    store: 72,
    guide: 48,
    operator: 60,
  });
  const rebates = await under.sql(`select count(*)::int as n from outbox where type like '%RebateDue'`);
  expect(rebates).toEqual([{ n: 3 }]);
});

it('owes persons their share in money, without the buyer’s rebate, which is points', async () => {
  const owed = async (): Promise<number> =>
    Number((await under.asService('GET', '/internal/v1/owed')).body.owed[0]?.amount ?? 0);
  const before = await owed();
  const { orderId, buyer } = await seven(10_000);
  expect((await owed()) - before).toBe(300 + 50 + 120 + 80);
  await under.refund('birch', buyer, orderId, 10_000);
  expect(await owed()).toBe(before);
});

it('ends at zero after refunds of 33.33, 33.33 and 33.34', async () => {
  const { orderId, buyer } = await seven(10_000);
  for (const net of [3_333, 3_333, 3_334]) await under.refund('birch', buyer, orderId, net);
  expect(Object.values(await parties(orderId)).every((held) => held === 0)).toBe(true);
  expect(await under.faults()).toEqual([]);
});

describe('100.00 on an order of 1,000.00 with a contributor', () => {
  const split = { distributor: 600, introducer: 100, contributor: 200, operator: 100 };
  it('is 20.00, 70.00 and 10.00, and 40 % come back', async () => {
    const { code } = await campaign(split);
    const buyer = await under.member(['aurora', 'birch']);
    const orderId = await under.order('birch', buyer, { net: 100_000, referral: { code } });
    expect(await parties(orderId)).toEqual({
      contributor: 2_000,
      distributor: 6_000,
      introducer: 1_000,
      operator: 1_000,
    });
    await under.refund('birch', buyer, orderId, 40_000);
    expect(await parties(orderId)).toEqual({ contributor: 1_200, distributor: 3_600, introducer: 600, operator: 600 });
    const legs = await under.sql<{ payee: string; amount: string }>(
      `select payee, sum(amount)::text as amount from leg join commission c on c.id = commission_id where order_id = $1 and amount < 0 group by 1 order by 1`,
      [orderId],
    );
    expect(legs).toEqual([
      { payee: 'brand:aurora', amount: '-800' },
      { payee: 'members', amount: '-2800' },
      { payee: 'operator', amount: '-400' },
    ]);
  });

  it('becomes 5,714 points once the hold is over; a later refund takes 2,285 back', async () => {
    const { code, promoter } = await campaign(split);
    // settlement's total owed to persons, in hundredths of a fen
    const owed = async (): Promise<number> => {
      const { body } = await under.asService('GET', '/internal/v1/owed');
      return Math.round(Number(body.owed[0]?.amount ?? 0) * 100);
    };
    const before = await owed();
    const buyer = await under.member(['aurora', 'birch']);
    const orderId = await under.order('birch', buyer, { net: 100_000, referral: { code } });
    const convert = (externalId: string) =>
      under.asBrand('aurora', 'POST', '/v1/earnings/conversions', {
        externalId,
        memberRef: promoter.at('aurora'),
        amount: 6_000,
        currency: 'CNY',
      });
    expect(await owed()).toBe(before + 700_000);
    expect((await convert('early')).body).toMatchObject({ code: 'earnings_insufficient', limit: 0 });
    under.clock.set(new Date(under.clock.now().getTime() + 15 * 86_400_000));
    // as if many had bought, so the brand has been told
    await under.sql('update commission_party set told = true');
    const converted = await convert('cv-1');
    expect(converted.body).toMatchObject({ points: 5_714, cost: '5999.70', remainder: '0.30', price: '1.05' });
    expect((await convert('cv-1')).text).toBe(converted.text);
    expect((await convert('cv-2')).body.code).toBe('earnings_insufficient');
    expect(await owed()).toBe(before + 700_000 - 599_970);
    await under.refund('birch', buyer, orderId, 40_000);
    expect(await owed()).toBe(before + 700_000 - 599_970 - 280_000 + 239_925);
    const { body } = await under.asBrand(
      'aurora',
      'GET',
      `/v1/earnings?kind=member&memberRef=${promoter.at('aurora')}`,
    );
    expect(body.conversions).toMatchObject([
      { amount: -2_400, points: -2_285, cost: '-2399.25', remainder: '-0.75' },
      { amount: 6_000, points: 5_714, cost: '5999.70', remainder: '0.30' },
    ]);
    expect(body.balances).toMatchObject([{ payable: 3_600, converted: 3_600, available: 0, debt: 0 }]);
    expect(await under.faults()).toEqual([]);
  });
});
