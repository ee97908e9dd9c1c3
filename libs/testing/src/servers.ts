import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKafka, startPostgres } from '#libs/servers';
import { engineAnswers, startKafkaContainer, startPostgresContainer } from './containers.js';
import type { ServerRecord } from './server-record.js';

export interface TestServers {
  postgres(): Promise<ServerRecord>;
  kafka(): Promise<ServerRecord>;
}

/** Directory of this test run; specs that need servers run in a project with the global set-up. */
export function stateDirectory(): string {
  const state = process.env['HEZONG_TEST_STATE'];
  if (state === undefined || !existsSync(state)) {
    throw new Error(
      'no servers for this spec: name it *.medium.spec.ts, *.property.spec.ts or *.e2e.spec.ts, which have the global set-up',
    );
  }
  return state;
}

/** Servers of this run, shared by all workers, each started at first use. A missing prerequisite is an error, never a skip. */
export function testServers(): TestServers {
  return {
    postgres: () =>
      once('postgres', async (state) => {
        if (await engineAnswers()) return startPostgresContainer(state);
        const server = await startPostgres({
          dataDir: join(state, 'postgres'),
          sharedBuffers: '256MB',
          settings: { max_wal_size: '1GB' },
          detach: true,
        });
        return { says: 'embedded PostgreSQL 18', address: server.adminUrl, pid: server.pid, signal: 'SIGINT' };
      }),
    kafka: () =>
      once('kafka', async (state) => {
        if (await engineAnswers()) return startKafkaContainer(state);
        const server = await startKafka({ dataDir: join(state, 'kafka'), detach: true });
        return { says: 'Apache Kafka on the local JVM', address: server.broker, pid: server.pid, signal: 'SIGKILL' };
      }),
  };
}

const STALE_LOCK_MS = 180_000;

/** Starts the named server in exactly one worker; the others wait for its record or its error. */
async function once(name: string, start: (state: string) => Promise<ServerRecord>): Promise<ServerRecord> {
  const state = stateDirectory();
  const record = join(state, `${name}.json`);
  const failure = join(state, `${name}.failed`);
  const lock = join(state, `${name}.lock`);
  for (;;) {
    if (existsSync(record)) return JSON.parse(readFileSync(record, 'utf8')) as ServerRecord;
    if (existsSync(failure)) throw new Error(readFileSync(failure, 'utf8'));
    try {
      mkdirSync(lock);
    } catch {
      if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > STALE_LOCK_MS)
        rmSync(lock, { recursive: true, force: true });
      await sleep(50);
      continue;
    }
    try {
      const server = await start(state);
      writeFileSync(`${record}.draft`, JSON.stringify(server), { mode: 0o600 });
      renameSync(`${record}.draft`, record);
      return server;
    } catch (error) {
      writeFileSync(failure, `the tests need ${name}: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }
}
