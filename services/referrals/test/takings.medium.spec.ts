import { uuidFromId } from '#libs/kernel';
import type { Answer } from '#libs/testing';
import { earners } from './earners.js';
import type { Member } from './referrals-under-test.js';

const CONVERSION_COLUMNS = '(id, owner, wallet_id, brand, currency, amount, asset, points, price_micro, reverses, at)';

const earned = earners();
const { promoter, wait, payout, draft, pay, convert, balance, points } = earned;
beforeAll(() => earned.open(), 120_000);
afterAll(() => earned.close(), 60_000);

describe('what is taken never exceeds what was earned', () => {
  it('after a draft, a refund, a second draft and the end of the first: nobody owes what was never paid', async () => {
    const { member, buyer, sells } = await promoter();
    const first = await sells(10_000);
    wait(9);
    const one = await draft();
    expect(one.body.items).toMatchObject([{ gross: 1_000, net: 1_000 }]);
    await earned.under.refund('birch', buyer, first, 6_000);
    await sells(10_000);
    wait(9);
    const two = await draft();
    await payout(`/${one.body.id}/cancel`, 'cl_maker');
    await pay(two.body.id as string);
    const paid = two.body.items[0].net as number;
    const left = 1_400 - paid;
    // 10.00 of the second order and 4.00 of the first were earned, and no fen more
    expect(await balance(member)).toMatchObject({ paid, available: left, debt: 0 });
    expect((await convert(member, left + 1)).body).toMatchObject({ code: 'earnings_insufficient', limit: left });
    expect((await convert(member, left)).status).toBe(201);
    for (let again = 0; again < 3; again += 1)
      expect((await convert(member, 100)).body).toMatchObject({ code: 'earnings_insufficient', limit: 0 });
    expect(await points(member)).toBe(Math.floor(left / 1.05));
    expect(await earned.under.faults()).toEqual([]);
  });

  it('under many parallel conversions and draws', async () => {
    const { member, sells } = await promoter();
    for (let order = 0; order < 3; order += 1) await sells(10_000);
    wait(9);
    const answers = await Promise.all([...Array.from({ length: 6 }, () => convert(member, 1_000)), draft(), draft()]);
    const converted = answers.slice(0, 6).filter(({ status }) => status === 201).length;
    const drawn = answers.slice(6).reduce((sum, { body }) => sum + ((body.net as number | undefined) ?? 0), 0);
    expect(converted * 1_000 + drawn).toBe(3_000);
    expect(await points(member)).toBe(converted * Math.floor(1_000 / 1.05));
    expect(await earned.under.faults()).toEqual([]);
  });
});

it('refunds in slices of one fen take back as many points as one slice', async () => {
  const { member, buyer, sells } = await promoter();
  const order = await sells(1_000);
  wait(9);
  expect((await convert(member, 100)).body.points).toBe(95);
  // each slice lowers the share by one fen
  for (let slice = 0; slice < 40; slice += 1) await earned.under.refund('birch', buyer, order, 10);
  expect(await points(member)).toBe(95 - Math.floor(40 / 1.05));
  await earned.under.refund('birch', buyer, order, 600);
  expect(await points(member)).toBe(0);
  expect(await earned.under.faults()).toEqual([]);
});

const shown = async (member: Member): Promise<Record<string, unknown>[]> =>
  (await earned.under.asBrand('birch', 'GET', `/v1/earnings?kind=member&memberRef=${member.at('birch')}`)).body
    .conversions;

