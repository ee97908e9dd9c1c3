import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import pg from 'pg';
import { TOPICS } from '#libs/contracts';
import type { BrandSnapshot } from '#libs/directory';
import { rewindGroup } from '#libs/messaging';
import { withClient } from '#libs/postgres';
import { allHandled, allSent, brandSnapshot, callerOf, serviceUnderTest } from '#libs/testing';
import type { Answer, ServiceUnderTest } from '#libs/testing';
import { crm } from '../src/index.js';

export interface CrmUnderTest extends ServiceUnderTest {
  /** Pushes to the ledger, in order. */
  pushed: { path: string; body: unknown }[];
  /** Everything that the process wrote to its streams since the rig started. */
  written: () => string;
  /** Sets a brand's status, and the attestations of its contract, at partners and pushes it. */
  brand(slug: string, status?: string, attests?: string[], contractEnds?: string): Promise<void>;
  /** Reads as superuser. */
  sql<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
  internal(path: string): Promise<Answer>;
  /** Dumps the database as it is now. */
  dump(): Promise<void>;
  /** Restores the dump into a new database, as in the runbook; without `rewind` the consumer groups keep their offsets. */
  restore(rewind: boolean): Promise<void>;
  /** Waits until everything committed is in the log and everything in the log is handled. */
  settled(): Promise<void>;
}

const pepper = (): string => randomBytes(32).toString('base64');

/** Captures what the service logs: it writes to the descriptors of the standard streams. */
function captureStreams(): { written: () => string; release: () => void } {
  let output = '';
  const original = { write: fs.write, writeSync: fs.writeSync };
  const take = (descriptor: unknown, data: unknown): number | null => {
    if (descriptor !== 1 && descriptor !== 2) return null;
    const text = typeof data === 'string' ? data : Buffer.from(data as Uint8Array).toString('utf8');
    output += text;
    return Buffer.byteLength(text);
  };
  fs.writeSync = ((...args: Parameters<typeof original.writeSync>) =>
    take(args[0], args[1]) ?? original.writeSync(...args)) as typeof fs.writeSync;
  fs.write = ((...args: unknown[]) => {
    const taken = take(args[0], args[1]);
    const done = args.at(-1);
    if (taken === null) Reflect.apply(original.write, fs, args);
    else if (typeof done === 'function') setImmediate(() => void Reflect.apply(done, null, [null, taken]));
  }) as typeof fs.write;
  return { written: () => output, release: () => Object.assign(fs, original) };
}

/** Rows of every table in text form, and positions of sequences: the content of a logical dump. */
interface Dump {
  readonly tables: readonly { readonly name: string; readonly rows: readonly string[] }[];
  readonly sequences: readonly { readonly name: string; readonly value: bigint | null }[];
}

/** Dumps in one snapshot while the service runs. */
function dumpOf(url: string): Promise<Dump> {
  return withClient(url, async (client) => {
    await client.query('begin isolation level repeatable read read only');
    const { rows: names } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'vault')`,
    );
    const tables = [];
    for (const { name } of names) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from only ${name} t`);
      tables.push({ name, rows: rows.map(({ row }) => row) });
    }
    const { rows: sequences } = await client.query<Dump['sequences'][number]>(
      `select format('%I.%I', schemaname, sequencename) as name, last_value as value from pg_sequences`,
    );
    await client.query('commit');
    return { tables, sequences };
  });
}

/** Restores rows with triggers and foreign keys disabled, because the rows were checked when they were written. */
function restoreInto(url: string, { tables, sequences }: Dump): Promise<void> {
  return withClient(url, async (client) => {
    await client.query('begin');
    await client.query('set local session_replication_role = replica');
    await client.query(`truncate ${tables.map(({ name }) => name).join(', ')}`);
    for (const { name, rows } of tables)
      await client.query(
        `insert into ${name} overriding system value select (r.row::${name}).* from unnest($1::text[]) as r (row)`,
        [rows],
      );
    for (const { name, value } of sequences)
      if (value !== null) await client.query('select setval($1, $2)', [name, value]);
    await client.query('commit');
  });
}

/** crm beside stand-ins for partners and the ledger. */
export async function crmUnderTest(): Promise<CrmUnderTest> {
  const brands = new Map<string, BrandSnapshot>();
  const pushed: CrmUnderTest['pushed'] = [];
  const log = captureStreams();
  const under = await serviceUnderTest(crm, {
    answer: ({ method, path, body }) => {
      if (method !== 'PUT') return brands.get(path.split('/').at(-1) ?? '');
      pushed.push({ path, body: JSON.parse(body) });
      return {};
    },
    env: { LOG_LEVEL: 'trace', VAULT_KEYS: `1:${pepper()}`, VAULT_PEPPERS: `1:${pepper()}` },
  });
  const { broker, database, tokens } = under;
  under.env['MIGRATION_DATABASE_URL'] = database.ownerUrl;
  const connect = (): pg.Pool => new pg.Pool({ connectionString: database.adminUrl, max: 2 });
  let admin = connect();
  let dumped: Dump = { tables: [], sequences: [] };
  const close = under.close.bind(under);

  return Object.assign(under, {
    pushed,
    written: log.written,
    async brand(slug: string, status = 'live', attests = ['phone'], contractEnds?: string) {
      const version = (brands.get(slug)?.version ?? 0) + 1;
      const contract = { validFrom: '2020-01-01T00:00:00.000Z', validTo: contractEnds ?? null, attests };
      const snapshot = brandSnapshot(slug, {
        version,
        status: status as BrandSnapshot['status'],
        contracts: [contract],
      });
      brands.set(slug, snapshot);
      await under.asService('PUT', `/internal/v1/brands/${slug}`, snapshot);
    },
    async sql<T extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
      return (await admin.query<T>(text, values)).rows;
    },
    internal: async (path: string) => {
      const from = path.startsWith('/internal/v1/links') ? 'ledger' : callerOf(path);
      return under.send(await tokens.internal(from, 'crm'), 'GET', path);
    },
    async dump() {
      dumped = await dumpOf(database.adminUrl);
    },
    restore: (rewind: boolean) =>
      under.restart(async () => {
        await admin.end();
        await withClient(database.adminUrl.replace(/[^/]*$/, 'postgres'), async (client) => {
          await client.query(`drop database ${database.name}`);
          // migrated, and empty
          await client.query(`create database ${database.name} template hezong_crm`);
        });
        await restoreInto(database.adminUrl, dumped);
        const config = { ...broker.config, databaseUrl: database.databaseUrl };
        if (rewind) await rewindGroup(config, 'crm.suppressions', [TOPICS.suppressions]);
        admin = connect();
      }),
    async settled() {
      await allSent(under.service.app);
      await allHandled(under.service.app);
    },
    async close() {
      await admin.end();
      await close();
      log.release();
    },
  });
}

let counter = 0;

/** A phone number not used elsewhere in this spec file. */
export function newPhone(): string {
  counter += 1;
  return `+86138${String(counter).padStart(8, '0')}`;
}

/** States in a call that the brand has proven its e-mail. */
export const MAIL_PROVEN = { email: { method: 'email_link', at: '2026-03-01T09:00:00+08:00' } };

/** Body of `POST /v1/members`. */
export function contribution(externalId: string, over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    externalId,
    consents: [
      {
        purpose: 'join_pool',
        granted: true,
        policyVersion: '2026-01',
        channel: 'app',
        at: '2026-03-01T09:00:00+08:00',
      },
    ],
    ...over,
  };
}
