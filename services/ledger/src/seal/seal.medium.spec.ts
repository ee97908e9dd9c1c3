import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { uuidv7, uuidv7For } from '#libs/kernel';
import {
  aCapture,
  aLot,
  anAccrual,
  anAuthorization,
  aReversal,
  aTransfer,
  day,
  LedgerFixture,
} from '../../test/ledger-fixture.js';
import { ledgerInvariants } from '../invariants/ledger-invariants.js';

interface Victim {
  id: string;
  cell: number;
  seq: string;
  wallet_id: string;
  wallet_version: string;
}

describe('the audit chains', () => {
  let ledger: LedgerFixture;
  let superuser: pg.Client;
  beforeAll(async () => {
    ledger = await LedgerFixture.open();
    superuser = new pg.Client({ connectionString: ledger.db.adminUrl });
    await superuser.connect();
  }, 120_000);
  afterAll(async () => {
    await superuser.end();
    await ledger.close();
  });

  const work = async (wallet = uuidv7()): Promise<void> => {
    const order = anAccrual(wallet, 'aurora', [aLot(30), aLot(40, { expiresAt: day(90) })]);
    await ledger.postings.accrue(order);
    await ledger.postings.transfer(aTransfer(wallet, uuidv7(), 10));
    const hold = anAuthorization(wallet, 'crest', 50);
    await ledger.postings.authorize(hold);
    await ledger.postings.capture(aCapture(hold, null));
    await ledger.postings.reverse(aReversal(order, 0, [{ issuer: 'aurora', points: 60 }]));
  };
  /** Seals with the service's own role. A transaction elsewhere on the server may delay the newest rows for a moment. */
  const sealAll = async (limit: number): Promise<void> => {
    const app = new pg.Client({ connectionString: ledger.db.databaseUrl });
    await app.connect();
    const open = `select (select count(*) from posting) - coalesce((select sum(postings) from seal_block), 0)`;
    for (let waited = 0; Number(await ledger.value(open)) > 0 && waited < 20_000; waited += 50) {
      const { rows } = await app.query<{ sealed: number }>('select ledger_seal_v1($1) as sealed', [limit]);
      if (rows[0]?.sealed === 0) await sleep(50);
    }
    await app.end();
    expect(Number(await ledger.value(open))).toBe(0);
  };
  const faults = async (newest: number | null = null): Promise<Record<string, unknown>[]> =>
    (await superuser.query<Record<string, unknown>>('select * from ledger_verify_v1($1)', [newest])).rows;
  const failing = async (): Promise<string[]> => {
    const checks = await ledgerInvariants(
      async (sql) => (await superuser.query<{ name: string; expected: string; measured: string }>(sql)).rows,
    );
    return checks.filter(({ ok }) => !ok).map(({ name }) => name);
  };

  /** Makes a change that needs superuser rights, runs the checks, and rolls back. */
  const tampered = async <T>(sql: string, look: () => Promise<T>): Promise<T> => {
    await superuser.query('begin');
    try {
      await superuser.query('set local session_replication_role = replica');
      expect((await superuser.query(sql)).rowCount).toBeGreaterThan(0);
      return await look();
    } finally {
      await superuser.query('rollback');
    }
  };
  const faultAfter = async (sql: string): Promise<Record<string, unknown> | undefined> =>
    (await tampered(sql, faults))[0];
  const victim = async (kind: string): Promise<Victim> => {
    const { rows } = await superuser.query<Victim>(
      `select id, cell, seq, wallet_id, wallet_version from posting where kind = $1 order by seq offset 2 limit 1`,
      [kind],
    );
    const [found] = rows;
    if (found === undefined) throw new Error(`there is no ${kind}`);
    return found;
  };

  it('seal every committed posting once, those of each cell in one chain', async () => {
    for (let i = 0; i < 5; i += 1) await work();
    await sealAll(4);
    await work();
    await sealAll(100);
    const chains = await superuser.query<{ cell: number; postings: string; blocks: string; last: string }>(
      'select cell, sum(postings) as postings, count(*) as blocks, max(number) as last from seal_block group by 1 order by 1',
    );
    const cells = await superuser.query(
      'select get_byte(uuid_send(wallet_id), 15) % 64 as cell, count(*) as postings from posting group by 1 order by 1',
    );
    expect(chains.rows.map(({ cell, postings }) => ({ cell, postings }))).toEqual(cells.rows);
    expect(chains.rows.every(({ blocks, last }) => blocks === last)).toBe(true);
    expect(await faults()).toEqual([]);
    expect(await faults(1)).toEqual([]);
  });

  it('name the posting whose row, legs, movements, lots or order were changed', async () => {
    const fault = 'the posting, its movements, its lots or its hold were changed';
    const accrual = await victim('accrual');
    const capture = await victim('capture');
    const authorization = await victim('authorization');
    const heldBy = `id = (select hold_id from posting where id = '${authorization.id}')`;
    const reversal = await victim('accrual_reversal');
    const transfer = await victim('transfer_in');
    const firstLot = `wallet_id = '${accrual.wallet_id}' and id = (select lot_id from posting where id = '${accrual.id}')`;
    const secondLot = `wallet_id = '${accrual.wallet_id}' and id = (select lot_id from allocation where posting_id = '${accrual.id}')`;
    const debtLot = `wallet_id = '${reversal.wallet_id}' and posting_id = '${reversal.id}' and debt`;
    const edits: readonly (readonly [Victim, string])[] = [
      [capture, `update posting set points = points + 1 where id = '${capture.id}'`],
      [capture, `update posting set brand = 'birch' where id = '${capture.id}'`],
      [capture, `update posting set terms_id = terms_id + 1 where id = '${capture.id}'`],
      // a leg, with the fields that must agree with it
      [capture, `update posting set brand_account = brand_account + 1 where id = '${capture.id}'`],
      [capture, `update posting set balance_after = balance_after + 1 where id = '${capture.id}'`],
      [
        capture,
        `update posting set spendable = spendable - 1, brand_points = brand_points + 1, points = points + 1 where id = '${capture.id}'`,
      ],
      [capture, `update allocation set points = points - 1 where posting_id = '${capture.id}' and ordinal = 0`],
      [capture, `delete from allocation where posting_id = '${capture.id}' and ordinal = 0`],
      [authorization, `update hold set terms_id = terms_id + 1 where ${heldBy}`],
      [authorization, `update hold set quoted_reimbursement_micro = 7000000 where ${heldBy}`],
      [accrual, `update lot set issuer = 'birch' where ${firstLot}`],
      [accrual, `update lot set terms_id = terms_id + 1 where ${firstLot}`],
      [accrual, `update lot set expires_at = null where ${firstLot}`],
      [accrual, `update lot set agreed_expires_at = now() where ${firstLot}`],
      [accrual, `update lot set points = points + 1 where ${firstLot}`],
      [accrual, `update lot set issuer = 'birch' where ${secondLot}`],
      [accrual, `update lot set expires_at = expires_at + interval '1 day' where ${secondLot}`],
      [accrual, `update lot set places = array['crest'] where ${firstLot}`],
      [reversal, `update lot set issuer = 'birch' where ${debtLot}`],
      [transfer, `update posting set other_wallet_id = wallet_id where id = '${transfer.id}'`],
      [transfer, `update allocation set other_lot_id = lot_id where posting_id = '${transfer.id}'`],
      [transfer, `update lot set issuer = 'birch' where wallet_id = '${transfer.wallet_id}'`],
      [
        accrual,
        `update purchase set document = '{"lines": []}' where id = (select order_id from posting where id = '${accrual.id}')`,
      ],
    ];
    for (const [{ cell, seq, id }, sql] of edits) {
      expect([sql, await faultAfter(sql)]).toMatchObject([sql, { cell, seq, posting_id: id, fault }]);
    }
    expect(await faultAfter(`delete from posting where id = '${capture.id}'`)).toMatchObject({
      cell: capture.cell,
      seq: capture.seq,
      fault: 'the posting was removed',
    });
  });

  it('are not affected by later changes of a lot', async () => {
    const wallet = uuidv7();
    const pending = anAccrual(wallet, 'aurora', [aLot(9, { availableFrom: day(1) })]);
    await ledger.postings.accrue(pending);
    await sealAll(100);
    await ledger.postings.settleDue(day(1), 50);
    await ledger.postings.expire({
      id: uuidv7For(wallet),
      brand: '*',
      externalId: uuidv7(),
      requestHash: Buffer.alloc(16),
      result: {},
      walletId: wallet,
      reason: 'closed',
      now: day(2),
    });
    await sealAll(100);
    expect(await faults()).toEqual([]);
  });

  it('detect an inserted posting, and changed or removed blocks', async () => {
    const { cell } = await victim('accrual');
    const smuggled = `insert into posting (cell, epoch, xid, seq, wallet_id, wallet_version, id, kind, brand, points, spendable, pending,
        brand_account, brand_points, balance_after, held_after, pending_after, debt_after, occurred_at, posted_at)
      select cell, epoch, xid, 999, wallet_id, 999, gen_random_uuid(), kind, brand, points, spendable, pending, brand_account, brand_points,
        balance_after, held_after, pending_after, debt_after, occurred_at, posted_at
      from posting where kind = 'accrual' order by epoch, xid, seq limit 1`;
    expect(await faultAfter(smuggled)).toMatchObject({ seq: '999', fault: 'the posting was added' });
    const first = `where cell = ${cell} and number = 1`;
    expect(await faultAfter(`update seal_block set points = points + 1 ${first}`)).toMatchObject({
      cell,
      block: '1',
      fault: 'the block was changed',
    });
    expect(await faultAfter(`update seal_block set leaves = '' ${first}`)).toMatchObject({ cell, block: '1' });
    const long = await superuser.query<{ cell: number; number: string }>(
      'select cell, max(number) as number from seal_block group by 1 having count(*) > 1 order by 1 limit 1',
    );
    const [chain] = long.rows;
    expect(await faultAfter(`delete from seal_block where cell = ${chain?.cell} and number = 1`)).toMatchObject({
      cell: chain?.cell,
      block: '2',
      fault: 'a block is missing before this one',
    });
    // cutting off the end of a chain leaves no gap, but the postings still exist and are counted in the brands' accounts
    expect(
      await tampered(
        `delete from seal_block where (to_epoch, to_xid, to_seq) = (
        select to_epoch, to_xid, to_seq from seal_block order by 1 desc, 2 desc, 3 desc limit 1)`,
        failing,
      ),
    ).toEqual(['brands.equal_their_sealed_legs']);
  });

  it('leave plain balances to the invariants', async () => {
    const { wallet_id } = await victim('accrual');
    expect(await tampered(`update wallet set debt = debt + 1 where wallet_id = '${wallet_id}'`, failing)).toContain(
      'wallets.equal_their_postings',
    );
    expect(await tampered('update brand_balance set credits = credits + 1, debits = debits + 1', failing)).toEqual([
      'brands.equal_their_sealed_legs',
    ]);
    expect(
      await tampered(
        `update lot set remaining = 0, open = held > 0 where wallet_id = '${wallet_id}' and open`,
        failing,
      ),
    ).toContain('lots.equal_their_movements');
  });

  it('are checked again in rotation, also those older than the newest that each reading checks', async () => {
    const recheck = async (): Promise<number> =>
      (await superuser.query<{ good: number }>('select ledger_recheck_v1(1000000, 150, 60000) as good')).rows[0]
        ?.good ?? 0;
    for (let i = 0; i < 60; i += 1) await work();
    await sealAll(1);
    const passes = Number(
      await ledger.value('select count(distinct (to_epoch, to_xid, to_seq))::integer from seal_block'),
    );
    expect(passes).toBeGreaterThan(250);
    const rounds = async (): Promise<number> => {
      let good = 0;
      for (let i = 0; i <= passes / 150; i += 1) good += await recheck();
      return good;
    };
    expect(await rounds()).toBe(passes);
    // without time for more it goes on where it stopped, a pass at a time
    const slowly = async (): Promise<number> =>
      (await superuser.query<{ good: number }>('select ledger_recheck_v1(1000000, 150, 0) as good')).rows[0]?.good ?? 0;
    const places = new Set<string>();
    for (let i = 0; i < 5; i += 1) {
      expect(await slowly()).toBe(1);
      places.add(String(await ledger.value('select to_epoch || to_xid::text || to_seq from seal_check')));
    }
    expect(places.size).toBe(5);
    await superuser.query(`update seal_check set to_epoch = 0, to_xid = '0', to_seq = 0`);
    expect(await failing()).toEqual([]);
    const old = await victim('accrual');
    for (const edit of [
      `update posting set posted_at = posted_at - interval '40 days' where id = '${old.id}'`,
      `update lot set expires_at = expires_at + interval '1 year' where wallet_id = '${old.wallet_id}' and expires_at is not null`,
      `update seal_block set points = points + 1 where cell = ${old.cell} and number = 1`,
      `delete from seal_block where cell = ${old.cell} and number = 1`,
    ]) {
      await tampered(edit, async () => {
        await rounds();
        expect([edit, await failing()]).toEqual([edit, expect.arrayContaining(['seals.equal_their_postings'])]);
      });
    }
    const quiet = `update posting set reference = 'x' where id = '${old.id}'`;
    expect(await tampered(quiet, failing)).toEqual([]);
    expect(
      await tampered(quiet, async () => {
        await rounds();
        return failing();
      }),
    ).toEqual(['seals.equal_their_postings']);
    const { rows } = await superuser.query<{ fault: string | null }>('select fault from seal_check');
    expect(rows).toEqual([{ fault: null }]);
  });

  it('let nobody rewrite a seal', async () => {
    await expect(ledger.owner.query('delete from seal_block')).rejects.toMatchObject({ code: '23001' });
    await expect(ledger.owner.query('truncate seal_block')).rejects.toMatchObject({ code: '23001' });
  });
});
