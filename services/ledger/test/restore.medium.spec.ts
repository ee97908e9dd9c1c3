import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { uuidv7 } from '#libs/kernel';
import { createClient, migrate, provision, withDatabase } from '#libs/postgres';
import { removePostgresData, startPostgres, type RunningPostgres } from '#libs/servers';
import { migrations } from '../migrations/index.js';
import { ledgerInvariants } from '../src/invariants/ledger-invariants.js';
import { PostingsService } from '../src/postings/postings.service.js';
import { aLot, anAccrual } from './ledger-fixture.js';

const SETTINGS = {
  sharedBuffers: '64MB',
  settings: { max_wal_size: '256MB', min_wal_size: '64MB', wal_level: 'replica' },
};

/**
 * The drill of docs/runbooks/restore.md: a base backup of a busy server, and the WAL up to the disaster. It uses PostgreSQL's own
 * backup calls, as pg_basebackup does.
 */
describe('a ledger restored from its backup', () => {
  let directory: string;
  let server: RunningPostgres;
  let restored: RunningPostgres | undefined;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hezong-drill-'));
    chmodSync(directory, 0o755);
    server = await startPostgres({ ...SETTINGS, dataDir: join(directory, 'live') });
  }, 120_000);

  afterAll(async () => {
    await server.stop();
    await restored?.stop();
    for (const name of ['live', 'restored']) removePostgresData(join(directory, name));
    rmSync(directory, { recursive: true, force: true });
  });

  it('has every answered posting, and books that balance', async () => {
    const { databaseUrl, migrationUrl } = await provision(server.adminUrl, 'ledger');
    await migrate(migrationUrl, migrations);
    const postings = new PostingsService({ databaseUrl, instance: 0, lanes: 2 });
    const given = new Map<string, bigint>();
    const accrue = async (times: number): Promise<void> => {
      for (let n = 0; n < times; n += 1) {
        const wallet = uuidv7();
        const points = 100 + given.size;
        await postings.accrue(anAccrual(wallet, 'aurora', [aLot(points)]));
        given.set(wallet, BigInt(points));
      }
    };

    await accrue(20);
    const admin = new pg.Client({ connectionString: server.adminUrl });
    await admin.connect();
    await admin.query(`select pg_backup_start('drill', true)`);
    await accrue(20);
    const [live, copy] = [realpathSync(join(directory, 'live')), join(directory, 'restored')];
    mkdirSync(copy);
    execFileSync('cp', ['-a', `${live}/.`, copy]);
    // a base backup leaves these out: the WAL comes from the archive, and the process is a different one
    rmSync(join(copy, 'pg_wal'), { recursive: true });
    rmSync(join(copy, 'postmaster.pid'), { force: true });
    await accrue(20);
    const { rows } = await admin.query<{ labelfile: string }>('select labelfile from pg_backup_stop()');
    const label = join(copy, 'backup_label');
    writeFileSync(label, rows[0]?.labelfile ?? '', { mode: 0o600 });
    const { uid, gid } = statSync(live);
    chownSync(label, uid, gid);
    await accrue(20);
    await admin.end();
    await postings.onApplicationShutdown();
    // the disaster: nothing more is flushed; only the WAL has the last postings
    process.kill(server.pid, 'SIGQUIT');
    await server.stop();
    execFileSync('cp', ['-a', join(live, 'pg_wal'), copy]);

    restored = await startPostgres({ ...SETTINGS, dataDir: copy });
    const books = createClient(withDatabase(restored.adminUrl, 'hezong_ledger'), 'drill');
    await books.connect();
    const found = await books.query<{ wallet_id: string; points: bigint }>(
      'select wallet_id, posted as points from wallet',
    );
    expect(new Map(found.rows.map(({ wallet_id: wallet, points }) => [wallet, points]))).toEqual(given);
    const checks = await ledgerInvariants(
      async (sql) => (await books.query<{ name: string; expected: string; measured: string }>(sql)).rows,
    );
    await books.end();
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  }, 120_000);
});
