import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDomainError, uuidv7 } from '#libs/kernel';
import { createClient, migrate, provision, sqlState } from '#libs/postgres';
import { startPostgres } from '#libs/servers';
import type { RunningPostgres } from '#libs/servers';
import { ledgerInvariants } from '../src/invariants/ledger-invariants.js';
import { migrations } from '../migrations/index.js';
import type { PostingOutcome } from '../src/postings/posting.js';
import { PostingsService } from '../src/postings/postings.service.js';
import { aLot, anAccrual, anAuthorization } from './ledger-fixture.js';

const CALLERS = 24;
/** Delay of each sync on the slow disk (`failing-disk.c`), ms. */
const SLOW_MS = 200;

/** What a till was told about one call, and how to send it again. */
interface Told {
  readonly outcome: PostingOutcome;
  readonly send: () => Promise<PostingOutcome>;
}

function compileDisk(directory: string): string {
  if (process.platform !== 'linux')
    throw new Error('the failing disk is loaded by LD_PRELOAD: run this suite on Linux');
  const library = join(directory, 'failing-disk.so');
  const source = 'services/ledger/test/failing-disk.c';
  const run = spawnSync('cc', ['-shared', '-fPIC', '-Wall', '-Werror', '-O1', '-o', library, source, '-ldl'], {
    encoding: 'utf8',
  });
  if (run.error !== undefined)
    throw new Error(`no C compiler "cc" on the PATH; install one (Debian: gcc, libc6-dev): ${run.error.message}`);
  if (run.status !== 0) throw new Error(`${source} does not compile: ${run.stderr}`);
  return library;
}

