import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import { inCellOf, uuidv7 } from '#libs/kernel';
import { createClient } from '#libs/postgres';

import {
  aCapture,
  aGiveBack,
  aLot,
  anAccrual,
  anAuthorization,
  aReversal,
  aTransfer,
  aVoid,
  day,
  LedgerFixture,
} from '../../test/ledger-fixture.js';
import { ledgerInvariants } from './ledger-invariants.js';

/** Books with every kind of entry. Each check must find exactly its own fault, and no other check may report it. */
describe('the invariants of the ledger', () => {
  let ledger: LedgerFixture;
  let superuser: pg.Client;
  const wallet = uuidv7();
  const [short, long, other] = [
    aLot(100, { expiresAt: day(50) }),
    aLot(40, { expiresAt: day(200) }),
    aLot(60, { expiresAt: day(300) }),
  ];
  const order = anAccrual(wallet, 'aurora', [short, long]);
  const hold = anAuthorization(wallet, 'crest', 120);
  const captures = [50, 30, 30].map((points) => aCapture(hold, points, false));
  const capture = captures[0]?.id ?? '';
  /** Id of a lot of a wallet: it ends with the wallet's last byte. */
  const given = (lot: { id: string }): { id: string } => ({ id: inCellOf(wallet, lot.id) });
  const expiring = uuidv7();
  const owing = uuidv7();
  const spent = anAuthorization(owing, 'crest', 100, day(0), { captureAtOnce: true });
  const smallSpend = anAuthorization(owing, 'crest', 20, day(0), { captureAtOnce: true });
  const voided = anAuthorization(owing, 'birch', 10);
  const [giving, taking] = [uuidv7(), uuidv7()];
  const limited = anAuthorization(giving, 'crest', 10, day(0), { store: 'crest-1' });

  beforeAll(async () => {
    ledger = await LedgerFixture.open();
    superuser = createClient(ledger.db.adminUrl, 'tampering');
    await superuser.connect();
    const { postings } = ledger;
    await postings.accrue(order);
    await postings.accrue(anAccrual(wallet, 'birch', [other, aLot(5, { availableFrom: day(9) })]));
    await postings.authorize(hold);
    for (const capture of captures) await postings.capture(capture);

    for (const brand of ['aurora', 'birch']) {
      await postings.accrue(anAccrual(expiring, brand, [aLot(10, { expiresAt: day(1) })]));
    }
    await postings.settleDue(day(2), 50);

    const gone = anAccrual(owing, 'aurora', [aLot(100)]);
    await postings.accrue(gone);
    await postings.authorize(spent);
    const back = aReversal(gone, 0, [{ issuer: 'aurora', points: 60 }]);
    await postings.reverse({ ...back, returned: { '1': [2, 600] }, lines: [['1', 2, 600]] });
    await postings.returnRedemption(aGiveBack(spent, 80));
    await postings.authorize(smallSpend);
    await postings.accrue(anAccrual(owing, 'birch', [aLot(10)]));
    await postings.authorize(voided);
    await postings.voidHold(aVoid(voided));

    const place = { brand: 'crest', store: 'crest-1' };
    await postings.accrue(
      anAccrual(giving, 'dune', [aLot(20, { places: [place] }), aLot(20, { expiresAt: day(400) })]),
    );
    await postings.authorize(limited);
    await postings.transfer(aTransfer(giving, taking, 15));
  }, 120_000);

  afterAll(async () => {
    await superuser.end();
    await ledger.close();
  });

  const failing = async (): Promise<string[]> => {
    const read = async (sql: string): Promise<{ name: string; expected: string; measured: string }[]> =>
      (await superuser.query<{ name: string; expected: string; measured: string }>(sql)).rows;
    return (await ledgerInvariants(read)).filter(({ ok }) => !ok).map(({ name }) => name);
  };
  /** Makes a change that needs superuser rights, runs the checks, and rolls back. */
  const failingAfter = async (statements: readonly string[]): Promise<string[]> => {
    await superuser.query('begin');
    try {
      await superuser.query('set local session_replication_role = replica');
      for (const sql of statements) expect((await superuser.query(sql)).rowCount).toBeGreaterThan(0);
      return await failing();
    } finally {
      await superuser.query('rollback');
    }
  };

  const brandAccount = (owner: string, kind: string): string =>
    `(select id from brand_account where (owner, kind) = ('${owner}', '${kind}'))`;
  const postingOf = (op: { externalId: string }): string =>
    `(select id from posting where reference = '${op.externalId}' and kind in ('accrual', 'capture') limit 1)`;
  const expiryOf = (brand: string): string =>
    `(select id from posting where kind = 'expiry' and brand = '${brand}' and wallet_id = '${expiring}')`;
  /** Moves the leg of a posting to another brand's account, under that brand's terms. */
  const moveLeg = (posting: string, kind: string, to: string): string[] => [
    `update posting set brand = '${to}', brand_account = ${brandAccount(to, kind)},
       terms_id = case when terms_id is not null then (select id from contract_terms where brand = '${to}' limit 1) end
     where id = ${posting}`,
  ];

  const wrongs: [check: string, statements: () => string[]][] = [
    ['postings.move_what_they_say', () => [`update posting set points = points + 1 where id = ${expiryOf('aurora')}`]],
    ['legs.on_the_account_they_concern', () => [`update posting set brand = 'crest' where id = ${expiryOf('aurora')}`]],
    [
      'postings.go_on_from_each_other',
      () => [
        `update posting set balance_after = balance_after + 1 where wallet_id = '${wallet}' and wallet_version = 1`,
      ],
    ],
    [
      'wallets.equal_their_postings',
      () => [`update wallet set wallet_version = wallet_version + 1 where wallet_id = '${wallet}'`],
    ],
    ['wallets.count_what_a_day_gave', () => [`update wallet set given = given - 1 where wallet_id = '${wallet}'`]],
    [
      'events.in_the_order_of_their_wallet',
      () => [`update posting set xid = '1' where wallet_id = '${wallet}' and wallet_version = 2`],
    ],
    [
      'brands.equal_their_sealed_legs',
      () => [`insert into brand_balance values (1, ${brandAccount('crest', 'accepted')}, 1, 5, 0)`],
    ],
    ['wallets.equal_their_lots', () => [`update lot set pending = true where id = '${given(other).id}'`]],
    ['lots.say_what_they_lost', () => [`update lot set lapsed = lapsed - 1 where wallet_id = '${expiring}'`]],
    ['wallets.know_when_something_is_due', () => [`update wallet set next_due = null where wallet_id = '${wallet}'`]],
    [
      'debts.were_met_by_what_can_be_spent',
      () => [
        // as if five points fewer had repaid the debt
        `update allocation c set points = c.points - 5 * sign(c.points) from posting p
         where p.kind = 'debt_repayment' and (c.wallet_id, c.wallet_version) = (p.wallet_id, p.wallet_version)`,
        `update lot set remaining = remaining + 5, open = true where wallet_id = '${owing}' and issuer = 'aurora'`,
        `update wallet set debt = debt + 5 where wallet_id = '${owing}'`,
        `update posting p set debt_after = debt_after + 5 where wallet_id = '${owing}' and wallet_version =
           (select max(wallet_version) from posting where wallet_id = '${owing}')`,
      ],
    ],
    ['issued.equals_lots', () => [`update lot set points = points + 1 where id = '${given(long).id}'`]],
    ['expired.equals_lots', () => moveLeg(expiryOf('aurora'), 'expired', 'crest')],
    ['accepted.equals_holds', () => moveLeg(postingOf(smallSpend), 'accepted', 'aurora')],
    [
      'lots.equal_their_movements',
      () => [
        `update allocation set points = case lot_id when '${given(short).id}' then points - 3 else points + 3 end
         where posting_id = ${postingOf(captures[2] ?? hold)}`,
      ],
    ],
    [
      'movements.equal_their_postings',
      () => [
        `update allocation set points = case posting_id when ${postingOf(captures[0] ?? hold)} then points - 3 else points + 3 end
         where posting_id in (${postingOf(captures[0] ?? hold)}, ${postingOf(captures[1] ?? hold)})`,
      ],
    ],
    [
      'holds.equal_their_lots',
      () => [`update hold set points = points + 1, released = released + 1 where id = '${voided.id}'`],
    ],
    [
      'lots.held_by_open_holds',
      () => [
        `update lot set held = held - 5, remaining = remaining + 5 where id = '${given(long).id}'`,
        `update lot set held = held + 5, remaining = remaining - 5 where id = '${given(other).id}'`,
      ],
    ],
    [
      'holds.equal_their_postings',
      () => [
        `update hold set returned = case id when '${spent.id}' then returned - 1 else returned + 1 end
         where id in ('${spent.id}', '${smallSpend.id}')`,
      ],
    ],
    [
      'holds.keep_their_quoted_price',
      () => [`update hold set quoted_reimbursement_micro = 7000000 where id = '${hold.id}'`],
    ],
    [
      'orders.equal_their_postings',
      () => [`update purchase set points_earned = points_earned + 1 where id = '${order.id}'`],
    ],
    ['orders.equal_their_returns', () => [`update purchase set returned = null where returned is not null`]],
    ['answers.name_their_posting', () => [`update operation set decline = 'x' where id = '${capture}'`]],
    [
      'postings.have_one_answer',
      () => [`delete from claim where operation_id = '${capture}'`, `delete from operation where id = '${capture}'`],
    ],
    [
      'answers.hold_their_key',
      () => [`update claim set operation_id = '${captures[1]?.id}' where operation_id = '${capture}'`],
    ],
    [
      'keys.lead_to_an_answer',
      () => [`insert into claim values (ledger_cell('${wallet}'), '${wallet}', '${wallet}', '${uuidv7()}')`],
    ],
    [
      'rows.lie_in_the_cell_of_their_wallet',
      () => [
        `insert into order_event (cell, epoch, xid, id, purchase_id, wallet_id, occurred_at, posted_at, brand, member_ref,
           order_external_id, external_id)
         select (cell + 1) & 63, 1, '1', id, id, wallet_id, posted_at, posted_at, brand, member_ref, external_id, 'x' from purchase limit 1`,
      ],
    ],
    [
      'movements.lie_beside_their_posting',
      () => [`update allocation set posting_id = '${wallet}' where lot_id = '${given(long).id}' and points > 0`],
    ],
    [
      'lots.under_terms_of_their_issuer',
      () => [
        `update lot set terms_id = (select id from contract_terms where brand = 'birch' limit 1) where id = '${given(long).id}'`,
      ],
    ],
    [
      'spending.under_terms_of_its_redeemer',
      () => [
        `update hold set terms_id = (select id from contract_terms where brand = 'birch' limit 1) where id = '${hold.id}'`,
      ],
    ],
    ['limited_lots.lie_in_marked_wallets', () => [`update wallet set limited = false where wallet_id = '${taking}'`]],
    ['spending.where_its_lots_allow', () => [`update hold set store = 'crest-2' where id = '${limited.id}'`]],
    ['holds.name_their_draw_order', () => [`update hold set draw_order = 99 where id = '${limited.id}'`]],
    [
      'transfers.have_two_sides',
      () => [`update posting set order_id = '${wallet}' where wallet_id = '${taking}' and kind = 'transfer_in'`],
    ],
    [
      'transfers.keep_their_lots',
      () => [
        `update lot set earned_at = earned_at + interval '1 day' where wallet_id = '${taking}' and places is not null`,
      ],
    ],
    [
      'wallets.can_be_settled',
      () => [
        `insert into due_fault (cell, wallet_id, retry_at, fault) values (ledger_cell('${wallet}'), '${wallet}', now(), 'x')`,
      ],
    ],
  ];

  it('hold as long as nobody edits the books', async () => {
    expect(await failing()).toEqual([]);
  });

  it.each(wrongs)('%s detects what no other check detects', async (check, statements) => {
    expect(await failingAfter(statements())).toEqual([check]);
  });

  it('seals.equal_their_postings detects an edit that leaves all sums unchanged', async () => {
    const sealed = `select ledger_seal_v1(1000) as n`;
    // a transaction elsewhere on the server may delay the newest rows for a moment
    while (
      (await superuser.query<{ n: number }>('select count(*)::integer as n from posting')).rows[0]?.n !==
      (await sealedRows())
    ) {
      if ((await superuser.query<{ n: number }>(sealed)).rows[0]?.n === 0) await sleep(50);
    }
    expect(await failing()).toEqual([]);
    for (const edit of [
      `update hold set expires_at = expires_at + interval '1 day' where id = '${hold.id}'`,
      `update posting set store = 'elsewhere' where id = ${postingOf(order)}`,
      `update lot set available_from = available_from + interval '1 day' where pending and wallet_id = '${wallet}'`,
    ]) {
      expect(await failingAfter([edit])).toEqual(['seals.equal_their_postings']);
    }
  });

  it('are all tested here', async () => {
    const all = await ledgerInvariants(
      async (sql) => (await superuser.query<{ name: string; expected: string; measured: string }>(sql)).rows,
    );
    expect([...wrongs.map(([name]) => name), 'seals.equal_their_postings'].sort()).toEqual(
      all.map(({ name }) => name).sort(),
    );
  });

  async function sealedRows(): Promise<number | undefined> {
    const { rows } = await superuser.query<{ n: number }>(
      'select coalesce(sum(postings), 0)::integer as n from seal_block',
    );
    return rows[0]?.n;
  }
});
