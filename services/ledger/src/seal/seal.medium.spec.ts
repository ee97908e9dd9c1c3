import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { uuidv7 } from '#libs/kernel';
import { aCapture, aLot, anAccrual, anAuthorization, LedgerFixture } from '../../test/ledger-fixture.js';

describe('the audit chain', () => {
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

  const work = async (): Promise<void> => {
    const wallet = uuidv7();
    await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(30), aLot(40)]));
    const hold = anAuthorization(wallet, 'crest', 50);
    await ledger.postings.authorize(hold);
    await ledger.postings.capture(aCapture(hold, null));
  };
  /** As the service does: with its own role. A transaction elsewhere on the server may hide the newest rows for a moment. */
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
  const faults = async (from = 1): Promise<unknown[]> =>
    (await superuser.query('select * from ledger_verify_v1($1)', [from])).rows;

  /** Does what only somebody with all rights can do, looks, and undoes it. */
  const tampered = async (sql: string): Promise<Record<string, unknown> | undefined> => {
    await superuser.query('begin');
    await superuser.query('set local session_replication_role = replica');
    await superuser.query(sql);
    const found = await faults();
    await superuser.query('rollback');
    return found[0] as Record<string, unknown> | undefined;
  };

  it('seals every committed posting once, in blocks that hold each other', async () => {
    for (let i = 0; i < 5; i += 1) await work();
    await sealAll(4);
    await work();
    await sealAll(100);
    expect(Number(await ledger.value('select count(*) from seal_block'))).toBe(5);
    expect(await faults()).toEqual([]);
    expect(await faults(3)).toEqual([]);
  });

  it('names the first row that was changed', async () => {
    const { rows } = await superuser.query<{ id: string; seq: string; wallet_account: string; wallet_version: string }>(
      `select id, seq, wallet_account, wallet_version from posting where kind = 'capture' order by seq offset 2 limit 1`,
    );
    const [victim] = rows;
    if (victim === undefined) throw new Error('nothing was captured');
    const named = { seq: victim.seq, posting_id: victim.id, fault: 'the posting or its movements were changed' };
    expect(await tampered(`update posting set points = points + 1 where id = '${victim.id}'`)).toMatchObject(named);
    expect(await tampered(`update posting set brand = 'birch' where id = '${victim.id}'`)).toMatchObject(named);
    expect(
      await tampered(`update allocation set points = points - 1 where posting_id = '${victim.id}' and ordinal = 0`),
    ).toMatchObject(named);
    expect(await tampered(`delete from posting where id = '${victim.id}'`)).toMatchObject({
      seq: victim.seq,
      fault: 'the posting was removed',
    });
    expect(await tampered(`update posting set points = points + 1`)).toMatchObject({ block: '1', seq: '1' });
  });

  it('notices a posting put in between, and blocks that were changed or removed', async () => {
    const smuggled = `insert into posting (wallet_account, wallet_version, id, seq, xid, kind, wallet_id, brand, points, occurred_at, posted_at)
      overriding system value select wallet_account, 999, gen_random_uuid(), 999, xid, kind, wallet_id, brand, points, occurred_at, posted_at
      from posting where seq = 2`;
    expect(await tampered(smuggled)).toMatchObject({ seq: '999', fault: 'the posting was added' });
    expect(await tampered('update seal_block set points = points + 1 where number = 2')).toMatchObject({
      block: '2',
      fault: 'the block was changed',
    });
    expect(await tampered('delete from seal_block where number = 3')).toMatchObject({
      block: '4',
      fault: 'a block is missing before this one',
    });
  });

  it('lets nobody rewrite a seal', async () => {
    await expect(ledger.owner.query('delete from seal_block')).rejects.toMatchObject({ code: '23001' });
    await expect(ledger.owner.query('truncate seal_block')).rejects.toMatchObject({ code: '23001' });
  });
});