/** The disk below a ledger under load is slow, fails once and is full. */
describe('the ledger when its disk fails', () => {
  let disk: string;
  let server: RunningPostgres;
  let postings: PostingsService;
  let migrationUrl: string;

  beforeAll(async () => {
    disk = mkdtempSync(join(tmpdir(), 'hezong-disk-'));
    // the server runs under another account and removes flags
    chmodSync(disk, 0o777);
    server = await startPostgres({
      sharedBuffers: '128MB',
      // log segments are not recycled, and each commit does its own sync
      settings: { wal_recycle: 'off', wal_writer_delay: '10s' },
      env: { LD_PRELOAD: compileDisk(disk), FAILING_DISK: disk },
      restart: true,
    });
    const database = await provision(server.adminUrl, 'ledger');
    migrationUrl = database.migrationUrl;
    await migrate(migrationUrl, migrations);
    postings = new PostingsService({ databaseUrl: database.databaseUrl, instance: 0, lanes: 2 });
  }, 120_000);
  afterAll(async () => {
    await postings?.onApplicationShutdown();
    await server?.stop();
    rmSync(disk, { recursive: true, force: true });
  }, 60_000);

  it('loses nothing, duplicates nothing, gives no false answer, and recovers by itself', async () => {
    const wallets = Array.from({ length: 40 }, () => uuidv7());
    const told = new Map<string, Told>();
    const seen = new Map<string, number>();
    /** Calls carried out although the till had been told each time that they were not. */
    const denied: string[] = [];
    let fastest = Infinity;
    let running = true;

    /** Sends until there is an answer, always under the same key, as a till must. */
    const insist = async (key: string, send: () => Promise<PostingOutcome>): Promise<void> => {
      for (let unsure = false; ;) {
        try {
          const since = performance.now();
          const outcome = await send();
          fastest = Math.min(fastest, performance.now() - since);
          if (outcome.replayed && !unsure) denied.push(key);
          told.set(key, { outcome, send });
          return;
        } catch (error) {
          if (!isDomainError(error) || !error.retryable) throw error;
          const why = [error.code, sqlState(error.cause)].join(' ').trim();
          seen.set(why, (seen.get(why) ?? 0) + 1);
          unsure ||= error.code === 'outcome_unknown';
          await sleep(50);
        }
      }
    };
    const caller = async (n: number): Promise<void> => {
      for (let i = 0; running; i += 1) {
        const wallet = wallets[(n * 7 + i) % wallets.length] ?? '';
        if (i % 3 === 2) {
          const spend = anAuthorization(wallet, 'crest', 5, undefined, { captureAtOnce: true });
          await insist(`authorization ${spend.externalId}`, () => postings.authorize(spend));
        } else {
          const earn = anAccrual(wallet, 'aurora', [aLot(10)]);
          await insist(`order ${earn.externalId}`, () => postings.accrue(earn));
        }
      }
    };
    const flag = (name: string): string => join(disk, name);
    const until = async (what: string, held: () => boolean): Promise<void> => {
      for (let waited = 0; !held(); waited += 20) {
        if (waited > 20_000) throw new Error(`not within 20 s: ${what}`);
        await sleep(20);
      }
    };
    const goesOn = async (): Promise<void> => {
      const before = told.size;
      await until('the ledger answers again', () => told.size >= before + 50);
    };
    const newSegment = async (): Promise<void> => {
      const admin = createClient(server.adminUrl, 'failing-disk').on('error', () => undefined);
      await admin.connect();
      try {
        await admin.query('select pg_switch_wal()');
      } finally {
        await admin.end().catch(() => undefined);
      }
    };
    const logged = (text: RegExp): boolean => text.test(readFileSync(server.logFile, 'utf8'));

    const load = Promise.all(Array.from({ length: CALLERS }, (_, n) => caller(n)));
    const misuse = async (): Promise<void> => {
      await goesOn();

      writeFileSync(flag('slow'), '');
      await sleep(2 * SLOW_MS);
      fastest = Infinity;
      await goesOn();
      rmSync(flag('slow'));
      expect(fastest).toBeGreaterThanOrEqual(SLOW_MS);
      expect([...seen]).toEqual([]);

      // repeat if the failed sync did not belong to a till's commit
      const tillMeetsIt = /terminated by signal 6.*\n.*was running: select \* from ledger_(accrue|authorize)_v1/;
      for (let times = 0; times < 6 && !logged(tillMeetsIt); times += 1) {
        writeFileSync(flag('broken'), '');
        await until('a sync failed', () => !existsSync(flag('broken')));
        await goesOn();
      }
      expect(logged(tillMeetsIt)).toBe(true);
      expect(logged(/PANIC: .*could not fdatasync file/)).toBe(true);
      expect(denied).toEqual([]);

      // tables cannot grow; the log has a new segment with room in it
      await newSegment();
      await goesOn();
      writeFileSync(flag('full'), '');
      await until('a table could not grow', () => seen.has('unavailable 53100'));
      rmSync(flag('full'));
      await goesOn();

      // the log cannot grow: the server stops and cannot start
      writeFileSync(flag('full'), '');
      await newSegment().catch(() => undefined);
      await until('the log could not grow', () => logged(/(PANIC|FATAL): .*pg_wal.*No space left on device/));
      await until('it could not start', () => logged(/FATAL: .*postmaster\.pid.*No space left on device/));
      rmSync(flag('full'));
      await goesOn();
    };
    try {
      await Promise.race([misuse(), load]);
    } finally {
      running = false;
      for (const name of ['slow', 'broken', 'full']) rmSync(flag(name), { force: true });
      await load;
    }
    expect(denied).toEqual([]);

    const owner = createClient(migrationUrl, 'failing-disk');
    await owner.connect();
    try {
      const stored = await owner.query<{ key: string; posting_id: string | null }>(
        `select kind || ' ' || external_id as key, posting_id from operation
         union all select 'order ' || external_id, posting_id from purchase
         union all select 'authorization ' || h.reference, p.id from hold h join posting p using (cell, wallet_id, wallet_version)`,
      );
      expect(stored.rows).toHaveLength(told.size);
      for (const row of stored.rows) expect(told.get(row.key)?.outcome.postingId).toBe(row.posting_id);
      await Promise.all(
        [...told.values()].map(async ({ outcome, send }) =>
          expect(await send()).toEqual({ ...outcome, replayed: true }),
        ),
      );
      const checks = await ledgerInvariants(async (sql) => (await owner.query(sql)).rows);
      expect(checks.filter((check) => !check.ok)).toEqual([]);
    } finally {
      await owner.end();
    }
  }, 120_000);
});
