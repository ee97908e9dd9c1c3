import { uuidFromId } from '#libs/kernel';
import type { Answer } from '#libs/testing';
import { referralsUnderTest } from './referrals-under-test.js';
import type { Member, ReferralsUnderTest } from './referrals-under-test.js';

const DAY = 86_400_000;
let under: ReferralsUnderTest;
let offerId: string;
beforeAll(async () => {
  under = await referralsUnderTest(['aurora', 'birch', 'crest']);
  const programme = { contributorBp: 0, conversionPrice: '1.05', validFrom: '2026-01-01T00:00:00Z' };
  await under.asOperator('POST', '/v1/operator/referral-programmes', programme);
  const offer = { name: 'o', poolBp: 1_000, split: { distributor: 1_000 }, targets: ['birch.example'], returnDays: 7 };
  offerId = (await under.asBrand('birch', 'POST', '/v1/offers', { ...offer, validFrom: '2026-01-01T00:00:00Z' })).body
    .id;
  await under.asBrand('birch', 'POST', `/v1/offers/${offerId}/pickups`, { campaign: 'spring' });
}, 120_000);
afterAll(() => under.close(), 60_000);

/** Somebody who recommends, with orders of a friend: each pays him a tenth. */
async function promoter(): Promise<{ member: Member; sells: (net: number) => Promise<string>; buyer: Member }> {
  const member = await under.member(['birch']);
  const buyer = await under.member(['crest', 'birch']);
  const owner = { kind: 'member', memberRef: member.at('birch') };
  const wanted = { offerId, campaign: 'spring', owner, target: 'https://birch.example/' };
  const code = (await under.asBrand('birch', 'POST', '/v1/links', wanted)).body.code as string;
  return { member, buyer, sells: (net) => under.order('birch', buyer, { net, referral: { code } }) };
}

const CONVERSION_COLUMNS = '(id, owner, wallet_id, brand, currency, amount, asset, points, price_micro, reverses, at)';

const wait = (days: number): void => under.clock.set(new Date(under.clock.now().getTime() + days * DAY));
const payout = (path: string, client: string, body?: unknown): Promise<Answer> =>
  under.asOperator('POST', `/v1/operator/payouts${path}`, body, {}, client);
const draft = (): Promise<Answer> => payout('', 'cl_maker', { currency: 'CNY' });
const pay = async (id: string): Promise<void> => {
  await payout(`/${id}/release`, 'cl_checker');
  expect((await payout(`/${id}/confirm`, 'cl_checker')).body.state).toBe('paid');
};
let conversions = 0;
const convert = (member: Member, amount: number): Promise<Answer> =>
  under.asBrand('birch', 'POST', '/v1/earnings/conversions', {
    externalId: `cv-${(conversions += 1)}`,
    memberRef: member.at('birch'),
    amount,
    currency: 'CNY',
  });
const balance = async (member: Member): Promise<Record<string, number>> =>
  (await under.asBrand('birch', 'GET', `/v1/earnings?kind=member&memberRef=${member.at('birch')}`)).body.balances[0];
/** Points that the ledger was told to give, less those to take back. */
const points = async (member: Member): Promise<number> => {
  const rows = await under.sql<{ n: number }>(
    'select coalesce(sum(points), 0)::int as n from conversion where wallet_id = $1',
    [member.walletId],
  );
  return rows[0]?.n ?? 0;
};

