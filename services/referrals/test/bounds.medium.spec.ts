import { BrandDirectory } from '#libs/directory';
import { referralsUnderTest } from './referrals-under-test.js';
import type { Member, ReferralsUnderTest } from './referrals-under-test.js';

const DAY = 86_400_000;
const MOST = Number.MAX_SAFE_INTEGER;
const FROM = '2026-01-01T00:00:00Z';
let under: ReferralsUnderTest;
beforeAll(async () => {
  under = await referralsUnderTest(['aurora', 'birch', 'crest']);
  const programme = { contributorBp: 200, conversionPrice: '1.05', validFrom: FROM };
  await under.asOperator('POST', '/v1/operator/referral-programmes', programme);
}, 120_000);
afterAll(() => under.close(), 60_000);

const publish = (brand: string, split: Record<string, number>): ReturnType<ReferralsUnderTest['asBrand']> =>
  under.asBrand(brand, 'POST', '/v1/offers', {
    name: 'standing',
    standing: true,
    poolBp: Object.values(split).reduce((sum, share) => sum + share, 0),
    split,
    returnDays: 0,
    validFrom: FROM,
  });
const wait = (days: number): void => under.clock.set(new Date(under.clock.now().getTime() + days * DAY));
const rebates = async (buyer: Member): Promise<string[]> => {
  const rows = await under.sql<{ brand: string }>(
    "select distinct l.brand from leg l join commission c on c.id = l.commission_id where c.wallet_id = $1 and l.party = 'memberRebate'",
    [buyer.walletId],
  );
  return rows.map(({ brand }) => brand).sort();
};

it('absurd amounts of one seller do not delay payouts, days and earnings of others', async () => {
  const buyer = await under.member(['crest', 'aurora', 'birch']);
  expect((await publish('aurora', { store: 5_000, guide: 5_000 })).status).toBe(201);
  expect((await publish('birch', { store: 1_000 })).status).toBe(201);
  for (let order = 0; order < 3; order += 1)
    await under.order('aurora', buyer, { net: MOST, store: 'aurora-1', referral: { guide: 'g-1' } });
  await under.order('birch', buyer, { net: 10_000, store: 'birch-1' });
  wait(3);

  const draft = await under.asOperator('POST', '/v1/operator/payouts', { currency: 'CNY' });
  expect(draft.status).toBe(201);
  const of = (owner: string): unknown =>
    draft.body.items.find(({ beneficiary }: { beneficiary: string }) => beneficiary === owner);
  expect(of('store:birch/birch-1')).toMatchObject({ gross: 1_000, net: 1_000 });
  // three halves of 2^53 − 1 exceed the largest amount of one item: it has the largest, the rest waits
  expect(of('guide:aurora/g-1')).toMatchObject({ net: MOST });
  expect((await under.asOperator('GET', '/v1/operator/referrals/disclosure?currency=CNY')).status).toBe(200);
  expect((await under.asBrand('crest', 'GET', '/v1/earnings')).status).toBe(200);
  const days = await under.asBrand('crest', 'GET', '/v1/commissions/days?from=2026-03-01&to=2026-03-08');
  expect(days.status).toBe(200);
  expect((await under.asBrand('aurora', 'GET', '/v1/earnings?kind=guide&ref=g-1')).status).toBe(200);
});

it('sums beyond 64 bits do not break days, earnings and the disclosure', async () => {
  const buyer = await under.member(['crest', 'aurora', 'birch']);
  for (let order = 0; order < 2; order += 1)
    await under.order('aurora', buyer, { net: 10_000, store: 'aurora-1', referral: { guide: 'g-1' } });
  await under.order('birch', buyer, { net: 10_000, store: 'birch-1' });
  const day = under.clock.now().toISOString().slice(0, 10);
  await under.sql(`begin; set local session_replication_role = replica;
    update leg set amount = 9000000000000000000 where brand = 'aurora' and day = '${day}';
    update commission_party set held = 9000000000000000000 where brand = 'aurora'; commit`);
  wait(1);
  const days = async (brand: string): Promise<unknown> =>
    (await under.asBrand(brand, 'GET', `/v1/commissions/days?from=${day}&to=${day}&as=seller`)).body.data;
  expect(await days('birch')).toMatchObject([{ day, amount: 1_200, final: true }]);
  expect(await days('aurora')).toMatchObject([{ day, amount: MOST, final: true }]);
  expect((await under.asBrand('aurora', 'GET', '/v1/earnings?kind=guide&ref=g-1')).body.balances[0].total).toBe(MOST);
  expect((await under.asOperator('GET', '/v1/operator/referrals/disclosure?currency=CNY')).status).toBe(200);
});

