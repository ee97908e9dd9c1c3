import { HezongClient, rootOfLegs, verifyDay } from '#libs/sdk';
import type { ShownLeg } from '#libs/sdk';
import { DaysService } from '../src/days/days.service.js';
import { referralsUnderTest } from './referrals-under-test.js';
import type { ReferralsUnderTest } from './referrals-under-test.js';

const DAY = 86_400_000;
let under: ReferralsUnderTest;
beforeAll(async () => {
  under = await referralsUnderTest(['aurora', 'birch', 'crest']);
  const programme = { contributorBp: 200, validFrom: '2026-01-01T00:00:00Z', returnDays: 7 };
  await under.asOperator('POST', '/v1/operator/referral-programmes', programme);
}, 120_000);
afterAll(() => under.close(), 60_000);

interface Total {
  day: string;
  seller: string;
  amount: number;
  legs: number;
  root: string;
  final: boolean;
}
const totals = async (brand: string, as: 'contributor' | 'seller', day: string): Promise<Total[]> =>
  (await under.asBrand(brand, 'GET', `/v1/commissions/days?from=${day}&to=${day}&as=${as}`)).body.data;
/** The seller's view of a day's legs. */
const legs = async (day: string): Promise<ShownLeg[]> => {
  const { body } = await under.asBrand('birch', 'GET', `/v1/commissions?limit=200&day=${day}`);
  return (body.data as { legs: ShownLeg[] }[]).flatMap((commission) =>
    commission.legs.filter((leg) => leg.day === day),
  );
};
const nextDay = (): void => under.clock.set(new Date(under.clock.now().getTime() + DAY));
const today = (): string => new Date(under.clock.now().getTime() + 8 * 3_600_000).toISOString().slice(0, 10);

it('closes a day with separate totals for each side: the seller’s follows from its legs, no root is given twice', async () => {
  const day = today();
  const [mine, other] = [await under.member(['aurora', 'birch']), await under.member(['crest', 'birch'])];
  const order = await under.order('birch', mine, { net: 10_000 });
  for (const net of [5_000, 7_000]) await under.order('birch', mine, { net });
  await under.order('birch', other, { net: 9_000 });
  await under.refund('birch', mine, order, 5_000);
  // a contributor would see each purchase as it is made
  const earned = async (brand: string): Promise<number> =>
    (await under.asBrand(brand, 'GET', '/v1/earnings')).body.balances[0]?.total ?? 0;
  expect(await totals('aurora', 'contributor', day)).toEqual([]);
  expect(await totals('birch', 'seller', day)).toMatchObject([{ amount: 520, final: false }]);
  const before = await earned('aurora');
  nextDay();
  const [kept] = await totals('aurora', 'contributor', day);
  expect(await earned('aurora')).toBe(before + 340);
  expect(kept).toMatchObject({ day, seller: 'birch', amount: 340, legs: 4, final: true });
  const [others] = await totals('crest', 'contributor', day);
  expect(others).toMatchObject({ seller: 'birch', amount: 180, legs: 1, final: true });
  const shown = await legs(day);
  const own = await totals('birch', 'seller', day);
  expect(own).toEqual([
    { day, seller: 'birch', currency: 'CNY', amount: 520, legs: 5, root: await rootOfLegs(shown), final: true },
  ]);
  // no names in legs or totals, and no equal root even for a single leg
  expect(JSON.stringify([shown, own])).not.toMatch(/aurora|crest/);
  expect(shown.filter(({ payee }) => payee === 'alliance')).toHaveLength(5);
  const [single] = shown.filter(({ amount }) => amount === 180);
  expect(await rootOfLegs(single === undefined ? [] : [single])).not.toBe(others?.root);
  expect(await totals('crest', 'seller', day)).toEqual([]);
  // the answer reveals nothing of the network's own ids
  expect(JSON.stringify(shown)).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
});

it('lets a seller verify a day with the client, and reports an exchanged leg', async () => {
  const day = today();
  const buyer = await under.member(['aurora', 'birch']);
  for (const net of [1_000, 2_000, 3_000]) await under.order('birch', buyer, { net });
  nextDay();
  const seller = new HezongClient({
    gateway: under.service.url,
    clientId: 'birch',
    clientSecret: 'secret',
    fetch: async (input, init) =>
      new Request(input).url.endsWith('/oauth/token')
        ? Response.json({ access_token: await under.tokens.brand('birch'), token_type: 'Bearer', expires_in: 60 })
        : fetch(input, init),
  });
  expect(await verifyDay(seller, day)).toMatchObject([{ currency: 'CNY', ok: true }]);
  const swap = (by: number): Promise<unknown> =>
    under.sql(`begin; set local session_replication_role = replica;
      update leg set amount = amount + case when amount = 20 then ${by} else -${by} end where day = '${day}' and amount in (20, 40, 20 + ${by}, 40 - ${by}); commit`);
  await swap(5);
  // the sum is the same, the root differs
  expect(await verifyDay(seller, day)).toMatchObject([
    { ok: false, shown: { amount: 120, legs: 3 }, found: { amount: 120, legs: 3 } },
  ]);
  await under.sql(`begin; set local session_replication_role = replica;
    update leg set amount = case amount when 25 then 20 else 40 end where day = '${day}' and amount in (25, 35); commit`);
  expect(await verifyDay(seller, day)).toMatchObject([{ ok: true }]);
});