describe('what is taken never exceeds what was earned', () => {
  it('after a draft, a refund, a second draft and the end of the first: what was never paid is owed by nobody', async () => {
    const { member, buyer, sells } = await promoter();
    const first = await sells(10_000);
    wait(9);
    const one = await draft();
    expect(one.body.items).toMatchObject([{ gross: 1_000, net: 1_000 }]);
    await under.refund('birch', buyer, first, 6_000);
    await sells(10_000);
    wait(9);
    const two = await draft();
    await payout(`/${one.body.id}/cancel`, 'cl_maker');
    await pay(two.body.id as string);
    const paid = two.body.items[0].net as number;
    const left = 1_400 - paid;
    // 10.00 of the second order and 4.00 of the first were earned, and not a fen more
    expect(await balance(member)).toMatchObject({ paid, available: left, debt: 0 });
    expect((await convert(member, left + 1)).body).toMatchObject({ code: 'earnings_insufficient', limit: left });
    expect((await convert(member, left)).status).toBe(201);
    for (let again = 0; again < 3; again += 1)
      expect((await convert(member, 100)).body).toMatchObject({ code: 'earnings_insufficient', limit: 0 });
    expect(await points(member)).toBe(Math.floor(left / 1.05));
    expect(await under.faults()).toEqual([]);
  });

  it('when money had been paid: the debt is repaid from what comes next, and once', async () => {
    const { member, buyer, sells } = await promoter();
    const first = await sells(10_000);
    wait(9);
    await pay((await draft()).body.id as string);
    await under.refund('birch', buyer, first, 6_000);
    expect(await balance(member)).toMatchObject({ paid: 400, debt: 600, available: 0 });
    const second = await sells(10_000);
    wait(9);
    expect(await balance(member)).toMatchObject({ debt: 600, available: 400 });
    const drawn = await draft();
    expect(drawn.body.items).toMatchObject([{ gross: 1_000, netted: 600, net: 400 }]);
    expect(await balance(member)).toMatchObject({ debt: 0, available: 0 });
    await payout(`/${drawn.body.id}/cancel`, 'cl_maker');
    expect(await balance(member)).toMatchObject({ debt: 600, available: 400 });
    expect((await convert(member, 401)).body).toMatchObject({ code: 'earnings_insufficient', limit: 400 });
    expect((await convert(member, 400)).status).toBe(201);
    // the share that repaid the debt shrinks: points go first, then the debt is open again
    await under.refund('birch', buyer, second, 7_000);
    expect(await points(member)).toBe(0);
    expect(await balance(member)).toMatchObject({ converted: 0, debt: 300, available: 0 });
    expect(await under.faults()).toEqual([]);
  });

  it('when a draft shrinks before it is released: the bank hears what is left', async () => {
    const { buyer, sells } = await promoter();
    const gone = await promoter();
    const [kept, returned] = [await sells(10_000), await gone.sells(10_000)];
    wait(9);
    const drawn = await draft();
    expect(drawn.body).toMatchObject({ net: 2_000 });
    await under.refund('birch', buyer, kept, 2_500);
    await under.refund('birch', gone.buyer, returned, 10_000);
    const released = await payout(`/${drawn.body.id}/release`, 'cl_checker');
    expect(released.body).toMatchObject({ net: 750, items: [{ gross: 750, netted: 0, net: 750 }] });
    expect(await balance(gone.member)).toMatchObject({ available: 0, debt: 0, total: 0 });
    expect(await under.faults()).toEqual([]);
  });

  it('when many convert and draw at once', async () => {
    const { member, sells } = await promoter();
    for (let order = 0; order < 3; order += 1) await sells(10_000);
    wait(9);
    const answers = await Promise.all([...Array.from({ length: 6 }, () => convert(member, 1_000)), draft(), draft()]);
    const converted = answers.slice(0, 6).filter(({ status }) => status === 201).length;
    const drawn = answers.slice(6).reduce((sum, { body }) => sum + ((body.net as number | undefined) ?? 0), 0);
    expect(converted * 1_000 + drawn).toBe(3_000);
    expect(await points(member)).toBe(converted * Math.floor(1_000 / 1.05));
    expect(await under.faults()).toEqual([]);
  });
});

