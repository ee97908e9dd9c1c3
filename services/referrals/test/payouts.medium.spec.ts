import type { Answer } from '#libs/testing';
import { earners } from './earners.js';
import type { Member } from './referrals-under-test.js';

const earned = earners();
const { promoter, wait, payout, draft, pay, convert, balance, points } = earned;
beforeAll(() => earned.open(), 120_000);
afterAll(() => earned.close(), 60_000);

describe('a payout', () => {
  it('needs two people, is paid once, and nets later refunds', async () => {
    const { member, buyer, sells } = await promoter();
    const orderId = await sells(10_000);
    wait(9);
    const mine = `wallet:${member.walletId}`;
    const cancelled = await draft();
    expect((await payout(`/${cancelled.body.id}/cancel`, 'cl_maker')).body.state).toBe('cancelled');
    const drawn = await draft();
    expect(drawn.body.items).toContainEqual(expect.objectContaining({ beneficiary: mine, gross: 1_000, net: 1_000 }));
    expect((await draft()).body.code).toBe('payout_empty');
    const id = drawn.body.id as string;
    const askedAnew = async (): Promise<unknown> => {
      await payout(`/${id}/release`, 'cl_maker');
      return earned.under.desk.asked.at(-1)?.payload;
    };
    expect((await earned.under.asOperator('GET', `/v1/operator/payouts/${id}/file`)).body.code).toBe('payout_state');
    earned.under.desk.checker = null;
    const alone = await payout(`/${id}/release`, 'cl_maker');
    expect([alone.status, alone.body.code]).toEqual([403, 'second_person_needed']);
    const asked = earned.under.desk.asked.at(-1)?.payload;
    expect(asked).toMatchObject({ payout: id, net: drawn.body.net, items: drawn.body.items.length });
    await expect(
      earned.under.inService(
        `update payout set state = 'released', checker = 'x', released_by = 'x' where state = 'draft'`,
      ),
    ).rejects.toThrow('payout_two_people');
    expect((await payout(`/${id}/confirm`, 'cl_checker')).body.code).toBe('payout_state');
    // a refund makes it another payout than the approved one
    const other = await sells(100);
    await earned.under.refund('birch', buyer, other, 100);
    expect(asked).toEqual(await askedAnew());
    await earned.under.refund('birch', buyer, orderId, 100);
    expect(await askedAnew()).not.toMatchObject({ hash: (asked as { hash: string }).hash });
    earned.under.desk.checker = 'cl_desk';
    expect((await payout(`/${id}/release`, 'cl_maker')).body).toMatchObject({
      state: 'released',
      releasedBy: 'client:cl_maker',
      checker: 'client:cl_desk',
    });
    // after a crash the step is repeated
    expect((await payout(`/${id}/release`, 'cl_maker')).body.state).toBe('released');
    const file = (await earned.under.asOperator('GET', `/v1/operator/payouts/${id}/file`)).text;
    expect(file).toContain(`"beneficiary":"${mine}"`);
    expect((await payout(`/${id}/confirm`, 'cl_checker')).body.state).toBe('paid');
    expect((await payout(`/${id}/confirm`, 'cl_checker')).body.state).toBe('paid');
    expect((await earned.under.asOperator('GET', `/v1/operator/payouts/${id}/file`)).text).toBe(file);
    const states = await earned.under.sql('select state from commission where order_id = $1', [orderId]);
    expect(states).toEqual([{ state: 'paid' }]);
    await earned.under.refund('birch', buyer, orderId, 4_900);
    await sells(10_000);
    wait(9);
    const next = await draft();
    expect(next.body.items).toContainEqual(
      expect.objectContaining({ beneficiary: mine, gross: 1_000, netted: 490, net: 510 }),
    );
    expect(await earned.under.faults()).toEqual([]);
  });

  it('of a share that is refunded later leaves a debt, which is repaid once from later earnings', async () => {
    const { member, buyer, sells } = await promoter();
    const first = await sells(10_000);
    wait(9);
    await pay((await draft()).body.id as string);
    await earned.under.refund('birch', buyer, first, 6_000);
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
    // the share that repaid the debt shrinks: first points are taken back, then the debt reopens
    await earned.under.refund('birch', buyer, second, 7_000);
    expect(await points(member)).toBe(0);
    expect(await balance(member)).toMatchObject({ converted: 0, debt: 300, available: 0 });
    expect(await earned.under.faults()).toEqual([]);
  });

  it('of a share whose owner somebody edits is named, in whatever rows', async () => {
    const [one, other] = [await promoter(), await promoter()];
    await one.sells(10_000);
    wait(9);
    await earned.under.closeDays();
    const swapped = async (rows: readonly [table: string, column: string][]): Promise<string> => {
      const swap = (from: Member, to: Member): Promise<unknown> =>
        earned.under.sql(
          `begin; set local session_replication_role = replica; set local row_security = off;
           ${rows.map(([table, column]) => `update ${table} set ${column} = 'wallet:${to.walletId}' where ${column} = 'wallet:${from.walletId}'`).join('; ')}; commit`,
        );
      await swap(one.member, other.member);
      const named = (await earned.under.faults()) as { name: string }[];
      await swap(other.member, one.member);
      return named.map(({ name }) => name.replace('referrals: ', '')).join('; ');
    };
    const rows: [string, string][] = [
      ['commission_party', 'owner'],
      ['leg', 'owner'],
      ['decision', 'promoter'],
      ['link', 'owner'],
    ];
    expect(await swapped(rows.slice(0, 1))).toContain('legs and draws belong to the owner of their share');
    expect(await swapped(rows.slice(0, 2))).toContain('shares belong to whom the order');
    expect(await swapped(rows.slice(0, 3))).toContain('the winner of an order owns the link that won it');
    await earned.under.sql(`begin; set local session_replication_role = replica; set local row_security = off;
      update link set owner = owner || '!' where owner = 'wallet:${other.member.walletId}'; commit`);
    expect(await swapped(rows)).toMatch(/links belong to whom they name.*legs of closed days/);
    await earned.under.sql(`begin; set local session_replication_role = replica; set local row_security = off;
      update link set owner = rtrim(owner, '!'); commit`);
    expect(await earned.under.faults()).toEqual([]);
  });

  it.each<[string, string, (one: string, other: string) => string[], boolean]>([
    [
      'item and draws',
      'payout_item, earning_draw',
      (one, other) =>
        ['payout_item', 'earning_draw'].map((t) => `update ${t} set owner = '${other}' where owner = '${one}'`),
      true,
    ],
    [
      'draws',
      'earning_draw',
      (one, other) => [`update earning_draw set owner = '${other}' where owner = '${one}'`],
      true,
    ],
    [
      'amounts',
      'payout_item',
      (one) => [`update payout_item set net = net + 500, gross = gross + 500 where owner = '${one}'`],
      true,
    ],
    [
      'client that approved',
      'payout',
      () => [`update payout set checker = 'client:cl_x' where state = 'released'`],
      false,
    ],
  ])('that somebody edits after the release is named and pays nobody: %s', async (_, tables, edits, isNamed) => {
    const [one, other] = [await promoter(), await promoter()];
    await one.sells(10_000);
    wait(9);
    const { id } = (await draft()).body as { id: string };
    await payout(`/${id}/release`, 'cl_maker');
    const quietly = (sql: readonly string[]): Promise<unknown> =>
      earned.under.sql(
        `begin; set local session_replication_role = replica; set local row_security = off; ${sql.join('; ')}; commit`,
      );
    const before = new Map<string, string>();
    for (const table of tables.split(', ')) {
      const [row] = await earned.under.sql<{ copy: string }>(`select jsonb_agg(t)::text as copy from ${table} t`);
      before.set(table, row?.copy ?? '');
    }
    await quietly(edits(`wallet:${one.member.walletId}`, `wallet:${other.member.walletId}`));
    const named = JSON.stringify(await earned.under.faults());
    expect(named.includes('released payouts are what two people approved')).toBe(isNamed);
    const file = await earned.under.asOperator('GET', `/v1/operator/payouts/${id}/file`);
    expect([file.status, file.body.code]).toEqual([409, 'payout_changed']);
    const confirmed = await payout(`/${id}/confirm`, 'cl_checker');
    expect([confirmed.status, confirmed.body.code]).toEqual([409, 'payout_changed']);
    await quietly(
      [...before].flatMap(([table, copy]) => [
        `delete from ${table}`,
        `insert into ${table} select * from jsonb_populate_recordset(null::${table}, '${copy}')`,
      ]),
    );
    expect(await earned.under.faults()).toEqual([]);
    expect((await payout(`/${id}/confirm`, 'cl_checker')).body.state).toBe('paid');
  });

  it('that shrinks before its release: the bank gets what is left', async () => {
    const { buyer, sells } = await promoter();
    const gone = await promoter();
    const [kept, returned] = [await sells(10_000), await gone.sells(10_000)];
    wait(9);
    const drawn = await draft();
    expect(drawn.body).toMatchObject({ net: 2_000 });
    await earned.under.refund('birch', buyer, kept, 2_500);
    await earned.under.refund('birch', gone.buyer, returned, 10_000);
    const released = await payout(`/${drawn.body.id}/release`, 'cl_checker');
    expect(released.body).toMatchObject({ net: 750, items: [{ gross: 750, netted: 0, net: 750 }] });
    expect(await balance(gone.member)).toMatchObject({ available: 0, debt: 0, total: 0 });
    expect(await earned.under.faults()).toEqual([]);
  });
});

