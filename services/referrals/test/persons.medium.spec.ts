import { randomRef, uuidv7 } from '#libs/kernel';
import type { Answer } from '#libs/testing';
import { referralsUnderTest } from './referrals-under-test.js';
import type { Member, ReferralsUnderTest } from './referrals-under-test.js';

let under: ReferralsUnderTest;
beforeAll(async () => {
  under = await referralsUnderTest(['aurora', 'birch', 'crest']);
  const programme = { contributorBp: 0, maxDepth: 2, signOff: 'counsel', validFrom: '2026-01-01T00:00:00Z' };
  await under.asOperator('POST', '/v1/operator/referral-programmes', programme);
}, 120_000);
afterAll(() => under.close(), 60_000);

const person = (): Promise<Member> => under.member(['aurora', 'birch', 'crest']);
const register = (brand: string, body: Record<string, unknown>): Promise<Answer> =>
  under.asBrand(brand, 'POST', '/v1/distributors', body);
const asMember = (brand: string, member: Member, introducer?: string): Promise<Answer> =>
  register(brand, { kind: 'member', memberRef: member.at(brand), ...(introducer === undefined ? {} : { introducer }) });
const asGuide = (brand: string, ref: string, member: Member | null, introducer?: string): Promise<Answer> =>
  register(brand, {
    kind: 'guide',
    ref,
    ...(member === null ? {} : { memberRef: member.at(brand) }),
    ...(introducer === undefined ? {} : { introducer }),
  });
const code = ({ status, body }: Answer): unknown[] => [status, body.code];

it('a member whose link has ended, by its tombstone alone, belongs to no brand any more, whatever arrives late', async () => {
  const member = await person();
  expect((await asGuide('aurora', 'G-0', member)).status).toBe(201);
  await under.unlink(member.at('aurora'));
  const gone = await asGuide('aurora', 'G-01', member);
  await under.link(member.at('aurora'), 'aurora', member.walletId, 9n);
  expect([code(gone), code(await asGuide('aurora', 'G-01', member))]).toEqual(Array(2).fill([404, 'not_found']));
  expect((await asGuide('birch', 'G-02', member)).status).toBe(201);
});

it('a member known only to crm so far can earn, and is not taken for one who has left', async () => {
  const [memberRef, walletId] = [randomRef('mb'), uuidv7()];
  const link = { memberRef, walletId, status: 'active', version: 1, changedAt: '2026-01-01T00:00:00Z' };
  under.knownToCrm.set(memberRef, { ...link, brand: 'aurora' });
  const body = { kind: 'member', memberRef };
  expect(code(await register('birch', body))).toEqual([404, 'not_found']);
  expect((await register('aurora', body)).status).toBe(201);
  const gone = (): Promise<object[]> => under.sql('select person_erased($1) as gone', [`wallet:${walletId}`]);
  expect(await gone()).toEqual([{ gone: false }]);
  await under.unlink(memberRef);
  expect(await gone()).toEqual([{ gone: true }]);
  expect(code(await register('aurora', body))).toEqual([404, 'not_found']);
});

describe('a person is one under any keys under which they earn: no third level', () => {
  it('by a guide who was introduced as a member', async () => {
    const [top, middle, third] = [await person(), await person(), await person()];
    const introducer = (await asMember('aurora', top)).body.id as string;
    expect((await asMember('aurora', middle, introducer)).status).toBe(201);
    const alias = (await asGuide('aurora', 'G-1', middle)).body.id as string;
    expect(code(await asMember('aurora', third, alias))).toEqual([422, 'depth_exceeded']);
  });

  it('by registering afterwards who a guide is', async () => {
    const [middle, third] = [await person(), await person()];
    const unknown = (await asGuide('aurora', 'G-4', null)).body.id as string;
    expect((await asMember('aurora', third, unknown)).status).toBe(201);
    const top = (await asMember('aurora', await person())).body.id as string;
    expect((await asMember('aurora', middle, top)).status).toBe(201);
    expect(code(await asGuide('aurora', 'G-4', middle))).toEqual([422, 'depth_exceeded']);
  });

  it('and nobody introduces themselves, or is introduced twice', async () => {
    const one = await person();
    const alias = (await asGuide('aurora', 'G-5', one)).body.id as string;
    expect(code(await asMember('aurora', one, alias))).toEqual([422, 'depth_exceeded']);
    const [first, second] = [await asMember('aurora', await person()), await asMember('aurora', await person())];
    expect((await asMember('aurora', one, first.body.id as string)).status).toBe(201);
    expect(code(await asGuide('aurora', 'G-5', one, second.body.id as string))).toEqual([422, 'depth_exceeded']);
    expect(await under.faults()).toEqual([]);
  });
});

