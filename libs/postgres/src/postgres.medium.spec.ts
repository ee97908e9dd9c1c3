import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { emptyDatabase, testProxy } from '#libs/testing';
import {
  appendOnlySql,
  brandPolicySql,
  bigint,
  boolean,
  bytea,
  createPool,
  dataSourceOptions,
  date,
  defineMigration,
  defineTable,
  filled,
  jsonb,
  key,
  listen,
  migrate,
  newRolePasswords,
  numeric,
  orNull,
  provision,
  runInTransaction,
  texts,
  timestamptz,
  uuid,
} from './index.js';
import type { Migration } from './index.js';

const SAMPLES = defineTable('sample', {
  id: key(uuid()),
  nth: filled(bigint()),
  some: texts('words'),
  madeOf: jsonb((stored) => (stored as string[]).map(BigInt)),
  sum: orNull(numeric()),
  day: date(),
  seenAt: timestamptz(),
  open: orNull(boolean()),
  body: bytea(),
});

interface Database {
  adminUrl: string;
  ownerUrl: string;
  databaseUrl: string;
  drop: () => Promise<void>;
}

/** A provisioned service database, used only by this spec. */
async function provisioned(): Promise<Database> {
  const { url, drop } = await emptyDatabase();
  const service = `spec_${process.pid}`;
  const { databaseUrl, migrationUrl } = await provision(url, service, newRolePasswords());
  return {
    adminUrl: url,
    ownerUrl: migrationUrl,
    databaseUrl,
    drop: async () => {
      const admin = await new DataSource(dataSourceOptions(url, 'spec-admin', 1)).initialize();
      await admin.query(`drop database hezong_${service} with (force)`);
      await admin.query(`drop role hezong_${service}, hezong_${service}_owner`);
      await admin.destroy();
      await drop();
    },
  };
}