describe('what an erased person earned', () => {
  const decide = (member: Member, decision: string): Promise<Answer> =>
    under.asOperator(
      'POST',
      '/v1/operator/referrals/erased-payees',
      { beneficiary: `wallet:${member.walletId}`, currency: 'CNY', decision, reason: 'looked into' },
      {},
      'cl_maker',
    );
  const owed = async (member: Member): Promise<unknown> =>
    (await under.asOperator('GET', '/v1/operator/referrals/erased-payees?currency=CNY&limit=200')).body.data.find(
      ({ beneficiary }: { beneficiary: string }) => beneficiary === `wallet:${member.walletId}`,
    );
  const names = (answer: Answer): string[] =>
    ((answer.body.items ?? []) as { beneficiary: string }[]).map(({ beneficiary }) => beneficiary);

  it('drops out of an approved draft, whose others are paid as approved', async () => {
    const [one, other] = [await promoter(), await promoter()];
    const keyOf = ({ member }: typeof one): string => `wallet:${member.walletId}`;
    // who leaves also repays a debt
    const before = await one.sells(10_000);
    await other.sells(2_000);
    wait(9);
    await pay((await draft()).body.id as string);
    await under.refund('birch', one.buyer, before, 3_000);
    await one.sells(10_000);
    await other.sells(4_000);
    wait(9);
    const { id } = (await draft()).body as { id: string };
    const { checker } = under.desk;
    under.desk.checker = null;
    expect((await payout(`/${id}/release`, 'cl_checker')).body.code).toBe('second_person_needed');
    await under.leave(one.member);
    expect((await payout(`/${id}/release`, 'cl_checker')).body.code).toBe('second_person_needed');
    under.desk.checker = checker;
    // what the first was approved for is good for the second
    const [approved, again] = under.desk.asked.slice(-2);
    expect(again).toEqual(approved);
    expect(approved?.payload).toMatchObject({ payout: id, items: 2, net: 1_100 });
    const mine = { beneficiary: keyOf(one), gross: 1_000, netted: 300, net: 700, leftOut: true };
    const his = { beneficiary: keyOf(other), gross: 400, netted: 0, net: 400, leftOut: false };
    const both = [mine, his].sort((a, b) => (a.beneficiary < b.beneficiary ? -1 : 1));
    expect((await payout(`/${id}/release`, 'cl_checker')).body).toMatchObject({
      state: 'released',
      net: 400,
      items: both,
    });
    const lines = (await under.asOperator('GET', `/v1/operator/payouts/${id}/file`)).text.trim().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { batch: id },
      { beneficiary: keyOf(other), net: 400 },
      { count: 1, net: 400 },
    ]);
    expect((await payout(`/${id}/confirm`, 'cl_checker')).body).toMatchObject({ state: 'paid', net: 400, items: both });
    expect(
      await under.sql(`select amount, given_back, owed, repaid from earning_draw where owner = $1 order by id`, [
        keyOf(one),
      ]),
    ).toEqual([
      { amount: '1000', given_back: '0', owed: '300', repaid: '0' },
      { amount: '300', given_back: '300', owed: '0', repaid: '0' },
      { amount: '700', given_back: '700', owed: '0', repaid: '0' },
    ]);
    expect(await owed(one.member)).toMatchObject({ owed: 1_000, decision: null });
    expect((await draft()).body.code).toBe('payout_empty');
    expect((await decide(one.member, 'write_off')).body).toMatchObject({ amount: 700 });
    expect(await under.faults()).toEqual([]);
  });

  it('is in no draft, lets none be released that pays nobody else, and stays owed until two people release it', async () => {
    const [one, other] = [await promoter(), await promoter()];
    await one.sells(10_000);
    wait(9);
    const early = await draft();
    expect(names(early)).toEqual([`wallet:${one.member.walletId}`]);
    await under.leave(one.member);
    const shown = await under.asOperator('GET', `/v1/operator/payouts/${early.body.id}`);
    expect(shown.body).toMatchObject({ net: 0, items: [{ net: 1_000, leftOut: true }] });
    expect((await payout(`/${early.body.id}/release`, 'cl_checker')).body.code).toBe('payout_empty');
    expect((await payout(`/${early.body.id}/cancel`, 'cl_maker')).body.state).toBe('cancelled');
    await other.sells(2_000);
    wait(9);
    const without = await draft();
    expect(names(without)).toEqual([`wallet:${other.member.walletId}`]);
    await pay(without.body.id as string);
    expect((await draft()).body.code).toBe('payout_empty');
    expect(await owed(one.member)).toEqual({
      beneficiary: `wallet:${one.member.walletId}`,
      currency: 'CNY',
      owed: 1_000,
      decision: null,
    });
    expect((await decide(other.member, 'release')).status).toBe(404);
    const { checker } = under.desk;
    under.desk.checker = null;
    expect((await decide(one.member, 'release')).body.code).toBe('second_person_needed');
    under.desk.checker = checker;
    expect((await draft()).body.code).toBe('payout_empty');
    expect((await decide(one.member, 'release')).body).toMatchObject({ decision: 'release', amount: 1_000 });
    const late = await draft();
    expect(late.body).toMatchObject({ net: 1_000 });
    await pay(late.body.id as string);
    expect(await owed(one.member)).toBeUndefined();
    expect(await under.faults()).toEqual([]);
  });

  it('keeps nobody from being paid who earned on the same order', async () => {
    const member = await under.member(['birch']);
    const buyer = await under.member(['crest', 'birch']);
    const split = { distributor: 600, guide: 400 };
    const shared = { name: 's', poolBp: 1_000, split, targets: ['birch.example'], returnDays: 7 };
    const { id } = (
      await under.asBrand('birch', 'POST', '/v1/offers', { ...shared, validFrom: '2026-01-01T00:00:00Z' })
    ).body;
    await under.asBrand('birch', 'POST', `/v1/offers/${id}/pickups`, { campaign: 'shared' });
    const owner = { kind: 'member', memberRef: member.at('birch') };
    const wanted = { offerId: id, campaign: 'shared', owner, target: 'https://birch.example/' };
    const { code } = (await under.asBrand('birch', 'POST', '/v1/links', wanted)).body;
    const referral = { code, guide: 'G-living' };
    const order = await under.order('birch', buyer, { net: 10_000, fulfilment: 'delivery', referral });
    await under.deliver(buyer, order, under.clock.now());
    wait(9);
    await under.leave(member);
    const drawn = await draft();
    expect(drawn.body.items).toMatchObject([{ beneficiary: 'guide:birch/G-living', net: 400 }]);
    await pay(drawn.body.id as string);
    expect(await owed(member)).toMatchObject({ owed: 600, decision: null });
    expect((await decide(member, 'write_off')).body).toMatchObject({ amount: 600 });
    expect(await under.faults()).toEqual([]);
  });

  it('is written off by two people, whom a refund owes nothing', async () => {
    const { member, buyer, sells } = await promoter();
    const order = await sells(10_000);
    wait(9);
    await under.leave(member);
    expect((await decide(member, 'write_off')).body).toMatchObject({ decision: 'write_off', amount: 1_000 });
    expect(await owed(member)).toBeUndefined();
    expect((await decide(member, 'write_off')).body.code).toBe('payout_empty');
    expect((await draft()).body.code).toBe('payout_empty');
    await under.refund('birch', buyer, order, 4_000);
    expect(
      await under.sql('select amount, given_back, owed from earning_draw where owner = $1', [
        `wallet:${member.walletId}`,
      ]),
    ).toEqual([{ amount: '1000', given_back: '400', owed: '0' }]);
    await expect(under.inService('delete from erased_payee_decision')).rejects.toThrow('append-only');
    expect(await under.faults()).toEqual([]);
  });
});