describe('introductions of one brand do not affect another', () => {
  it('nor does a refusal or an answer reveal them', async () => {
    const [top, middle, third] = [await person(), await person(), await person()];
    const introducer = (await asGuide('birch', 'G-2', top)).body.id as string;
    expect((await asMember('birch', middle, introducer)).body.introduced).toBe(true);
    const stranger = await person();
    // crest does the same with a person nobody introduced, and reads the same
    for (const one of [middle, stranger]) {
      const at = await asMember('crest', one);
      expect(at).toMatchObject({ status: 201, body: { introduced: false } });
      const below = await asMember('crest', one === middle ? third : await person(), at.body.id as string);
      expect(below).toMatchObject({ status: 201, body: { introduced: true } });
    }
    const listed = (await under.asBrand('crest', 'GET', '/v1/distributors?limit=200')).body.data as {
      ref: string;
      introduced: boolean;
    }[];
    expect(listed.filter(({ ref }) => [middle, stranger].some((one) => one.at('crest') === ref))).toMatchObject([
      { introduced: false },
      { introduced: false },
    ]);
    expect(await under.faults()).toEqual([]);
  });

  it('and no commission pays a third level', async () => {
    const [top, middle, third, buyer] = [await person(), await person(), await person(), await person()];
    const above = (await asMember('aurora', top)).body.id as string;
    await asMember('aurora', middle, above);
    await asMember('crest', third, (await asMember('crest', middle)).body.id as string);
    const split = { distributor: 600, introducer: 400 };
    const offer = { name: 'two', poolBp: 1_000, split, targets: ['birch.example'], validFrom: '2026-01-01T00:00:00Z' };
    const offerId = (await under.asBrand('birch', 'POST', '/v1/offers', offer)).body.id as string;
    const earners = async (brand: string, promoter: Member): Promise<Record<string, string>> => {
      await under.asBrand(brand, 'POST', `/v1/offers/${offerId}/pickups`, { campaign: 'two' });
      const owner = { kind: 'member', memberRef: promoter.at(brand) };
      const wanted = { offerId, campaign: 'two', owner, target: 'https://birch.example/' };
      const { code: promotion } = (await under.asBrand(brand, 'POST', '/v1/links', wanted)).body;
      const order = await under.order('birch', buyer, { net: 10_000, referral: { code: promotion } });
      const rows = await under.sql<{ party: string; owner: string }>(
        'select party, owner from commission_party where commission_id = (select id from commission where order_id = $1)',
        [order],
      );
      return Object.fromEntries(rows.map((row) => [row.party, row.owner]));
    };
    const key = (one: Member): string => `wallet:${one.walletId}`;
    expect(await earners('crest', third)).toEqual({ distributor: key(third), introducer: key(middle) });
    expect(await earners('aurora', middle)).toEqual({ distributor: key(middle), introducer: key(top) });
    // a person crest did not introduce has no introducer there
    expect(await earners('crest', middle)).toEqual({ distributor: key(middle) });
  });
});

describe('the cap per beneficiary and day', () => {
  const split = { distributor: 600, guide: 400 };
  async function selling(ref: string, seller: Member): Promise<(net: number, guide?: string) => Promise<number>> {
    const offer = { name: 'o', poolBp: 1_000, split, targets: ['birch.example'], caps: { beneficiaryDay: 1_000 } };
    const validFrom = '2026-01-01T00:00:00Z';
    const offerId = (await under.asBrand('birch', 'POST', '/v1/offers', { ...offer, validFrom })).body.id as string;
    await under.asBrand('birch', 'POST', `/v1/offers/${offerId}/pickups`, { campaign: ref });
    const owner = { kind: 'member', memberRef: seller.at('birch') };
    const wanted = { offerId, campaign: ref, owner, target: 'https://birch.example/' };
    const promotion = (await under.asBrand('birch', 'POST', '/v1/links', wanted)).body.code as string;
    return async (net, guide = ref) => {
      const buyer = await under.member(['crest', 'birch']);
      const referral = { code: promotion, guide };
      const order = await under.order('birch', buyer, { net, fulfilment: 'delivery', referral });
      const { body } = await under.asBrand('birch', 'GET', '/v1/commissions?limit=200');
      return body.data.find(({ orderId }: { orderId: string }) => orderId === order).used as number;
    };
  }

  it('applies to all shares of a person in one order', async () => {
    const seller = await person();
    await asGuide('birch', 'G-10', seller);
    const sell = await selling('G-10', seller);
    expect(await sell(20_000)).toBe(1_000);
    expect(await sell(20_000)).toBe(0);
    expect(await under.faults()).toEqual([]);
  });

  it('applies over a day, even if who the guide is becomes known in between', async () => {
    const seller = await person();
    await asGuide('birch', 'G-11', null);
    const sell = await selling('G-11', seller);
    // 6.00 as a member, 4.00 as a guide: two persons as far as the brands know
    expect(await sell(10_000)).toBe(1_000);
    expect(await sell(5_000)).toBe(500);
    await asGuide('birch', 'G-11', seller);
    expect(await sell(5_000)).toBe(0);
    expect(await under.faults()).toEqual([]);
  });

  it('ignores at one brand what a person earns through another', async () => {
    const [promoter, shopper] = [await person(), await person()];
    const offer = { name: 'o', poolBp: 1_000, split: { distributor: 1_000 }, targets: ['birch.example'] };
    const caps = { beneficiaryDay: 1_000 };
    const validFrom = '2026-01-01T00:00:00Z';
    const offerId = (await under.asBrand('birch', 'POST', '/v1/offers', { ...offer, caps, validFrom })).body
      .id as string;
    const code = async (brand: string): Promise<string> => {
      await under.asBrand(brand, 'POST', `/v1/offers/${offerId}/pickups`, { campaign: 'caps' });
      const owner = { kind: 'member', memberRef: promoter.at(brand) };
      const wanted = { offerId, campaign: 'caps', owner, target: 'https://birch.example/' };
      return (await under.asBrand(brand, 'POST', '/v1/links', wanted)).body.code as string;
    };
    const [ofAurora, ofCrest] = [await code('aurora'), await code('crest')];
    const paid = async (promotion: string): Promise<number> => {
      const order = await under.order('birch', shopper, { net: 8_000, referral: { code: promotion } });
      const { body } = await under.asBrand('birch', 'GET', '/v1/commissions?limit=200');
      return body.data.find(({ orderId }: { orderId: string }) => orderId === order).used as number;
    };
    expect(await paid(ofAurora)).toBe(800);
    expect(await paid(ofCrest)).toBe(800);
    expect(await paid(ofAurora)).toBe(200);
    expect(await under.faults()).toEqual([]);
  });
});