/** An ErrorResponse with severity FATAL of PostgreSQL's protocol (55.7). */
function errorResponse(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`, 'latin1');
  const head = Buffer.from('E\0\0\0\0', 'latin1');
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, fields]);
}

describe('libs/postgres on a real server', () => {
  let database: Database;
  let dataSource: DataSource;

  beforeAll(async () => {
    database = await provisioned();
    await migrate(database.ownerUrl, [
      defineMigration({
        id: '0001',
        name: 'Notes',
        up: `create table note (brand text not null, id int primary key, body text not null, size bigint not null default 9007199254740993);
             ${brandPolicySql('note')}
             create table sample (id uuid primary key, nth bigint generated always as identity, words text[] not null, made_of jsonb not null,
               sum numeric(38, 0), day date not null, seen_at timestamptz not null, open boolean, body bytea not null);
             create table log (id int primary key); ${appendOnlySql('log')}`,
      }),
    ]);
    dataSource = await new DataSource(dataSourceOptions(database.databaseUrl, 'spec', 4, [SAMPLES])).initialize();
  });

  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  it('connects as a role that is neither owner nor superuser and cannot bypass row-level security', async () => {
    const [role] = await dataSource.query<{ rolsuper: boolean; rolbypassrls: boolean; owns: boolean }[]>(
      `select rolsuper, rolbypassrls, exists (select from pg_class where relowner = r.oid) as owns from pg_roles r where rolname = current_user`,
    );
    expect(role).toEqual({ rolsuper: false, rolbypassrls: false, owns: false });
  });

  it('shows a brand its own rows, no others, and none without a context', async () => {
    await runInTransaction(dataSource, { brand: '*' }, async (tx) => {
      await tx.query(`insert into note (brand, id, body) values ('aurora', 1, 'a'), ('birch', 2, 'b')`);
    });
    const idsOf = (brand: string): Promise<unknown> =>
      runInTransaction(dataSource, { brand }, (tx) => tx.query('select id from note order by id'));
    expect(await idsOf('aurora')).toEqual([{ id: 1 }]);
    expect(await idsOf('birch')).toEqual([{ id: 2 }]);
    expect(await idsOf('*')).toHaveLength(2);
    expect(await dataSource.query('select id from note')).toEqual([]);
    // the setting must not stay on the pooled session
    for (let i = 0; i < 8; i += 1) expect(await dataSource.query('select id from note')).toEqual([]);
  });

  it('refuses to write a row of another brand', async () => {
    await expect(
      runInTransaction(dataSource, { brand: 'aurora' }, (tx) =>
        tx.query(`insert into note (brand, id, body) values ('birch', 3, 'x')`),
      ),
    ).rejects.toMatchObject({ driverError: { code: '42501' } });
  });

  it('reads int8 as bigint, beyond the range of a float', async () => {
    const [row] = await runInTransaction(dataSource, { brand: '*' }, (tx) =>
      tx.query<{ size: bigint; sizes: bigint[] }[]>('select size, array[size, 1] as sizes from note limit 1'),
    );
    expect(row).toEqual({ size: 9007199254740993n, sizes: [9007199254740993n, 1n] });
  });

  it('writes rows of a table and reads them unchanged, through SQL and through TypeORM', async () => {
    const id = (n: number): string => `00000000-0000-7000-8000-00000000000${n}`;
    const first = {
      id: id(1),
      some: ['a "b"', '\\', '', 'NULL', '{x,y}', '合纵'],
      madeOf: [9007199254740993n],
      sum: 10n ** 30n,
      day: '2026-03-01',
      seenAt: new Date('1900-01-01T00:00:00.001Z'),
      open: false,
      body: Buffer.from([0, 255]),
    };
    const second = { ...first, id: id(2), some: [], madeOf: [], sum: null, open: null };
    await runInTransaction(dataSource, { brand: '*' }, async (tx) => {
      expect(await SAMPLES.insert(tx, [])).toEqual([]);
      expect(await SAMPLES.insert(tx, [first, second], 'returning words')).toEqual([
        { words: first.some },
        { words: [] },
      ]);
      expect(await SAMPLES.insert(tx, [first], 'on conflict (id) do nothing returning id')).toEqual([]);
      const expected = [
        { ...first, nth: 1n },
        { ...second, nth: 2n },
      ];
      expect(await SAMPLES.query(tx, 'select *, 1 as other from sample order by nth')).toEqual(expected);
      expect(await tx.find(SAMPLES, { order: { id: 'asc' } })).toEqual(expected);
      expect(await tx.findOneBy(SAMPLES, { day: '2026-03-01', seenAt: first.seenAt, sum: 10n ** 30n })).toEqual(
        expected[0],
      );
      await expect(SAMPLES.query(tx, 'select id, nth from sample')).rejects.toThrow('sample.words was not selected');

      const { sql, values } = SAMPLES.given([{ id: id(2), some: ['z'], sum: 3n }], ['id', 'some', 'sum']);
      await tx.query(
        `update sample s set words = given.words, sum = given.sum from ${sql} where s.id = given.id`,
        values,
      );
      expect(await tx.findOneBy(SAMPLES, { id: id(2) })).toEqual({ ...second, nth: 2n, some: ['z'], sum: 3n });
    });
  });

  it('refuses changes to append-only tables, even by the owner', async () => {
    const owner = await new DataSource(dataSourceOptions(database.ownerUrl, 'spec-owner', 1)).initialize();
    try {
      await owner.query('insert into log values (1)');
      for (const sql of ['update log set id = 2', 'delete from log', 'truncate log']) {
        await expect(owner.query(sql)).rejects.toMatchObject({ driverError: { code: '23001' } });
      }
    } finally {
      await owner.destroy();
    }
  });

  it('rolls everything back when the work throws', async () => {
    await expect(
      runInTransaction(dataSource, { brand: '*' }, async (tx) => {
        await tx.query(`insert into note (brand, id, body) values ('aurora', 10, 'x')`);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(
      await runInTransaction(dataSource, { brand: '*' }, (tx) => tx.query('select 1 from note where id = 10')),
    ).toEqual([]);
  });

  it('repeats a deadlocked transaction until both have committed', async () => {
    await runInTransaction(dataSource, { brand: '*' }, (tx) =>
      tx.query(`insert into note (brand, id, body) values ('a', 20, ''), ('a', 21, '')`),
    );
    let attempts = 0;
    let meet = (): void => undefined;
    // both hold their first row before either requests its second
    const met = new Promise<void>((resolve) => (meet = resolve));
    const touch = (first: number, second: number): Promise<void> =>
      runInTransaction(dataSource, { brand: '*' }, async (tx) => {
        attempts += 1;
        await tx.query(`update note set body = body || 'x' where id = $1`, [first]);
        if (attempts === 2) meet();
        await met;
        await tx.query(`update note set body = body || 'x' where id = $1`, [second]);
      });
    await Promise.all([touch(20, 21), touch(21, 20)]);
    expect(attempts).toBeGreaterThan(2);
    expect(
      await runInTransaction(dataSource, { brand: '*' }, (tx) =>
        tx.query('select body from note where id in (20, 21)'),
      ),
    ).toEqual([{ body: 'xx' }, { body: 'xx' }]);
  });

  it('reports unavailable when the database cannot be reached and outcome_unknown when the answer to COMMIT was lost', async () => {
    const proxy = await testProxy(database.databaseUrl);
    const cut = await new DataSource(
      dataSourceOptions(proxy.through(database.databaseUrl), 'spec-cut', 1),
    ).initialize();
    const insert = (id: number): Promise<unknown> =>
      runInTransaction(cut, { brand: '*' }, (tx) =>
        tx.query(`insert into note (brand, id, body) values ('aurora', $1, 'cut')`, [id]),
      );
    try {
      // the whole statement, because READ COMMITTED would match too
      proxy.loseAnswers(1, 'COMMIT\0');
      await expect(insert(30)).rejects.toMatchObject({ code: 'outcome_unknown', retryable: true });
      proxy.loseAnswers(1, 'insert into note');
      await expect(insert(31)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
      const between = runInTransaction(cut, { brand: '*' }, async (tx) => {
        proxy.cut();
        await sleep(50);
        return tx.query('select 1');
      });
      await expect(between).rejects.toMatchObject({ code: 'unavailable' });
      await proxy.close();
      await expect(insert(32)).rejects.toMatchObject({ code: 'unavailable' });
    } finally {
      await cut.destroy();
    }
    // the row is committed although its caller got no answer: therefore it must not be reported as a failure
    expect(
      await runInTransaction(dataSource, { brand: '*' }, (tx) => tx.query(`select id from note where body = 'cut'`)),
    ).toEqual([{ id: 30 }]);
  });

  it('reports a connection that the server ends as it hands it over to the call that wanted it, and lives on', async () => {
    const proxy = await testProxy(database.databaseUrl);
    const source = await new DataSource(
      dataSourceOptions(proxy.through(database.databaseUrl), 'spec-ended', 2),
    ).initialize();
    const busy = source.createQueryRunner();
    const one = (): Promise<unknown> =>
      runInTransaction(source, { brand: '*' }, (tx) => tx.query('select 1 as one'), { retries: 0 });
    try {
      await busy.connect();
      // ReadyForQuery, then what pg_terminate_backend sends
      proxy.append(errorResponse('57P01', 'terminating connection'), Buffer.from('Z\0\0\0\x05I', 'latin1'));
      await expect(one()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
      proxy.append(null);
      expect(await one()).toEqual([{ one: 1 }]);
    } finally {
      await busy.release();
      await source.destroy();
      await proxy.close();
    }
  });

  it('reports a dead connection only to the caller that has it checked out', async () => {
    const proxy = await testProxy(database.databaseUrl);
    const pool = createPool(proxy.through(database.databaseUrl), 'spec-pool', 1);
    try {
      const client = await pool.connect();
      const asked = expect(client.query('select pg_sleep(10)')).rejects.toThrow(/ECONNRESET|terminated/);
      proxy.cut();
      await asked;
      client.release();
      expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    } finally {
      await pool.end();
      await proxy.close();
    }
  });

  it('runs each migration once and rolls back one whose proof fails', async () => {
    const fill = defineMigration({
      id: '0002',
      name: 'FillNotes',
      up: `alter table note add column words int; update note set words = length(body)`,
      proof: {
        before: 'select count(*)::int as notes from note',
        after: `select count(*) = ($1::jsonb->>'notes')::int from note where words is not null`,
      },
    });
    const broken = defineMigration({
      id: '0003',
      name: 'LoseNotes',
      up: 'delete from note',
      proof: {
        before: 'select count(*)::int as notes from note',
        after: `select count(*) = ($1::jsonb->>'notes')::int from note`,
      },
    });
    expect(await migrate(database.ownerUrl, [fill])).toHaveLength(1);
    expect(await migrate(database.ownerUrl, [fill])).toHaveLength(0);
    await expect(migrate(database.ownerUrl, [fill, broken])).rejects.toThrow(/proof does not hold/);
    expect(
      await runInTransaction(dataSource, { brand: '*' }, (tx) => tx.query('select count(*)::int as n from note')),
    ).not.toEqual([{ n: 0 }]);
  });

  it('refuses two migrations with one number, and one out of order', async () => {
    const [seventh, alsoSeventh, eighth] = ['0007', '0007', '0008'].map((id) =>
      defineMigration({ id, name: 'Nothing', up: 'select 1' }),
    ) as [Migration, Migration, Migration];
    await expect(migrate(database.ownerUrl, [seventh, alsoSeventh])).rejects.toThrow(/migration 0007/);
    await expect(migrate(database.ownerUrl, [eighth, seventh])).rejects.toThrow(/migration 0007/);
  });

  it('listens again after a lost connection and reports that notifications may be missing', async () => {
    const heard: (string | null)[] = [];
    const stop = await listen(database.databaseUrl, 'spec_channel', (payload) => heard.push(payload));
    const until = async (length: number): Promise<void> => {
      for (let i = 0; i < 100 && heard.length < length; i += 1) await new Promise((next) => setTimeout(next, 50));
    };
    try {
      await dataSource.query(`select pg_notify('spec_channel', 'one')`);
      await until(2);
      await dataSource.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hezong-listen-spec_channel'`,
      );
      await until(3);
      await dataSource.query(`select pg_notify('spec_channel', 'two')`);
      await until(4);
      expect(heard).toEqual([null, 'one', null, 'two']);
    } finally {
      await stop();
    }
  });

  it('provisions a service twice without harm', async () => {
    const passwords = newRolePasswords();
    const first = await provision(database.adminUrl, 'spec_provision', passwords);
    const second = await provision(database.adminUrl, 'spec_provision', passwords);
    expect(second).toEqual(first);
    await migrate(second.migrationUrl, []);
    const admin = await new DataSource(dataSourceOptions(database.adminUrl, 'spec-admin', 1)).initialize();
    await admin.query('drop database hezong_spec_provision');
    await admin.query('drop role hezong_spec_provision, hezong_spec_provision_owner');
    await admin.destroy();
  });
});