it('takes back in slices of one fen the points that one slice takes back', async () => {
  const { member, buyer, sells } = await promoter();
  const order = await sells(1_000);
  wait(9);
  expect((await convert(member, 100)).body.points).toBe(95);
  // each slice lowers the share by one fen
  for (let slice = 0; slice < 40; slice += 1) await under.refund('birch', buyer, order, 10);
  expect(await points(member)).toBe(95 - Math.floor(40 / 1.05));
  await under.refund('birch', buyer, order, 600);
  expect(await points(member)).toBe(0);
  expect(await under.faults()).toEqual([]);
});

const shown = async (member: Member): Promise<Record<string, unknown>[]> =>
  (await under.asBrand('birch', 'GET', `/v1/earnings?kind=member&memberRef=${member.at('birch')}`)).body.conversions;

it('shows the newest of many conversions, newest first', async () => {
  const { member, sells } = await promoter();
  await sells(10_000);
  wait(9);
  await convert(member, 100);
  const quietly = (text: string): Promise<unknown> =>
    under.sql(`begin; set local session_replication_role = replica; ${text}; commit`);
  const own = `wallet_id = '${member.walletId}'`;
  await quietly(`insert into conversion (id, owner, wallet_id, brand, currency, amount, points, price_micro, at)
    select gen_random_uuid(), owner, wallet_id, brand, currency, amount, points, price_micro, at + i * interval '1 second'
      from conversion, generate_series(1, 205) i where ${own}`);
  wait(1);
  const { id } = (await convert(member, 110)).body;
  const conversions = await shown(member);
  await quietly(
    `delete from conversion where ${own} and id not in (select conversion_id from earning_draw where conversion_id is not null)`,
  );
  expect(conversions).toHaveLength(200);
  expect(conversions[0]).toMatchObject({ id, amount: 110 });
  const times = conversions.map(({ at }) => Date.parse(at as string));
  expect(times).toEqual([...times].sort((a, b) => b - a));
});

