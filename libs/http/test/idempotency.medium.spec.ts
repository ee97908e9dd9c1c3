import { DataSource } from 'typeorm';
import { fail } from '#libs/kernel';
import { dataSourceOptions } from '#libs/postgres';
import { testDatabase } from '#libs/testing';
import type { TestDatabase } from '#libs/testing';
import { idempotent } from '../src/index.js';
import type { IdempotentCall, Outcome } from '../src/index.js';

let database: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  // any service's database has the records; this one is small
  database = await testDatabase('identity');
  dataSource = await new DataSource(dataSourceOptions(database.databaseUrl, 'idempotency-spec', 8)).initialize();
}, 120_000);

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

let number = 0;
function call(over: Partial<IdempotentCall> = {}): IdempotentCall {
  number += 1;
  return {
    caller: 'client:till',
    brand: 'aurora',
    route: 'things.create',
    key: `k-${number}`,
    body: { a: 1 },
    ...over,
  };
}

/** Work that writes a row each time it takes effect. */
function effect(name: string, outcome: Outcome = { status: 201, body: { name } }) {
  return async (tx: { query(sql: string, parameters: unknown[]): Promise<unknown> }): Promise<Outcome> => {
    await tx.query(`insert into used_assertion (id, expires_at) values (gen_random_uuid()::text || $1, now())`, [
      `#${name}`,
    ]);
    return outcome;
  };
}

async function effects(name: string): Promise<number> {
  const rows: unknown[] = await dataSource.query('select 1 from used_assertion where id like $1', [`%#${name}`]);
  return rows.length;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => String(Reflect.get(error as object, 'code')),
  );
}

it('takes effect once and repeats the first answer, whatever the order of the members', async () => {
  const first = call({ body: { a: 1, b: [2] } });
  expect(await idempotent(dataSource, first, effect('once'))).toEqual({
    status: 201,
    body: { name: 'once' },
    replayed: false,
  });
  expect(await idempotent(dataSource, { ...first, body: { b: [2], a: 1 } }, effect('once'))).toEqual({
    status: 201,
    body: { name: 'once' },
    replayed: true,
  });
  expect(await effects('once')).toBe(1);
});

it('refuses other content, and the same content on another route', async () => {
  const first = call();
  await idempotent(dataSource, first, effect('conflict'));
  for (const other of [{ body: { a: 2 } }, { route: 'things.remove' }]) {
    expect(await codeOf(idempotent(dataSource, { ...first, ...other }, effect('conflict')))).toBe(
      'idempotency_conflict',
    );
  }
  expect(await effects('conflict')).toBe(1);
});

it('separates the keys of callers and of brands', async () => {
  const first = call({ key: undefined, businessKey: 'A-1' });
  await idempotent(dataSource, first, effect('apart'));
  await idempotent(dataSource, { ...first, brand: 'birch', body: { a: 2 } }, effect('apart'));
  const keyed = call();
  await idempotent(dataSource, keyed, effect('apart'));
  await idempotent(dataSource, { ...keyed, caller: 'client:other', body: { a: 2 } }, effect('apart'));
  expect(await effects('apart')).toBe(4);
});

it('recognises a call by its business key even under a new transport key', async () => {
  const first = call({ businessKey: 'A-2' });
  await idempotent(dataSource, first, effect('business'));
  const again = await idempotent(dataSource, { ...first, key: 'another' }, effect('business'));
  expect(again.replayed).toBe(true);
  // both transport keys now stand for this content
  for (const key of [first.key, 'another']) {
    const other = { ...first, key, businessKey: 'A-9', body: { a: 2 } };
    expect(await codeOf(idempotent(dataSource, other, effect('business')))).toBe('idempotency_conflict');
  }
  // nor is the first answer repeated under a key of other content
  const taken = call({ body: { a: 3 } });
  await idempotent(dataSource, taken, effect('taken'));
  expect(await codeOf(idempotent(dataSource, { ...first, key: taken.key }, effect('business')))).toBe(
    'idempotency_conflict',
  );
  expect(await effects('business')).toBe(1);
});

it('reports that the first call is still running, and lets exactly one of many through', async () => {
  const racing = call();
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      idempotent(dataSource, racing, async (tx) => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        return effect('race')(tx);
      }).then(
        (outcome) => (outcome.replayed ? 'replayed' : 'done'),
        (error: unknown) => String(Reflect.get(error as object, 'code')),
      ),
    ),
  );
  expect(answers.filter((answer) => answer === 'done').length).toBe(1);
  expect(answers.every((answer) => ['done', 'replayed', 'idempotency_in_progress'].includes(answer))).toBe(true);
  expect(await effects('race')).toBe(1);
});

it('keeps a refusal under the transport key, without any of its effects', async () => {
  const declined = call();
  const refuse = async (tx: Parameters<ReturnType<typeof effect>>[0]): Promise<Outcome> => {
    await effect('declined')(tx);
    return fail('points_insufficient', { extra: { limit: 5 } });
  };
  const first = await idempotent(dataSource, declined, refuse);
  expect(first).toMatchObject({ status: 422, body: { code: 'points_insufficient', limit: 5 }, replayed: false });
  expect(await idempotent(dataSource, declined, effect('declined'))).toMatchObject({
    status: first.status,
    body: first.body,
    replayed: true,
  });
  expect(await effects('declined')).toBe(0);
});

it('accepts a refused business key again, unless the refusal is final', async () => {
  const refuse = (): Promise<Outcome> => Promise.resolve().then(() => fail('consent_required'));
  const mended = call({ key: undefined, businessKey: 'A-3' });
  expect(await codeOf(idempotent(dataSource, mended, refuse))).toBe('consent_required');
  expect((await idempotent(dataSource, { ...mended, body: { a: 2 } }, effect('mended'))).replayed).toBe(false);
  const final = call({ key: undefined, businessKey: 'A-4', keepDeclines: true });
  expect((await idempotent(dataSource, final, refuse)).status).toBe(422);
  expect((await idempotent(dataSource, final, effect('final'))).replayed).toBe(true);
  expect(await effects('final')).toBe(0);
});

it('keeps no answer that may be repeated or was our fault', async () => {
  const retried = call();
  expect(await codeOf(idempotent(dataSource, retried, () => Promise.resolve().then(() => fail('queue_full'))))).toBe(
    'queue_full',
  );
  await idempotent(dataSource, retried, () => Promise.reject(new Error('ours'))).catch(() => undefined);
  expect((await idempotent(dataSource, retried, effect('retried'))).replayed).toBe(false);
  expect(await effects('retried')).toBe(1);
});
