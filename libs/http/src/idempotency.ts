import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { DataSource, EntityManager } from 'typeorm';
import { callerName, callerOf } from '#libs/auth';
import { exactJson, fail, isDomainError, parseExactJson, requestHash } from '#libs/kernel';
import { brandPolicySql, runInTransaction } from '#libs/postgres';
import type { Expiring } from '#libs/postgres';
import { problemOf } from './problem.js';
import type { Problem } from './problem.js';
import { Reply } from './reply.js';

/** A call of a brand or the operator. */
export interface KeyedCall {
  /** The calling brand; `'*'` for the operator. */
  brand: string;
  client: string;
  /** Name of the caller: `callerName`. */
  caller: string;
  /** The Idempotency-Key header: 1 to 255 visible ASCII characters. */
  key?: string | undefined;
}

/** One call that must have one effect. */
export interface IdempotentCall extends Pick<KeyedCall, 'key'> {
  /** Name of the caller: transport keys are scoped to it. */
  caller: string;
  /** Brand whose rows the work may see; `'*'` for the operator. Business keys are scoped to it. */
  brand: string;
  /** Name of the operation, e.g. `members.create`. */
  route: string;
  /** The permanent key: externalId. */
  businessKey?: string | undefined;
  /** Content by which repeated calls are compared. */
  body: unknown;
  /** Whether a refusal uses up the business key too. A refusal always uses up the transport key. Default false. */
  keepDeclines?: boolean;
}

/** Answer of work that takes effect. */
export interface Outcome<T = unknown> {
  status: number;
  body: T;
}

/** How long a repeat with the same transport key gets the first answer; business keys are permanent. */
export const TRANSPORT_KEYS: Expiring = {
  table: 'idempotency',
  at: 'created_at',
  keepMs: 90 * 86_400_000,
  where: `kind = 'transport'`,
};

export function idempotencyTableSql(): string {
  return `
    create table idempotency (
      brand text not null,
      kind text not null check (kind in ('transport', 'business')),
      scope text not null,
      key text not null,
      request_hash bytea not null check (octet_length(request_hash) = 16),
      status smallint not null,
      -- json, not jsonb: a repeat gets the first body with its members in the first order
      body json not null,
      created_at timestamptz not null default clock_timestamp(),
      primary key (brand, kind, scope, key)
    );
    create index idempotency_pruning on idempotency (created_at) where kind = 'transport';
    ${brandPolicySql('idempotency')}
  `;
}

interface RecordKey {
  kind: 'transport' | 'business';
  scope: string;
  key: string;
}

/**
 * Runs the work once per key. The record is written in the work's own transaction, so neither exists without the other.
 * A repeat gets the first status and body, also under a new transport key, which then stands for this content. A refusal (a DomainError that is not retryable) is recorded too, after the work was
 * rolled back.
 * @throws DomainError `idempotency_conflict` for the same key with other content, `idempotency_in_progress` while the first call runs
 */
export async function idempotent<T>(
  dataSource: DataSource,
  call: IdempotentCall,
  work: (tx: EntityManager) => Promise<Outcome<T>>,
): Promise<Reply<T>> {
  const keys = keysOf(call);
  const hash = requestHash([call.route, call.body]);
  return runInTransaction(dataSource, { brand: call.brand }, async (tx) => {
    for (const key of keys) await lock(tx, call.brand, key);
    const known: (Outcome | null)[] = [];
    for (const key of keys) known.push(await find(tx, call.brand, key, hash));
    const first = known.find((outcome) => outcome !== null);
    if (first) {
      const unbound = keys.filter((key, i) => known[i] === null && key.kind === 'transport');
      await record(tx, call.brand, unbound, hash, first);
      return new Reply(first.status, first.body as T | Problem, true);
    }
    if (keys.length === 0) return replyOf(await work(tx));
    await tx.query('savepoint idempotent_work');
    try {
      const outcome = await work(tx);
      await record(tx, call.brand, keys, hash, outcome);
      return replyOf(outcome);
    } catch (error) {
      const kept = call.keepDeclines === true ? keys : keys.filter((key) => key.kind === 'transport');
      if (!isDomainError(error) || error.retryable || error.status >= 500 || kept.length === 0) throw error;
      await tx.query('rollback to savepoint idempotent_work');
      const outcome = { status: error.status, body: problemOf(error.code, error.details) };
      await record(tx, call.brand, kept, hash, outcome);
      return replyOf<T>(outcome);
    }
  });
}

function replyOf<T>({ status, body }: Outcome<T | Problem>): Reply<T> {
  return new Reply<T>(status, body);
}

function keysOf(call: IdempotentCall): RecordKey[] {
  const keys: RecordKey[] = [];
  if (call.businessKey !== undefined) keys.push({ kind: 'business', scope: call.route, key: call.businessKey });
  if (call.key !== undefined) keys.push({ kind: 'transport', scope: call.caller, key: call.key });
  return keys;
}

/** Locks are taken in one fixed order and without waiting, so there are no deadlocks and no queues. */
async function lock(tx: EntityManager, brand: string, key: RecordKey): Promise<void> {
  const name = requestHash([brand, key.kind, key.scope, key.key]).readBigInt64BE(0);
  const rows: { taken: boolean }[] = await tx.query('select pg_try_advisory_xact_lock($1) as taken', [name.toString()]);
  if (rows[0]?.taken !== true) fail('idempotency_in_progress', { retryAfter: 1 });
}

async function find(tx: EntityManager, brand: string, key: RecordKey, hash: Buffer): Promise<Outcome | null> {
  const rows: { request_hash: Buffer; status: number; body: string }[] = await tx.query(
    'select request_hash, status, body::text from idempotency where brand = $1 and kind = $2 and scope = $3 and key = $4',
    [brand, key.kind, key.scope, key.key],
  );
  const row = rows[0];
  if (row === undefined) return null;
  if (!hash.equals(row.request_hash)) fail('idempotency_conflict');
  return { status: row.status, body: parseExactJson(row.body) };
}

async function record(
  tx: EntityManager,
  brand: string,
  keys: readonly RecordKey[],
  hash: Buffer,
  outcome: Outcome,
): Promise<void> {
  for (const key of keys) {
    await tx.query(
      'insert into idempotency (brand, kind, scope, key, request_hash, status, body) values ($1, $2, $3, $4, $5, $6, $7)',
      [brand, key.kind, key.scope, key.key, hash, outcome.status, exactJson(outcome.body)],
    );
  }
}

const KEY = /^[\x21-\x7e]{1,255}$/;

/** Marks in the API document the calls that take a key; the generated client sends a key only to those. */
function documented(target: object, method: string | symbol | undefined): void {
  const handler = method === undefined ? undefined : Object.getOwnPropertyDescriptor(target, method);
  if (method === undefined || handler === undefined) return;
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'A repeat with the same key and content gets the first answer again.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  })(target, method, handler);
}

/** The call: a `KeyedCall`. @throws DomainError `validation_failed` for a malformed key, `scope_missing` for a service of the network */
export const Keyed: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): KeyedCall => {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller = callerOf(request);
    if (caller.kind === 'internal') return fail('scope_missing');
    const brand = caller.kind === 'brand' ? caller.brand : '*';
    const key = request.headers['idempotency-key'];
    if (key === undefined || (typeof key === 'string' && KEY.test(key)))
      return { brand, client: caller.clientId, caller: callerName(caller), key };
    return fail('validation_failed', {
      errors: [
        {
          pointer: '/headers/idempotency-key',
          code: 'malformed',
          detail: 'Must be one key of 1 to 255 visible ASCII characters.',
        },
      ],
    });
  },
  [documented],
);