it('puts what is recorded after a day was closed into the day on which it is recorded', async () => {
  const day = today();
  const buyer = await under.member(['aurora', 'birch']);
  await under.order('birch', buyer, { net: 10_000 });
  const late = under.clock.now();
  nextDay();
  const [before] = await totals('aurora', 'contributor', day);
  const order = await under.order('birch', buyer, { net: 1_000, at: late });
  expect(await totals('aurora', 'contributor', day)).toEqual([before]);
  expect(await totals('aurora', 'contributor', today())).toEqual([]);
  expect(await totals('birch', 'seller', today())).toMatchObject([{ amount: 20, legs: 1, final: false }]);
  const { body } = await under.asBrand('birch', 'GET', '/v1/commissions?limit=200');
  const found = body.data.find(({ orderId }: { orderId: string }) => orderId === order);
  expect(found.legs).toMatchObject([{ day: today(), postedAt: late.toISOString().replace('.000', '') }]);
  nextDay();
  await totals('aurora', 'contributor', day);
  expect(await under.faults()).toEqual([]);
});

it('a day that cannot be closed delays no other, is named, and is closed when it can be', async () => {
  const day = today();
  const buyer = await under.member(['aurora', 'birch']);
  await under.order('birch', buyer, { net: 1_000 });
  await under.sql(`create function refuse_day() returns trigger language plpgsql as $$ begin raise exception 'no such day'; end $$;
    create trigger refuse_day before insert on commission_day for each row when (new.day = '${day}') execute function refuse_day()`);
  nextDay();
  expect(await totals('aurora', 'contributor', day)).toMatchObject([{ amount: 20, final: false }]);
  const next = today();
  await under.order('birch', buyer, { net: 2_000 });
  nextDay();
  expect(await totals('aurora', 'contributor', next)).toMatchObject([{ amount: 40, final: true }]);
  expect(JSON.stringify(await under.faults())).toContain(`${day} birch aurora CNY`);
  await under.sql('drop trigger refuse_day on commission_day');
  await under.service.app.get(DaysService, { strict: false }).retry();
  expect(await totals('aurora', 'contributor', day)).toMatchObject([{ amount: 20, final: true }]);
  expect(await under.faults()).toEqual([]);
});

it('refuses legs for a closed day, and does not reopen one', async () => {
  const copy = `insert into leg select gen_random_uuid(), gen_random_uuid(), commission_id, brand, party, owner, payee, 1, currency, null, posted_at, day, settled
    from leg where amount > 0 limit 1`;
  await expect(under.inService(copy)).rejects.toThrow('the day is closed');
  await expect(under.inService(`update closed_days set through = '2020-01-01'`)).rejects.toThrow('never opened again');
  await expect(under.inService('update commission_day set amount = 0')).rejects.toThrow('append-only');
});

describe('an edit in the database is detected, with the day and the seller', () => {
  const [FIRST, AMOUNT] = ["(select id from leg where owner = 'brand:aurora' order by day, id limit 1)", 'amount + 1'];
  it.each<[string, string, string]>([
    [
      'of a leg’s amount',
      `update leg set amount = ${AMOUNT} where id = ${FIRST}`,
      `update leg set amount = amount - 1 where id = ${FIRST}`,
    ],
    [
      'of its time',
      `update leg set posted_at = posted_at + interval '1 s' where id = ${FIRST}`,
      `update leg set posted_at = posted_at - interval '1 s' where id = ${FIRST}`,
    ],
    [
      'of its payee',
      `update leg set payee = 'brand:delta' where id = ${FIRST}`,
      `update leg set payee = owner where id = ${FIRST}`,
    ],
    [
      'of its owner',
      `update leg set owner = 'brand:delta' where id = ${FIRST}`,
      `update leg set owner = payee where owner = 'brand:delta'`,
    ],
    [
      'of its day',
      `update leg set day = day - 1 where id = ${FIRST}`,
      `update leg set day = day + 1 where id = ${FIRST}`,
    ],
    [
      'of a root',
      `update commission_day set root = root || 'x' where contributor <> ''`,
      `update commission_day set root = rtrim(root, 'x') where contributor <> ''`,
    ],
    ['of a total', `update commission_day set amount = amount + 1`, `update commission_day set amount = amount - 1`],
  ])('%s', async (_, edit, back) => {
    const quietly = (text: string): Promise<unknown> =>
      under.sql(`begin; set local session_replication_role = replica; ${text}; commit`);
    await quietly(edit);
    const faults = (await under.faults()) as { name: string; measured: string }[];
    await quietly(back);
    expect(faults.find(({ name }) => name.includes('closed days'))?.measured).toMatch(
      /2026-03-0\d birch( aurora)? CNY/,
    );
    expect(await under.faults()).toEqual([]);
  });
});
