import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { aBrand, aContract, aMember } from '#libs/testing';
import { projectRoot } from '../network/root.js';
import { Client, newBrand } from './client.js';
import type { LocalNetwork } from './local-network.js';

/** Seed: the same calls in every run. */
const SEED = 20_261_130;
const CALLS_EACH = 14;
const AT_ONCE = 8;
const WITHIN_MS = 20_000;

/** Calls that would affect later tests: those that set the clock. */
const LEFT_OUT = new Set(['POST /v1/operator/test-clock', 'DELETE /v1/operator/test-clock']);

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  example?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

interface Operation {
  security?: { oauth2?: string[] }[];
  parameters?: { name: string; in: string; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, unknown> }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
}

const UUID_0 = '00000000-0000-0000-0000-000000000000';
const words = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    'x',
    'null',
    '0',
    '-1',
    '1e400',
    '\u0000',
    '\ud800',
    '😀',
    '%',
    '../..',
    "' or 1=1 --",
    UUID_0,
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constant('x'.repeat(5_000)),
);
const times = fc.constantFrom(
  '2026-03-02T08:00:00+08:00',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+23:59',
  '9999-12-31T23:59:59-23:59',
  '2026-02-30T00:00:00Z',
  '2999-12-31T23:59:59.999999999Z',
  '2000-01-01T00:00:00Z',
);
const days = fc.constantFrom('2026-03-02', '0000-01-01', '2026-02-30', '9999-12-31', '2000-01-01', '2999-12-31');
const numbers = fc.constantFrom(0, -0, -1, 1, 0.5, 1e21, -1e308, 2 ** 53, 2 ** 53 - 1, 2 ** 31, -(2 ** 53));
const ids = ['mb', 'au', 'of', 'lk', 'er', 'cl', 'cm', 'po', 'tg'].map((kind) => `${kind}_${'0'.repeat(26)}`);
const pathParts = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...ids, 'fuzz', 'x', '2026-03', '0000-00', '9999-99', '1', UUID_0) },
  { weight: 1, arbitrary: words },
);
const cursors = fc
  .array(fc.oneof(times, days, words, numbers, fc.constantFrom(...ids)), { maxLength: 3 })
  .map((position) => Buffer.from(JSON.stringify(position)).toString('base64url'));

/** Existing objects, by the names of the parameters that refer to them. */
interface Known {
  readonly schemas: Document['components']['schemas'];
  readonly values: Readonly<Record<string, string>>;
}

/** Values of a schema, similar values, and occasionally arbitrary ones. */
function valuesOf(schema: Schema, known: Known, name = '', depth = 0): fc.Arbitrary<unknown> {
  const { schemas } = known;
  const inner = (part: Schema, of = ''): fc.Arbitrary<unknown> => valuesOf(part, known, of, depth + 1);
  if (schema.$ref !== undefined) return inner(schemas[schema.$ref.slice('#/components/schemas/'.length)] ?? {});
  if (depth > 12) return fc.constant(null);
  const [one] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (one !== undefined) return inner(one);
  const right = rightOf(schema, inner);
  const value: unknown = known.values[name] ?? schema.example;
  return fc.oneof(
    { weight: 24, arbitrary: value === undefined ? right : fc.constant(value) },
    { weight: 6, arbitrary: right },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
}

function rightOf(schema: Schema, inner: (part: Schema, name?: string) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (type) {
    case 'integer':
    case 'number': {
      const { minimum: min = -1_000, maximum: max = 1_000 } = schema;
      return fc.oneof(
        fc.maxSafeInteger().map((n) => Math.max(min, Math.min(max, n))),
        fc.constantFrom(min, max),
        numbers,
      );
    }
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(inner(schema.items ?? {}), { maxLength: 3 });
    case 'object': {
      const { properties = {}, required = [] } = schema;
      const fields = Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, inner(part, name)]));
      const whole = fc.record(fields, { requiredKeys: required.filter((name) => name in fields) });
      const lacking = fc.record(fields, { requiredKeys: [] });
      return fc.oneof({ weight: 9, arbitrary: whole }, { weight: 1, arbitrary: lacking });
    }
    default:
      if (schema.format === 'date-time') return times;
      if (schema.format === 'date') return days;
      // patterns with look-ahead can be tested but not generated
      return schema.pattern === undefined || schema.pattern.includes('(?=')
        ? words
        : fc.oneof(fc.stringMatching(new RegExp(schema.pattern)), words);
  }
}

