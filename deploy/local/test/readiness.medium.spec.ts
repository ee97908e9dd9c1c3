import { mkdtempSync, chmodSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startService, type RunningService } from '#libs/http';
import { removePostgresData, startPostgres, type RunningPostgres } from '#libs/servers';
import { testTokens, type TestTokens } from '#libs/testing';
import { gateway } from '../../../services/gateway/src/index.js';
import { identity } from '../../../services/identity/src/index.js';
import { LOG, prepare, provisionAll } from '../network/databases.js';
import { loadSecrets } from '../network/secrets.js';

/** Two servers, so that the event log can be away while the database is up. */
let directory: string;
let books: RunningPostgres;
let log: RunningPostgres;
let tokens: TestTokens;
let service: RunningService;
let door: RunningService;

const SETTINGS = { sharedBuffers: '32MB', settings: { max_wal_size: '128MB', min_wal_size: '64MB' } };
const start = (name: string, port?: number): Promise<RunningPostgres> =>
  startPostgres({ ...SETTINGS, dataDir: join(directory, name), ...(port === undefined ? {} : { port }) });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'hezong-ready-'));
  chmodSync(directory, 0o711);
  [books, log, tokens] = await Promise.all([start('books'), start('log'), testTokens()]);
  const secrets = loadSecrets(directory, ['identity', LOG]);
  const own = (await provisionAll(books.adminUrl, ['identity'], secrets)).get('identity');
  const events = (await provisionAll(log.adminUrl, [LOG], secrets)).get(LOG);
  if (own === undefined || events === undefined) throw new Error('no databases');
  const env = {
    ...tokens.env('identity'),
    LOG_LEVEL: 'silent',
    OPS_PORT: '0',
    DATABASE_URL: own.databaseUrl,
    MIGRATION_DATABASE_URL: own.migrationUrl,
    BROKER: 'postgres',
    LOG_DATABASE_URL: events.databaseUrl,
    KEY_ENCRYPTION_KEY: secrets.keyEncryptionKey,
  };
  await prepare(
    [identity],
    () => ({ ...nowhere('http://127.0.0.1:9'), ...env }),
    { kind: 'postgres', kafkaBrokers: '', server: null, says: '' },
    events.migrationUrl,
  );
  service = await startService(identity, { ...nowhere('http://127.0.0.1:9'), ...env });
  door = await startService(gateway, {
    ...nowhere(service.url),
    ...tokens.env('gateway'),
    LOG_LEVEL: 'silent',
    OPS_PORT: '0',
  });
});

afterAll(async () => {
  await door.close();
  await service.close();
  await tokens.close();
  await Promise.all([books.stop(), log.stop()]);
  for (const name of ['books', 'log']) removePostgresData(join(directory, name));
  rmSync(directory, { recursive: true, force: true });
});

function nowhere(url: string): Record<string, string> {
  const names = ['IDENTITY', 'PARTNERS', 'CRM', 'LEDGER', 'SETTLEMENT', 'MEMBERSHIP', 'REFERRALS'];
  return Object.fromEntries(names.map((name) => [`${name}_URL`, url]));
}

interface Seen {
  service: number;
  gateway: number;
  network: number;
  away: string[];
}

/** Readiness as monitoring sees it; answers are cached for a second. */
async function seen(): Promise<Seen> {
  await sleep(1_100);
  const ready = await fetch(`${service.opsUrl}/health/ready`);
  const { checks } = (await ready.json()) as { checks: { name: string; ready: boolean }[] };
  return {
    service: ready.status,
    gateway: (await fetch(`${door.opsUrl}/health/ready`)).status,
    network: (await fetch(`${door.url}/health`)).status,
    away: checks.filter((check) => !check.ready).map(({ name }) => name),
  };
}

const READY = { service: 200, gateway: 200, network: 200 };

it('is ready with its database and its log', async () => {
  expect(await seen()).toEqual({ ...READY, away: [] });
});

it('measures how long the oldest transaction has held events back', async () => {
  const behind = async (): Promise<number> => {
    // waiting events are counted every three seconds
    await sleep(3_100);
    const text = await (await fetch(`${service.opsUrl}/metrics`)).text();
    return Number(/^hezong_oldest_transaction_xids\{service="identity"\} (\d+)$/m.exec(text)?.[1]);
  };
  expect(await behind()).toBeLessThan(10);
  const [old, other] = [1, 2].map(() => new pg.Client({ connectionString: books.adminUrl }));
  await Promise.all([old?.connect(), other?.connect()]);
  await old?.query('begin; select pg_current_xact_id()');
  for (let n = 0; n < 50; n += 1) await other?.query('select pg_current_xact_id()');
  expect(await behind()).toBeGreaterThanOrEqual(50);
  await Promise.all([old?.end(), other?.end()]);
});

it('stays ready while the log is away, and reports it', async () => {
  await log.stop();
  const away = await seen();
  expect(away).toMatchObject(READY);
  expect(away.away).toContain('broker');
  log = await start('log', log.port);
});

it('is not ready while the database is away, nor is the gateway; both are ready again when it is back', async () => {
  await books.stop();
  const away = await seen();
  expect(away).toMatchObject({ service: 503, gateway: 503, network: 503 });
  expect(away.away).toContain('database');
  books = await start('books', books.port);
  expect(await seen()).toMatchObject(READY);
});
