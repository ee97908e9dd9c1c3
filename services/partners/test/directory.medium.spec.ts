import { setTimeout as sleep } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { defineConfig, serviceFields } from '#libs/config';
import type { ServiceConfig } from '#libs/config';
import { BrandDirectory, DirectoryModule, contractAt, directoryTableSql, snapshotFromBrand } from '#libs/directory';
import { defineService, migrateService, startService } from '#libs/http';
import type { RunningService } from '#libs/http';
import { MessagingModule, messagingTablesSql } from '#libs/messaging';
import { PostgresModule, defineMigration } from '#libs/postgres';
import { aBrand, aContract, emptyDatabase } from '#libs/testing';
import { partnersUnderTest } from './partners-under-test.js';
import type { PartnersUnderTest } from './partners-under-test.js';

@Module({})
class ReaderModule {
  static forService(config: ServiceConfig): DynamicModule {
    return {
      module: ReaderModule,
      imports: [
        PostgresModule.forService(config, { service: 'reader' }),
        MessagingModule.forService(config),
        DirectoryModule.forService(config, { group: 'reader.brands' }),
      ],
    };
  }
}

/** A service that only stores its copy of the brands. */
const reader = defineService({
  name: 'membership',
  config: defineConfig('membership', serviceFields()),
  module: (config) => ReaderModule.forService(config),
  migrations: [defineMigration({ id: '0001', name: 'reader', up: messagingTablesSql() + directoryTableSql() })],
});

let partners: PartnersUnderTest;
let database: Awaited<ReturnType<typeof emptyDatabase>>;
let env: Record<string, string>;
const running: RunningService[] = [];

async function start(over: Record<string, string> = {}): Promise<BrandDirectory> {
  const service = await startService(reader, { ...env, ...over });
  running.push(service);
  return service.app.get(BrandDirectory, { strict: false });
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let waited = 0; waited < 15_000; waited += 50) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error('it did not come true within 15 s');
}

beforeAll(async () => {
  partners = await partnersUnderTest();
  database = await emptyDatabase('test_reader');
  env = {
    ...partners.env,
    ...partners.tokens.env('membership'),
    DATABASE_URL: database.url,
    MIGRATION_DATABASE_URL: database.url,
  };
  await migrateService(reader, env);
});
afterAll(async () => {
  for (const service of running) await service.close();
  await partners.close();
  await database.drop();
});

it('asks partners once for an unknown brand, and then has it', async () => {
  await partners.asOperator('POST', '/v1/operator/brands', aBrand('aurora'));
  const directory = await start();
  expect(directory.peek('aurora')).toBeUndefined();
  const [one, two] = await Promise.all([directory.get('aurora'), directory.get('aurora')]);
  expect(one).toMatchObject({ slug: 'aurora', status: 'sandbox', stores: [{ ref: 'aurora-1' }] });
  expect(two).toBe(one);
  expect(directory.peek('aurora')).toBe(one);
  expect(await directory.get('nobody')).toBeNull();
});

it('follows the events, even of brands it never asked for', async () => {
  const directory = running[0]?.app.get(BrandDirectory, { strict: false }) as BrandDirectory;
  await partners.asOperator('POST', '/v1/operator/brands', aBrand('birch'));
  await partners.asOperator('POST', '/v1/operator/brands/birch/contracts', aContract());
  await partners.asOperator('POST', '/v1/operator/brands/aurora/status', { status: 'suspended' });
  await until(() => directory.peek('birch')?.version === 2 && directory.peek('aurora')?.status === 'suspended');
  const birch = await directory.get('birch');
  if (birch === null) throw new Error('birch is missing');
  expect(contractAt(birch, new Date('2026-03-01T00:00:00Z'))).toMatchObject({ version: 1, reimbursementPrice: '0.90' });
  expect((await directory.list()).map((b) => b.slug)).toEqual(['aurora', 'birch']);
});

it('accepts a push immediately, ignores an older one, and informs its other processes', async () => {
  const directory = running[0]?.app.get(BrandDirectory, { strict: false }) as BrandDirectory;
  const second = await start({ INSTANCE: '1' });
  const birch = await second.get('birch');
  if (birch === null) throw new Error('birch is missing');
  const snapshot = snapshotFromBrand(birch);
  expect(await directory.apply({ ...snapshot, version: 50, status: 'suspended' })).toBe(true);
  expect(directory.peek('birch')?.status).toBe('suspended');
  await until(async () => (await second.get('birch'))?.version === 50);
  expect(await directory.apply({ ...snapshot, version: 49, status: 'live' })).toBe(false);
  expect((await directory.get('birch'))?.status).toBe('suspended');
});

it('follows a brand of ten thousand stores by its events alone', async () => {
  const directory = running[0]?.app.get(BrandDirectory, { strict: false }) as BrandDirectory;
  const stores = Array.from({ length: 10_000 }, (_, i) => ({ ref: `A-${i}`, name: `分店 ${i} `.padEnd(40, '好') }));
  expect((await partners.asOperator('POST', '/v1/operator/brands', aBrand('many', { stores }))).status).toBe(201);
  await until(async () => (await directory.list()).some(({ slug }) => slug === 'many'));
  const refs = ((await directory.get('many'))?.stores ?? []).map(({ ref }) => ref);
  expect(new Set(refs)).toEqual(new Set(stores.map(({ ref }) => ref)));
  expect(refs).toHaveLength(10_000);
  await partners.asOperator('POST', '/v1/operator/brands/many/status', { status: 'live' });
  await until(async () => (await directory.get('many'))?.status === 'live');
  expect((await directory.get('many'))?.stores).toHaveLength(10_000);
});

it('uses its copy when partners is away', async () => {
  const directory = await start({ INSTANCE: '2', PARTNERS_URL: 'http://127.0.0.1:1', TEST_CLOCK: 'false' });
  expect((await directory.get('aurora'))?.status).toBe('suspended');
  await expect(directory.get('nobody')).rejects.toMatchObject({ code: 'unavailable' });
});

it('accepts pushes over HTTP only from partners, and only whole brands', async () => {
  const url = `${running[0]?.url}/internal/v1/brands/crest`;
  const put = (token: string, body: unknown): Promise<Response> =>
    fetch(url, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  expect((await put(await partners.tokens.operator(), {})).status).toBe(403);
  const token = await partners.tokens.internal('partners', 'membership');
  const other = await partners.tokens.internal('gateway', 'membership');
  expect((await put(other, {})).status).toBe(403);
  expect((await put(token, { slug: 'crest', version: 1 })).status).toBe(422);
  const snapshot = {
    slug: 'crest',
    version: 1,
    name: 'Crest',
    status: 'live',
    currency: 'CNY',
    legalEntity: { id: 'le', name: 'L' },
    stores: [],
    contracts: [],
  };
  expect((await put(token, snapshot)).status).toBe(204);
  expect(running[0]?.app.get(BrandDirectory, { strict: false }).peek('crest')?.name).toBe('Crest');
});
