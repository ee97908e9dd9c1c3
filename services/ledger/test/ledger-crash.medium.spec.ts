import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { isDomainError, uuidv7 } from '#libs/kernel';
import { createClient, migrate, provision } from '#libs/postgres';
import { startPostgres } from '#libs/servers';
import type { RunningPostgres } from '#libs/servers';
import { ledgerInvariants } from '../src/invariants/ledger-invariants.js';
import { migrations } from '../migrations/index.js';
import type { PostingOutcome } from '../src/postings/posting.js';
import { PostingsService } from '../src/postings/postings.service.js';
import { aLot, anAccrual, anAuthorization } from './ledger-fixture.js';

const KILLS = 2;

/** PostgreSQL is killed twice during work: everything acknowledged is there, once, and nothing else. */
describe('the ledger when PostgreSQL is killed', () => {
  let server: RunningPostgres;
  let postings: PostingsService;
  let owner: pg.Client;
  let migrationUrl: string;

  beforeAll(async () => {
    const died: string[] = [];
    server = await startPostgres({ sharedBuffers: '128MB', restart: true, onEvent: (text) => died.push(text) });
    const database = await provision(server.adminUrl, 'ledger');
    migrationUrl = database.migrationUrl;
    await migrate(migrationUrl, migrations);
    postings = new PostingsService({ databaseUrl: database.databaseUrl, instance: 0, lanes: 2 });
  }, 120_000);
  afterAll(async () => {
    await postings.onApplicationShutdown();
    await owner?.end();
    await server.stop();
  }, 60_000);

  it('loses nothing, duplicates nothing, and recovers by itself', async () => {
    const wallets = Array.from({ length: 40 }, () => uuidv7());
    const acknowledged = new Map<string, PostingOutcome>();
    const seen = new Map<string, number>();
    let running = true;

    /** Sends until there is an answer, always under the same key, as a till must. */
    const insist = async (key: string, send: () => Promise<PostingOutcome>): Promise<void> => {
      for (;;) {
        try {
          acknowledged.set(key, await send());
          return;
        } catch (error) {
          if (!isDomainError(error) || !error.retryable) throw error;
          seen.set(error.code, (seen.get(error.code) ?? 0) + 1);
          await sleep(20);
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
    const callers = Array.from({ length: 24 }, (_, n) => caller(n));
    for (let kill = 0; kill < KILLS; kill += 1) {
      await sleep(1_500);
      const before = acknowledged.size;
      process.kill(server.pid, 'SIGKILL');
      for (let waited = 0; acknowledged.size < before + 50 && waited < 40_000; waited += 100) await sleep(100);
      expect(acknowledged.size).toBeGreaterThanOrEqual(before + 50);
    }
    running = false;
    await Promise.all(callers);
    expect([...seen.keys()].every((code) => ['unavailable', 'outcome_unknown', 'queue_full'].includes(code))).toBe(
      true,
    );
    expect(seen.size).toBeGreaterThan(0);

    owner = createClient(migrationUrl, 'ledger-crash');
    await owner.connect();
    const stored = await owner.query<{ key: string; posting_id: string | null }>(
      `select kind || ' ' || external_id as key, posting_id from operation
       union all select 'order ' || external_id, posting_id from purchase
       union all select 'authorization ' || h.reference, p.id from hold h join posting p using (cell, wallet_id, wallet_version)`,
    );
    expect(stored.rows).toHaveLength(acknowledged.size);
    for (const row of stored.rows) expect(acknowledged.get(row.key)?.postingId).toBe(row.posting_id);
    const checks = await ledgerInvariants(async (sql) => (await owner.query(sql)).rows);
    expect(checks.filter((check) => !check.ok)).toEqual([]);
  }, 150_000);
});