it('lists the newest of many conversions, newest first', async () => {
  const { member, sells } = await promoter();
  await sells(10_000);
  wait(9);
  await convert(member, 100);
  const quietly = (text: string): Promise<unknown> =>
    earned.under.sql(`begin; set local session_replication_role = replica; ${text}; commit`);
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

  it('gives its money back once, whatever is repeated, and debts that it repaid stay repaid', async () => {
    const { member, buyer, sells } = await promoter();
    const first = await sells(10_000);
    wait(9);
    await pay((await draft()).body.id as string);
    await earned.under.refund('birch', buyer, first, 6_000);
    await sells(10_000);
    wait(9);
    // 10.00 earned, 6.00 of it for the debt
    const one = await convert(member, 400);
    expect(await shown(member)).toMatchObject([{ amount: 400, points: 380, state: 'requested', reason: null }]);
    for (let again = 0; again < 2; again += 1) {
      await earned.under.settle(idOf(one), 'wallet_limit_exceeded');
      expect(await balance(member)).toMatchObject({ converted: 0, available: 400, debt: 0, paid: 400 });
      expect(await points(member)).toBe(0);
    }
    await earned.under.settle(idOf(one));
    const declined = { state: 'declined', reason: 'wallet_limit_exceeded' };
    expect(await shown(member)).toMatchObject([
      { amount: -400, points: -380, ...declined },
      { amount: 400, points: 380, ...declined },
    ]);
    expect(await earned.under.faults()).toEqual([]);
    const two = await convert(member, 400);
    expect(two.status).toBe(201);
    await earned.under.settle(idOf(two));
    expect(await shown(member)).toMatchObject([{ state: 'posted', reason: null }, declined, declined]);
    expect(await balance(member)).toMatchObject({ converted: 400, available: 0 });
    expect(await earned.under.faults()).toEqual([]);
  });

  it('gives back what refunds left of it, and a later refund takes no points', async () => {
    const { member, buyer, sells } = await promoter();
    const order = await sells(10_000);
    wait(9);
    const made = await convert(member, 1_000);
    await earned.under.refund('birch', buyer, order, 3_000);
    await earned.under.settle(idOf(made), 'wallet_limit_exceeded');
    expect(await balance(member)).toMatchObject({ converted: 0, available: 700, debt: 0 });
    expect(await points(member)).toBe(0);
    await earned.under.refund('birch', buyer, order, 7_000);
    expect(await balance(member)).toMatchObject({ converted: 0, available: 0, debt: 0, total: 0 });
    expect((await shown(member)).map(({ amount }) => amount)).toEqual([-700, -300, 1_000]);
    expect(await earned.under.faults()).toEqual([]);
  });

  it('is requested again while its answer is unknown; in parallel with refunds and other draws it is still given back once', async () => {
    await expect(earned.under.settle('01981d2c-5b1e-7c3a-9d55-0c7e5a3f1b20', 'x')).rejects.toMatchObject({
      code: 'unavailable',
    });
    const { member, buyer, sells } = await promoter();
    const order = await sells(10_000);
    await sells(10_000);
    wait(9);
    const made = await convert(member, 2_000);
    await Promise.all([
      earned.under.settle(idOf(made), 'wallet_limit_exceeded'),
      earned.under.settle(idOf(made), 'wallet_limit_exceeded'),
      earned.under.refund('birch', buyer, order, 4_000),
      convert(member, 100),
    ]);
    expect(await points(member)).toBeLessThanOrEqual(95);
    const { converted, available } = await balance(member);
    expect(Number(converted) + Number(available)).toBe(1_600);
    expect(await earned.under.faults()).toEqual([]);
  });
});

describe('the database itself', () => {
  const refused = (text: string): Promise<unknown> => earned.under.inService(`${text}; set constraints all immediate`);

  it('refuses to draw more than is free, to convert without a draw, and to pay what was not drawn', async () => {
    // another person is in debt: paid for what was returned
    const other = await promoter();
    const undone = await other.sells(10_000);
    wait(9);
    await pay((await draft()).body.id as string);
    await earned.under.refund('birch', other.buyer, undone, 6_000);
    const { member, sells } = await promoter();
    const order = await sells(10_000);
    wait(9);
    expect((await convert(member, 500)).status).toBe(201);
    const owner = `wallet:${member.walletId}`;
    const [share] = await earned.under.sql<{ id: string }>('select id from commission where order_id = $1', [order]);
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
        insert into payout_item (payout_id, owner, gross, netted, net, shares, hash) select id, '${owner}', 5, 0, 5, '[]', 'h' from p;
        update payout set state = 'released', released_by = 'r', checker = 'c', approved_hash = 'h', released_at = now() where state = 'draft'`),
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
    const before = await earned.under.sql<{ copy: string }>(
      `select coalesce(jsonb_agg(t), '[]')::text as copy from ${table} t`,
    );
    const quietly = (text: string): Promise<unknown> =>
      earned.under.sql(
        `begin; set local session_replication_role = replica; set local row_security = off; ${text}; commit`,
      );
    await quietly(edit);
    const faults = (await earned.under.faults()) as { measured: string }[];
    await quietly(
      `delete from ${table}; insert into ${table} ${table === 'conversion' ? CONVERSION_COLUMNS : ''} overriding user value
       select ${table === 'conversion' ? CONVERSION_COLUMNS.slice(1, -1) : '*'} from jsonb_populate_recordset(null::${table}, '${before[0]?.copy}')`,
    );
    expect(faults.length).toBeGreaterThan(0);
    for (const { measured } of faults) expect(measured).toMatch(/[0-9a-f]{8}-[0-9a-f]{4}/);
    expect(await earned.under.faults()).toEqual([]);
  });
});
