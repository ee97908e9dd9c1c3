import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import pg from 'pg';
import { startService } from '#libs/http';
import type { RunningService } from '#libs/http';
import { TOPICS } from '#libs/contracts';
import { Messaging, declareTopics, rewindGroup } from '#libs/messaging';
import { callerOf, testBroker, testDatabase, testTokens } from '#libs/testing';
import type { TestDatabase } from '#libs/testing';
import { crm } from '../src/index.js';

export interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- specs look into bodies freely
  body: any;
}

export interface Rig {
  service: RunningService;
  database: TestDatabase;
  env: Record<string, string>;
  /** What the ledger was told, in order. */
  pushed: { path: string; body: unknown }[];
  /** Everything the process wrote to its streams since the rig began. */
  written: () => string;
  /** Calls as a brand. */
  call(brand: string, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Sets a brand's status, and what its contract attests, at partners and pushes it. */
  brand(slug: string, status?: string, attests?: string[], contractEnds?: string): Promise<void>;
  /** Reads as superuser. */
  sql<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
  internal(path: string): Promise<Answer>;
  /** Dumps the database as it is now. */
  dump(): Promise<void>;
  /** Restores the dump into a new database, as the runbook says; without `rewind` the groups stay where they were in the log. */
  restore(rewind: boolean): Promise<void>;
  /** Waits until everything committed is in the log, and everything in the log is handled. */
  settled(): Promise<void>;
  /** A brand's access token. */
  token(brand: string): Promise<string>;
  close(): Promise<void>;
}

/** Open at both ends of what the specs speak of. */
const CONTRACT = {
  version: 1,
  validFrom: '2020-01-01T00:00:00.000Z',
  roles: ['issuer', 'redeemer'],
  fundingMode: 'pay_at_redemption',
  currency: 'CNY',
  accrualPrice: '1.05',
  reimbursementPrice: '0.90',
  operatorFee: '0.15',
  faceValue: '1.00',
  cycle: 'monthly',
  feeOnOwn: false,
};

const pepper = (): string => randomBytes(32).toString('base64');

function read(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    request.on('end', () => resolve(text));
  });
}

/** Catches what the service logs: it writes to the descriptors of the standard streams. */
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

/** Rows of every table in the text form of their types, and where sequences stand: what a logical dump holds. */
interface Dump {
  readonly tables: readonly { readonly name: string; readonly rows: readonly string[] }[];
  readonly sequences: readonly { readonly name: string; readonly value: bigint | null }[];
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** In one snapshot, beside the service at work. */
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

/** Triggers and foreign keys rest meanwhile, as the rows were checked when they were written. */
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

/** The whole service on a database of its own, with stand-ins for partners and the ledger on one port. */
export async function crmRig(): Promise<Rig> {
  const [database, tokens, broker] = await Promise.all([testDatabase('crm'), testTokens(), testBroker('postgres')]);
  await declareTopics({ ...broker.config, databaseUrl: database.databaseUrl });
  const brands = new Map<string, Record<string, unknown>>();
  const pushed: Rig['pushed'] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    const body = await read(request);
    if (request.method === 'PUT') pushed.push({ path, body: JSON.parse(body) });
    const found = brands.get(path.split('/').at(-1) ?? '');
    const known = request.method === 'PUT' || found !== undefined;
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? {}));
  };
  const neighbours: Server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening) => neighbours.listen(0, '127.0.0.1', listening));
  const address = neighbours.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const near = `http://127.0.0.1:${address.port}`;
  const env: Record<string, string> = {
    ...tokens.env('crm'),
    ...broker.env,
    DATABASE_URL: database.databaseUrl,
    MIGRATION_DATABASE_URL: database.ownerUrl,
    LOG_LEVEL: 'trace',
    VAULT_KEYS: `1:${pepper()}`,
    VAULT_PEPPERS: `1:${pepper()}`,
    IDENTITY_URL: near,
    PARTNERS_URL: near,
    CRM_URL: near,
    LEDGER_URL: near,
    SETTLEMENT_URL: near,
    MEMBERSHIP_URL: near,
    REFERRALS_URL: near,
  };
  const log = captureStreams();
  let service = await startService(crm, env);
  const connect = (): pg.Pool => new pg.Pool({ connectionString: database.adminUrl, max: 2 });
  let admin = connect();
  let dumped: Dump = { tables: [], sequences: [] };
  const bearer = new Map<string, string>();

  const send = async (token: string, method: string, path: string, body?: unknown, headers = {}): Promise<Answer> => {
    const response = await fetch(`${service.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      text,
      body: (text === '' ? null : JSON.parse(text)) as unknown,
    };
  };

  const rig: Rig = {
    get service() {
      return service;
    },
    database,
    env,
    pushed,
    written: log.written,
    async call(brand, method, path, body, headers) {
      return send(await rig.token(brand), method, path, body, headers);
    },
    async token(brand) {
      const token = bearer.get(brand) ?? (await tokens.brand(brand));
      bearer.set(brand, token);
      return token;
    },
    async brand(slug, status = 'live', attests = ['phone'], contractEnds?: string) {
      const version = Number(brands.get(slug)?.['version'] ?? 0) + 1;
      const snapshot = {
        slug,
        version,
        name: slug,
        status,
        currency: 'CNY',
        legalEntity: { id: `le-${slug}`, name: slug },
        stores: [],
        contracts: [{ ...CONTRACT, id: `ct_${slug}`, attests, validTo: contractEnds ?? null }],
      };
      brands.set(slug, snapshot);
      const token = await tokens.internal('partners', 'crm');
      await send(token, 'PUT', `/internal/v1/brands/${slug}`, snapshot);
    },
    async sql<T extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
      return (await admin.query<T>(text, values)).rows;
    },
    internal: async (path) => {
      const from = path.startsWith('/internal/v1/links') ? 'ledger' : callerOf(path);
      return send(await tokens.internal(from, 'crm'), 'GET', path);
    },
    async dump() {
      dumped = await dumpOf(database.adminUrl);
    },
    async restore(rewind) {
      await service.close();
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
      service = await startService(crm, env);
    },
    async settled() {
      const messaging = service.app.get(Messaging, { strict: false });
      for (let left = 400; ; left -= 1) {
        const waiting = [...(await messaging.backlog()), ...(await messaging.lag())].filter(({ events }) => events > 0);
        if (waiting.length === 0) return;
        if (left === 0) throw new Error(`not settled: ${JSON.stringify(waiting)}`);
        await new Promise((later) => setTimeout(later, 50));
      }
    },
    async close() {
      await service.close();
      await admin.end();
      log.release();
      neighbours.closeAllConnections();
      await new Promise((closed) => neighbours.close(closed));
      await tokens.close();
      await broker.drop();
      await database.drop();
    },
  };
  return rig;
}

let counter = 0;

/** A phone number nobody else in this spec file has. */
export function newPhone(): string {
  counter += 1;
  return `+86138${String(counter).padStart(8, '0')}`;
}

/** A word of a call that the brand has proven its e-mail. */
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