describe('a conversion that the ledger declined', () => {
  const idOf = ({ body }: Answer): string => uuidFromId('cv', body.id as string) ?? '';

  it('gives its money back, once, whatever comes again, and what repaid a debt stays so', async () => {
    const { member, buyer, sells } = await promoter();
    const first = await sells(10_000);
    wait(9);
    await pay((await draft()).body.id as string);
    await under.refund('birch', buyer, first, 6_000);
    await sells(10_000);
    wait(9);
    // 10.00 earned, 6.00 of it for the debt
    const one = await convert(member, 400);
    expect(await shown(member)).toMatchObject([{ amount: 400, points: 380, state: 'requested', reason: null }]);
    for (let again = 0; again < 2; again += 1) {
      await under.settle(idOf(one), 'wallet_limit_exceeded');
      expect(await balance(member)).toMatchObject({ converted: 0, available: 400, debt: 0, paid: 400 });
      expect(await points(member)).toBe(0);
    }
    await under.settle(idOf(one));
    const declined = { state: 'declined', reason: 'wallet_limit_exceeded' };
    expect(await shown(member)).toMatchObject([
      { amount: -400, points: -380, ...declined },
      { amount: 400, points: 380, ...declined },
    ]);
    expect(await under.faults()).toEqual([]);
    const two = await convert(member, 400);
    expect(two.status).toBe(201);
    await under.settle(idOf(two));
    expect(await shown(member)).toMatchObject([{ state: 'posted', reason: null }, declined, declined]);
    expect(await balance(member)).toMatchObject({ converted: 400, available: 0 });
    expect(await under.faults()).toEqual([]);
  });

  it('gives back what refunds left of it, and a refund after it takes no points', async () => {
    const { member, buyer, sells } = await promoter();
    const order = await sells(10_000);
    wait(9);
    const made = await convert(member, 1_000);
    await under.refund('birch', buyer, order, 3_000);
    await under.settle(idOf(made), 'wallet_limit_exceeded');
    expect(await balance(member)).toMatchObject({ converted: 0, available: 700, debt: 0 });
    expect(await points(member)).toBe(0);
    await under.refund('birch', buyer, order, 7_000);
    expect(await balance(member)).toMatchObject({ converted: 0, available: 0, debt: 0, total: 0 });
    expect((await shown(member)).map(({ amount }) => amount)).toEqual([-700, -300, 1_000]);
    expect(await under.faults()).toEqual([]);
  });

  it('is asked for again while nobody knows it; at once with refunds and other takings it is still given back once', async () => {
    await expect(under.settle('01981d2c-5b1e-7c3a-9d55-0c7e5a3f1b20', 'x')).rejects.toMatchObject({
      code: 'unavailable',
    });
    const { member, buyer, sells } = await promoter();
    const order = await sells(10_000);
    await sells(10_000);
    wait(9);
    const made = await convert(member, 2_000);
    await Promise.all([
      under.settle(idOf(made), 'wallet_limit_exceeded'),
      under.settle(idOf(made), 'wallet_limit_exceeded'),
      under.refund('birch', buyer, order, 4_000),
      convert(member, 100),
    ]);
    expect(await points(member)).toBeLessThanOrEqual(95);
    const { converted, available } = await balance(member);
    expect(Number(converted) + Number(available)).toBe(1_600);
    expect(await under.faults()).toEqual([]);
  });
});

