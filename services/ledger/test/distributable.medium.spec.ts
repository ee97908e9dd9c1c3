import { uuidv7 } from '#libs/kernel';
import { testDatabase } from '#libs/testing';
import type { TestDatabase } from '#libs/testing';
import { createClient } from '#libs/postgres';
import type pg from 'pg';

/** Tables without a cell, with the reason. */
const NO_WALLET: Readonly<Record<string, string>> = {
  node: 'the server itself',
  migration: 'the server itself',
  outbox: 'the server’s own events, emptied behind the relay',
  inbox: 'what the server’s consumers have seen',
  relay_cursor: 'the server’s own position; its epoch stands beside it',
  seal_check: 'how far the server’s own check of its seals has come; its epoch stands beside it',
  parked_key: 'what the server’s consumers left behind',
  parked_record: 'what the server’s consumers left behind',
  idempotency: 'answers of calls that touch no books',
  brand_account: 'opened centrally, the same on every server',
  contract_terms: 'named by their content, the same on every server',
  draw_order: 'the alliance’s rule, the same on every server',
  reader_key: 'one secret, the same on every server',
  earning_rule: 'the same on every server',
  brand_directory_part: 'a brand that comes in parts, until all are there',
  brand_directory: 'a copy of partners’ brands, the same on every server',
  brand_day: 'what one process counted; a place in no wallet',
  member_link: 'a copy of crm’s links: it leads from a member to a wallet, so it is read before the wallet is known',
  approval_use: 'approvals of acts that touch no books',
  operator_audit: 'what the operator did at the server',
  expiration_run: 'an act of the operator on many wallets',
  debt_write_off: 'an act of the operator on many wallets',
};
/** The outbox needs no epoch, because the sequence of its transaction ids is rebased after a restore. */
const NO_EPOCH = ['outbox.tx_id'];
/** Trigger functions that touch only rows of their row's cell, or of their own table. */
const TRIGGERS = ['refuse_change', 'refuse_loss', 'keep_trace', 'operator_audit_link'];

const TABLES = `select c.oid, c.relname as name from pg_class c
  where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace`;

/** Searches the catalogue for anything that would prevent distributing the ledger over several servers. */
const OBSTACLES = `
  with t as (${TABLES}), cell as (
    select t.oid, t.name, (select a.attnum from pg_attribute a where a.attrelid = t.oid and a.attname = 'cell' and a.attnotnull
      and a.atttypid = 'smallint'::regtype) as attnum from t
  )
  select 'no cell: ' || name as obstacle from cell where attnum is null
  union all
  select 'no primary key: ' || name from cell where not exists (
    select from pg_index i where i.indrelid = cell.oid and i.indisprimary)
  union all
  select 'does not lead with the cell: ' || i.indexrelid::regclass from cell join pg_index i on i.indrelid = cell.oid
  where cell.attnum is not null and (i.indisunique or i.indisexclusion) and i.indkey[0] <> cell.attnum
  union all
  select 'refers to another table without its cell: ' || f.conname from pg_constraint f join cell on cell.oid = f.conrelid
  where f.contype = 'f' and (cell.attnum is null or cell.attnum <> all (f.conkey))
  union all
  select 'unknown trigger function: ' || g.tgfoid::regproc from pg_trigger g join t on t.oid = g.tgrelid
  where not g.tgisinternal and g.tgfoid::regproc::text <> all ($1)
  union all
  select 'no epoch: ' || t.name || '.' || x.attname from t join pg_attribute x on x.attrelid = t.oid and x.atttypid = 'xid8'::regtype
  where x.attnum > 0 and not x.attisdropped and not exists (
    select from pg_attribute e where e.attrelid = t.oid and e.attname = case x.attname when 'to_xid' then 'to_epoch' else 'epoch' end)
  order by 1`;

describe('the schema of the ledger', () => {
  let db: TestDatabase;
  let owner: pg.Client;
  beforeAll(async () => {
    db = await testDatabase('ledger');
    owner = createClient(db.ownerUrl, 'catalogue');
    await owner.connect();
  }, 120_000);
  afterAll(async () => {
    await owner.end();
    await db.drop();
  });

  const obstacles = async (): Promise<string[]> =>
    (await owner.query<{ obstacle: string }>(OBSTACLES, [TRIGGERS])).rows.map(({ obstacle }) => obstacle);

  it('can be distributed over several servers, with only the named exceptions', async () => {
    const named = [
      ...Object.keys(NO_WALLET).map((table) => `no cell: ${table}`),
      ...NO_EPOCH.map((column) => `no epoch: ${column}`),
    ];
    expect((await obstacles()).sort()).toEqual(named.sort());
  });

  it.each([
    ['create table stray (id uuid primary key)', 'no cell: stray'],
    ['create table stray (cell smallint not null, id uuid)', 'no primary key: stray'],
    [
      'create table stray (cell smallint not null, id uuid, primary key (id, cell))',
      'does not lead with the cell: stray_pkey',
    ],
    ['create unique index stray on posting (id)', 'does not lead with the cell: stray'],
    [
      'alter table lot add constraint stray foreign key (terms_id) references contract_terms',
      'refers to another table without its cell: stray',
    ],
    [
      `create function stray() returns trigger language plpgsql as 'begin return null; end';
       create trigger stray after insert on lot for each row execute function stray()`,
      'unknown trigger function: stray',
    ],
    ['create table stray (cell smallint not null primary key, xid xid8)', 'no epoch: stray.xid'],
  ])('violations are detected: %s', async (sql, obstacle) => {
    const before = await obstacles();
    await owner.query('begin');
    try {
      await owner.query(sql);
      expect((await obstacles()).filter((each) => !before.includes(each))).toEqual([obstacle]);
    } finally {
      await owner.query('rollback');
    }
  });

  it('computes the cell of a wallet as every part of the network does', async () => {
    const { cellOf } = await import('#libs/kernel');
    const ids = Array.from({ length: 300 }, () => uuidv7());
    const { rows } = await owner.query<{ id: string; cell: number }>(
      'select id, ledger_cell(id) as cell from unnest($1::uuid[]) id',
      [ids],
    );
    expect(rows.map(({ id, cell }) => [id, cell])).toEqual(ids.map((id) => [id, cellOf(id)]));
    expect(new Set(rows.map(({ cell }) => cell)).size).toBeGreaterThan(50);
    expect(rows.every(({ id, cell }) => cell === Number.parseInt(id.slice(-2), 16) % 64)).toBe(true);
  });
});