/** Calls of one operation. */
function callsOf(method: string, path: string, operation: Operation, known: Known): fc.Arbitrary<Call> {
  const { parameters = [], requestBody } = operation;
  const places = fc.record(
    Object.fromEntries(
      [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, placesOf(known.values[name])] as const),
    ),
  );
  const query = fc.record(
    Object.fromEntries(
      parameters
        .filter((parameter) => parameter.in === 'query')
        .map(({ name, schema }) => [name, name === 'after' ? fc.oneof(cursors, words) : valuesOf(schema, known, name)]),
    ),
    {
      requiredKeys: parameters
        .filter((one) => one.in === 'query' && 'required' in one && one.required)
        .map(({ name }) => name),
    },
  );
  const [media] = Object.values(requestBody?.content ?? {});
  const body =
    media === undefined ? fc.constant(null) : valuesOf(media.schema, known).map((value) => JSON.stringify(value));
  return fc.record({ places, query, body }).map(({ places: at, query: asked, body: sent }) => {
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encoded(String(at[name])));
    const pairs = Object.entries(asked).map(([name, value]) => `${name}=${encoded(textOf(value))}`);
    return {
      method: method.toUpperCase(),
      path: `${filled}${pairs.length > 0 ? `?${pairs.join('&')}` : ''}`,
      body: sent,
    };
  });
}

function placesOf(value: string | undefined): fc.Arbitrary<string> {
  return value === undefined ? pathParts : fc.oneof(fc.constant(value), fc.constant(value), pathParts);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Percent-encodes; half of a surrogate pair, which has no encoding, becomes invalid bytes. */
function encoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return '%ED%A0%80';
  }
}

/** Difference between an answer and the document; null when there is none. */
function faultOf(operation: Operation, status: number, type: string): string | null {
  if (status >= 500) return `${status}`;
  const told = operation.responses[String(status)] ?? operation.responses['default'];
  if (told === undefined) return `${status} is not documented`;
  const types = Object.keys(told.content ?? {});
  if (types.length === 0) return status < 400 ? null : `${status} has no documented content`;
  return types.some((one) => type === one || type.startsWith(`${one};`)) ? null : `${status} as ${type}`;
}

/** Every call of the API from its own document, valid and invalid: no call causes a server error, and every answer is as documented. */
export function hostileCalls(get: () => LocalNetwork, slug = 'fuzz'): void {
  it('answers every hostile call as its document says', async () => {
    const { sandbox } = get();
    const operator = new Client(sandbox, sandbox.operator);
    const caller = await newBrand(operator, sandbox, aBrand(slug), aContract());
    const { memberRef } = await caller.ok<{ memberRef: string }>('POST', '/v1/members', aMember('fuzz'));
    const { now } = await operator.ok<{ now: string }>('GET', '/v1/operator/test-clock');
    const values = { slug, brand: slug, memberRef, storeRef: `${slug}-1`, occurredAt: now, at: now, validFrom: now };
    const text = readFileSync(join(projectRoot(), 'docs/openapi.json'), 'utf8');
    const document = JSON.parse(text) as Document;
    const known = { schemas: document.components.schemas, values };
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => path.startsWith('/v1/') && !LEFT_OUT.has(`${method.toUpperCase()} ${path}`))
        .map(([method, operation]) => ({
          operation,
          path,
          calls: fc.sample(callsOf(method, path, operation, known), { seed: SEED, numRuns: CALLS_EACH }),
        })),
    );
    // in rounds, so that each operation has had its calls when the time is over
    const calls = Array.from({ length: CALLS_EACH }, (_, round) =>
      operations.map(({ operation, path, calls: all }) => ({ operation, path, call: all[round] as Call })),
    ).flat();
    const tokens = { operator: await operator.bearer(), brand: await caller.bearer() };
    const statuses = new Map<number, number>();
    const faults: string[] = [];
    const deadline = performance.now() + WITHIN_MS;
    let next = 0;
    let done = 0;
    const work = async (): Promise<void> => {
      for (let at = next++; at < calls.length && performance.now() < deadline; at = next++) {
        const { call, operation, path } = calls[at] as (typeof calls)[number];
        const token = path.startsWith('/v1/operator/') ? tokens.operator : tokens.brand;
        const headers = {
          authorization: `Bearer ${token}`,
          ...(call.body === null ? {} : { 'content-type': 'application/json' }),
        };
        const init = { method: call.method, headers, body: call.body, redirect: 'manual' as const };
        let answer = await fetch(sandbox.gateway + call.path, init);
        // temporary refusals are repeated: a busy machine is not a fault
        for (let again = 0; (answer.status === 429 || answer.status === 503) && again < 4; again += 1) {
          await answer.arrayBuffer();
          await sleep(1_000 * Number(answer.headers.get('retry-after') ?? 1));
          answer = await fetch(sandbox.gateway + call.path, init);
        }
        await answer.arrayBuffer();
        done += 1;
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        const fault = faultOf(operation, answer.status, answer.headers.get('content-type') ?? '');
        if (fault !== null) faults.push(`${fault}: ${call.method} ${call.path} ${call.body ?? ''}`.slice(0, 1_500));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    expect(faults).toEqual([]);
    expect(done).toBeGreaterThan(operations.length);
    // some calls must get past validation
    expect(statuses.get(201)).toBeGreaterThan(3);
  }, 60_000);
}
