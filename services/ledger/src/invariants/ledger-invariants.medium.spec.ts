import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import { uuidv7 } from '#libs/kernel';
import { createClient } from '#libs/postgres';

import {
  aCapture,
  aGiveBack,
  aLot,
  anAccrual,
  anAuthorization,
  aReversal,
  aVoid,
  day,
  LedgerFixture,
} from '../../test/ledger-fixture.js';
import { ledgerInvariants } from './ledger-invariants.js';

/** Books with some of everything in them; each check must see the one thing that is wrong, and nothing else may. */
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
  const expiring = uuidv7();
  const owing = uuidv7();
  const spent = anAuthorization(owing, 'crest', 100, day(0), { captureAtOnce: true });
  const smallSpend = anAuthorization(owing, 'crest', 20, day(0), { captureAtOnce: true });
  const voided = anAuthorization(owing, 'birch', 10);

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
    await postings.reverse(aReversal(gone, 0, [{ issuer: 'aurora', points: 60 }]));
    await postings.returnRedemption(aGiveBack(spent, 80));
    await postings.authorize(smallSpend);
    await postings.accrue(anAccrual(owing, 'birch', [aLot(10)]));
    await postings.authorize(voided);
    await postings.voidHold(aVoid(voided));
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
  /** Does what only somebody with all rights can do, looks, and undoes it. */
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

  const account = (id: string): string => `(select id from account where wallet_id = '${id}')`;
  const brandAccount = (owner: string, kind: string): string =>
    `(select id from account where (owner, kind) = ('${owner}', '${kind}'))`;
  const postingOf = (op: { externalId: string }): string =>
    `(select id from posting where reference = '${op.externalId}' and kind in ('accrual', 'capture') limit 1)`;
  const expiryOf = (brand: string): string =>
    `(select id from posting where kind = 'expiry' and brand = '${brand}' and wallet_id = '${expiring}')`;
  /** Takes the leg of a posting, the last one there, off one brand account and puts it on another, with all counters right. */
  const moveLeg = (posting: string, kind: string, from: string, to: string): string[] => [
    `create temp table leg on commit drop as select * from entry where posting_id = ${posting} and account_id = ${brandAccount(from, kind)}`,
    `delete from entry using leg where entry.account_id = leg.account_id and entry.posting_id = leg.posting_id`,
    `update account_balance b set version = b.version - 1, credits_posted = credits_posted - leg.amount from leg
     where (b.account_id, b.slot) = (leg.account_id, leg.slot)`,
    `insert into account_balance (account_id, slot) select ${brandAccount(to, kind)}, 9 from leg`,
    `insert into entry select ${brandAccount(to, kind)}, 9, 1, posting_id, amount, amount from leg`,
    `update account_balance b set version = 1, credits_posted = leg.amount from leg where b.slot = 9`,
    `update posting set brand = '${to}' where id = ${posting}`,
  ];

  const wrongs: [check: string, statements: () => string[]][] = [
    [
      'postings.legs_sum_to_zero',
      () => [
        `update entry set posting_id = case when posting_id = ${postingOf(captures[0] ?? hold)} then ${postingOf(captures[1] ?? hold)}
           else ${postingOf(captures[0] ?? hold)} end
         where account_id = ${brandAccount('crest', 'accepted')}
           and posting_id in (${postingOf(captures[0] ?? hold)}, ${postingOf(captures[1] ?? hold)})`,
      ],
    ],
    [
      'entries.belong_to_a_posting',
      () => [
        `with b as (update account_balance set version = version + 2, credits_posted = credits_posted + 5, debits_posted = debits_posted + 5
           where account_id = ${brandAccount('crest', 'accepted')} and slot = (select min(slot) from account_balance
             where account_id = ${brandAccount('crest', 'accepted')}) returning *)
         insert into entry select account_id, slot, version - 2 + n, '${uuidv7()}', 15 - 10 * n,
           credits_posted - debits_posted + 10 - 5 * n from b, generate_series(1, 2) n`,
      ],
    ],
    ['postings.equal_their_entries', () => [`update posting set points = points + 1 where id = ${expiryOf('aurora')}`]],
    [
      'entries.on_the_account_they_concern',
      () => [`update posting set brand = 'crest' where id = ${expiryOf('aurora')}`],
    ],
    [
      'entries.run_without_gap',
      () => [
        `update entry set balance_after = balance_after + 1 where account_id = ${account(wallet)} and version = 1`,
      ],
    ],
    [
      'balances.equal_their_entries',
      () => [
        `update account_balance set debits_posted = debits_posted + 5, credits_posted = credits_posted + 5
         where account_id = ${account(wallet)} and slot = 0`,
      ],
    ],
    [
      'wallets.postings_without_gap',
      () => [
        `update account_balance set wallet_version = wallet_version + 1 where account_id = ${account(wallet)} and slot = 0`,
      ],
    ],
    [
      'wallets.equal_their_lots',
      () => [`update account_balance set pending = pending + 1 where account_id = ${account(wallet)} and slot = 0`],
    ],
    [
      'wallets.know_when_something_is_due',
      () => [`update account_balance set next_due = null where account_id = ${account(wallet)} and slot = 0`],
    ],
    [
      'debts.were_met_by_what_can_be_spent',
      () => [
        // as if five points less had repaid the debt
        `update allocation c set points = c.points - 5 * sign(c.points) from posting p
         where p.kind = 'debt_repayment' and (c.wallet_account, c.wallet_version) = (p.wallet_account, p.wallet_version)`,
        `update lot set remaining = remaining + 5, open = true where wallet_account = ${account(owing)} and issuer = 'aurora'`,
        `update account_balance set debt = debt + 5 where account_id = ${account(owing)} and slot = 0`,
      ],
    ],
    ['issued.equals_lots', () => [`update lot set points = points + 1 where id = '${long.id}'`]],
    ['expired.equals_lots', () => moveLeg(expiryOf('aurora'), 'expired', 'aurora', 'crest')],
    ['accepted.equals_holds', () => moveLeg(postingOf(smallSpend), 'accepted', 'crest', 'aurora')],
    [
      'lots.equal_their_allocations',
      () => [
        `update allocation set points = case lot_id when '${short.id}' then points - 3 else points + 3 end
         where posting_id = ${postingOf(captures[2] ?? hold)}`,
      ],
    ],
    [
      'allocations.equal_wallet_entries',
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
        `update lot set held = held - 5, remaining = remaining + 5 where id = '${long.id}'`,
        `update lot set held = held + 5, remaining = remaining - 5 where id = '${other.id}'`,
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
      'orders.equal_their_postings',
      () => [`update purchase set points_earned = points_earned + 1 where id = '${order.id}'`],
    ],
    ['operations.name_their_posting', () => [`update operation set decline = 'x' where subject_id = '${order.id}'`]],
    ['postings.have_one_operation', () => [`delete from operation where subject_id = '${order.id}'`]],
  ];

  it('hold as long as nobody edits the books', async () => {
    expect(await failing()).toEqual([]);
  });

  it.each(wrongs)('%s sees what nobody else sees', async (check, statements) => {
    expect(await failingAfter(statements())).toEqual([check]);
  });

  it('seals.equal_their_postings sees an edit that leaves all sums as they were', async () => {
    const sealed = `select ledger_seal_v1(1000) as n`;
    // a transaction elsewhere on the server may hide the newest rows for a moment
    while (
      (await superuser.query<{ n: number }>('select count(*)::integer as n from posting')).rows[0]?.n !==
      (await sealedRows())
    ) {
      if ((await superuser.query<{ n: number }>(sealed)).rows[0]?.n === 0) await sleep(50);
    }
    expect(await failing()).toEqual([]);
    expect(await failingAfter([`update posting set store = 'elsewhere' where id = ${postingOf(order)}`])).toEqual([
      'seals.equal_their_postings',
    ]);
  });

  it('are all proved here', async () => {
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