describe('earnings of an erased person', () => {
  const decide = (member: Member, decision: string): Promise<Answer> =>
    earned.under.asOperator(
      'POST',
      '/v1/operator/referrals/erased-payees',
      { beneficiary: `wallet:${member.walletId}`, currency: 'CNY', decision, reason: 'looked into' },
      {},
      'cl_maker',
    );
  const owed = async (member: Member): Promise<unknown> =>
    (
      await earned.under.asOperator('GET', '/v1/operator/referrals/erased-payees?currency=CNY&limit=200')
    ).body.data.find(({ beneficiary }: { beneficiary: string }) => beneficiary === `wallet:${member.walletId}`);
  const names = (answer: Answer): string[] =>
    ((answer.body.items ?? []) as { beneficiary: string }[]).map(({ beneficiary }) => beneficiary);

  it('drop out of an approved draft, whose others are paid as approved', async () => {
    const [one, other] = [await promoter(), await promoter()];
    const keyOf = ({ member }: typeof one): string => `wallet:${member.walletId}`;
    // an erased person also repays a debt
    const before = await one.sells(10_000);
    await other.sells(2_000);
    wait(9);
    await pay((await draft()).body.id as string);
    await earned.under.refund('birch', one.buyer, before, 3_000);
    await one.sells(10_000);
    await other.sells(4_000);
    wait(9);
    const { id } = (await draft()).body as { id: string };
    const { checker } = earned.under.desk;
    earned.under.desk.checker = null;
    expect((await payout(`/${id}/release`, 'cl_checker')).body.code).toBe('second_person_needed');
    await earned.under.leave(one.member);
    expect((await payout(`/${id}/release`, 'cl_checker')).body.code).toBe('second_person_needed');
    earned.under.desk.checker = checker;
    // the approval of the first is valid for the second
    const [approved, again] = earned.under.desk.asked.slice(-2);
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
    const lines = (await earned.under.asOperator('GET', `/v1/operator/payouts/${id}/file`)).text.trim().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { batch: id },
      { beneficiary: keyOf(other), net: 400 },
      { count: 1, net: 400 },
    ]);
    expect((await payout(`/${id}/confirm`, 'cl_checker')).body).toMatchObject({ state: 'paid', net: 400, items: both });
    expect(
      await earned.under.sql(`select amount, given_back, owed, repaid from earning_draw where owner = $1 order by id`, [
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
    expect(await earned.under.faults()).toEqual([]);
  });

  it('are in no draft, block the release of a draft that pays nobody else, and remain owed until two people release them', async () => {
    const [one, other] = [await promoter(), await promoter()];
    await one.sells(10_000);
    wait(9);
    const early = await draft();
    expect(names(early)).toEqual([`wallet:${one.member.walletId}`]);
    await earned.under.leave(one.member);
    const shown = await earned.under.asOperator('GET', `/v1/operator/payouts/${early.body.id}`);
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
    const { checker } = earned.under.desk;
    earned.under.desk.checker = null;
    expect((await decide(one.member, 'release')).body.code).toBe('second_person_needed');
    earned.under.desk.checker = checker;
    expect((await draft()).body.code).toBe('payout_empty');
    expect((await decide(one.member, 'release')).body).toMatchObject({ decision: 'release', amount: 1_000 });
    const late = await draft();
    expect(late.body).toMatchObject({ net: 1_000 });
    await pay(late.body.id as string);
    expect(await owed(one.member)).toBeUndefined();
    expect(await earned.under.faults()).toEqual([]);
  });

  it('do not stop others who earned on the same order from being paid', async () => {
    const member = await earned.under.member(['birch']);
    const buyer = await earned.under.member(['crest', 'birch']);
    const split = { distributor: 600, guide: 400 };
    const shared = { name: 's', poolBp: 1_000, split, targets: ['birch.example'], returnDays: 7 };
    const { id } = (
      await earned.under.asBrand('birch', 'POST', '/v1/offers', { ...shared, validFrom: '2026-01-01T00:00:00Z' })
    ).body;
    await earned.under.asBrand('birch', 'POST', `/v1/offers/${id}/pickups`, { campaign: 'shared' });
    const owner = { kind: 'member', memberRef: member.at('birch') };
    const wanted = { offerId: id, campaign: 'shared', owner, target: 'https://birch.example/' };
    const { code } = (await earned.under.asBrand('birch', 'POST', '/v1/links', wanted)).body;
    const referral = { code, guide: 'G-living' };
    const order = await earned.under.order('birch', buyer, { net: 10_000, fulfilment: 'delivery', referral });
    await earned.under.deliver(buyer, order, earned.under.clock.now());
    wait(9);
    await earned.under.leave(member);
    const drawn = await draft();
    expect(drawn.body.items).toMatchObject([{ beneficiary: 'guide:birch/G-living', net: 400 }]);
    await pay(drawn.body.id as string);
    expect(await owed(member)).toMatchObject({ owed: 600, decision: null });
    expect((await decide(member, 'write_off')).body).toMatchObject({ amount: 600 });
    expect(await earned.under.faults()).toEqual([]);
  });

  it('are written off by two people, and a later refund creates no debt', async () => {
    const { member, buyer, sells } = await promoter();
    const order = await sells(10_000);
    wait(9);
    await earned.under.leave(member);
    expect((await decide(member, 'write_off')).body).toMatchObject({ decision: 'write_off', amount: 1_000 });
    expect(await owed(member)).toBeUndefined();
    expect((await decide(member, 'write_off')).body.code).toBe('payout_empty');
    expect((await draft()).body.code).toBe('payout_empty');
    await earned.under.refund('birch', buyer, order, 4_000);
    expect(
      await earned.under.sql('select amount, given_back, owed from earning_draw where owner = $1', [
        `wallet:${member.walletId}`,
      ]),
    ).toEqual([{ amount: '1000', given_back: '400', owed: '0' }]);
    await expect(earned.under.inService('delete from erased_payee_decision')).rejects.toThrow('append-only');
    expect(await earned.under.faults()).toEqual([]);
  });
});