it('converts only the alliance’s currency into points', async () => {
  const member = await under.member(['aurora']);
  const body = { externalId: 'cv-vnd', memberRef: member.at('aurora'), amount: 6_000, currency: 'VND' };
  expect(await under.asBrand('aurora', 'POST', '/v1/earnings/conversions', body)).toMatchObject({
    status: 422,
    body: { code: 'currency_mismatch', errors: [{ pointer: '/currency' }] },
  });
});

it('promises a buyer points only of a seller with a contract to settle them', async () => {
  const directory = under.service.app.get(BrandDirectory, { strict: false });
  const birch = await directory.get('birch');
  if (birch === null) throw new Error('birch is not known');
  await directory.apply({ ...birch, slug: 'dune', name: 'dune', contracts: [] });
  const buyer = await under.member(['crest', 'dune', 'birch']);
  expect((await publish('dune', { memberRebate: 500, store: 100 })).status).toBe(201);
  await publish('birch', { memberRebate: 500 });
  await under.order('dune', buyer, { net: 10_000 });
  await under.order('birch', buyer, { net: 10_000 });
  wait(3);
  await under.sweep();
  expect(await rebates(buyer)).toEqual(['birch']);
});

it('requires two people to turn money into points: for the price, and for more than a million points in one call', async () => {
  const programme = { contributorBp: 200, conversionPrice: '0.000001', validFrom: '2027-01-01T00:00:00Z' };
  const alone = async (answer: Promise<{ status: number; body: { code?: string } }>): Promise<unknown[]> => {
    under.desk.checker = null;
    const { status, body } = await answer;
    under.desk.checker = 'cl_checker';
    return [status, body.code];
  };
  const path = '/v1/operator/referral-programmes';
  expect(await alone(under.asOperator('POST', path, programme))).toEqual([403, 'second_person_needed']);
  // nor may one person alone give contributors more than a tenth
  const share = { contributorBp: 9_000, contributorFloorBp: 0, validFrom: '2027-01-01T00:00:00Z' };
  expect(await alone(under.asOperator('POST', path, share))).toEqual([403, 'second_person_needed']);
  expect(under.desk.asked.at(-1)).toMatchObject({ act: 'referral_programme.create', payload: share });
  const least = { ...share, contributorBp: 0, contributorFloorBp: 1_001 };
  expect(await alone(under.asOperator('POST', path, least))).toEqual([403, 'second_person_needed']);
  expect((await under.asOperator('GET', path)).body.data).toHaveLength(1);
  const modest = { ...share, contributorBp: 1_000, contributorFloorBp: 1_000, validFrom: '2028-01-01T00:00:00Z' };
  expect(await alone(under.asOperator('POST', path, modest))).toEqual([201, undefined]);
  // the same terms again are the same version; other terms from the same instant are none
  const spelled = { ...modest, validFrom: '2028-01-01T08:00:00+08:00', maxDepth: 1 };
  const [again, listed] = [await under.asOperator('POST', path, spelled), await under.asOperator('GET', path)];
  expect(again).toMatchObject({ status: 201, body: listed.body.data[1] });
  expect(listed.body.data).toHaveLength(2);
  expect(await alone(under.asOperator('POST', path, { ...modest, returnDays: 15 }))).toEqual([409, 'rule_conflict']);

  const [member, buyer] = [await under.member(['birch']), await under.member(['crest', 'birch'])];
  const offer = {
    name: 'all',
    poolBp: 10_000,
    split: { distributor: 10_000 },
    targets: ['birch.example'],
    returnDays: 0,
  };
  const { id: offerId } = (await under.asBrand('birch', 'POST', '/v1/offers', { ...offer, validFrom: FROM })).body;
  await under.asBrand('birch', 'POST', `/v1/offers/${offerId}/pickups`, { campaign: 'c' });
  const owner = { kind: 'member', memberRef: member.at('birch') };
  const link = { offerId, campaign: 'c', owner, target: 'https://birch.example/' };
  const { code } = (await under.asBrand('birch', 'POST', '/v1/links', link)).body;
  await under.order('birch', buyer, { net: 5_000_000, referral: { code } });
  wait(3);
  const convert = (externalId: string, amount: number): ReturnType<ReferralsUnderTest['asBrand']> =>
    under.asBrand('birch', 'POST', '/v1/earnings/conversions', {
      externalId,
      memberRef: member.at('birch'),
      amount,
      currency: 'CNY',
    });
  expect(await alone(convert('large', 1_050_002))).toEqual([403, 'second_person_needed']);
  under.desk.checker = null;
  expect((await convert('just', 1_050_000)).body).toMatchObject({ points: 1_000_000 });
  under.desk.checker = 'cl_checker';
  expect((await convert('large', 1_050_002)).body).toMatchObject({ points: 1_000_001 });
  // and the first programme
  expect(under.desk.used).toHaveLength(2);
});