describe('the database itself', () => {
  const refused = (text: string): Promise<unknown> => under.inService(`${text}; set constraints all immediate`);

  it('refuses to take more than is free, to convert without taking, and to pay what was not drawn', async () => {
    const { member, sells } = await promoter();
    const order = await sells(10_000);
    wait(9);
    expect((await convert(member, 500)).status).toBe(201);
    const owner = `wallet:${member.walletId}`;
    const [share] = await under.sql<{ id: string }>('select id from commission where order_id = $1', [order]);
    const conversion = (amount: number): string =>
      `insert into conversion (id, owner, wallet_id, brand, currency, amount, points, price_micro, at)
       values (gen_random_uuid(), '${owner}', '${member.walletId}', 'birch', 'CNY', ${amount}, 1, 1000000, now()) returning id`;
    const draw = (amount: number): string =>
      `with c as (${conversion(amount)}) insert into earning_draw (id, commission_id, party, owner, currency, conversion_id, amount)
       select gen_random_uuid(), '${share?.id}', 'distributor', '${owner}', 'CNY', c.id, ${amount} from c`;
    await expect(refused(draw(501))).rejects.toThrow('commission_party_taken');
    const repayment = `insert into earning_draw (id, commission_id, party, owner, currency, conversion_id, repays, amount)
      select gen_random_uuid(), '${share?.id}', 'distributor', '${owner}', 'CNY', (select id from conversion where owner = '${owner}'), id, 1
        from earning_draw where owed > repaid and owner <> '${owner}' limit 1`;
    await expect(refused(repayment)).rejects.toThrow('nobody repays the debt of another');
    await expect(refused(conversion(1))).rejects.toThrow('is not what was drawn for it');
    await expect(refused('update earning_draw set given_back = amount')).rejects.toThrow();
    await expect(refused('update earning_draw set repaid = 1')).rejects.toThrow('never changed');
    await expect(refused('update earning_draw set owed = 1 where conversion_id is not null')).rejects.toThrow();
    await expect(
      refused(`with p as (insert into payout (id, currency, maker, created_at) values (gen_random_uuid(), 'CNY', 'm', now()) returning id)
        insert into payout_item (payout_id, owner, gross, netted, net, hash) select id, '${owner}', 5, 0, 5, 'h' from p;
        update payout set state = 'released', released_by = 'r', checker = 'c', released_at = now() where state = 'draft'`),
    ).rejects.toThrow('is not what was drawn for it');
  });

  it.each<[string, string, string]>([
    ['a conversion', 'conversion', 'update conversion set amount = amount + 100 where reverses is null'],
    ['its points', 'conversion', 'update conversion set points = points - 1 where reverses is null'],
    ['a taking', 'earning_draw', 'update earning_draw set amount = amount + 1'],
    [
      'what is taken of a share',
      'commission_party',
      'update commission_party set taken = taken + 1 where taken < held',
    ],
    ['a payout', 'payout_item', 'update payout_item set net = net - 1, gross = gross - 1'],
  ])('has its edits found and named: %s', async (_, table, edit) => {
    const before = await under.sql<{ copy: string }>(
      `select coalesce(jsonb_agg(t), '[]')::text as copy from ${table} t`,
    );
    const quietly = (text: string): Promise<unknown> =>
      under.sql(`begin; set local session_replication_role = replica; set local row_security = off; ${text}; commit`);
    await quietly(edit);
    const faults = (await under.faults()) as { measured: string }[];
    await quietly(
      `delete from ${table}; insert into ${table} ${table === 'conversion' ? CONVERSION_COLUMNS : ''} overriding user value
       select ${table === 'conversion' ? CONVERSION_COLUMNS.slice(1, -1) : '*'} from jsonb_populate_recordset(null::${table}, '${before[0]?.copy}')`,
    );
    expect(faults.length).toBeGreaterThan(0);
    for (const { measured } of faults) expect(measured).toMatch(/[0-9a-f]{8}-[0-9a-f]{4}/);
    expect(await under.faults()).toEqual([]);
  });
});
