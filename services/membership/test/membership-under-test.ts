import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import pg from 'pg';
import { DataSource } from 'typeorm';
import {
  MemberLinkChangedSchema,
  OrderRecordedSchema,
  OrderReturnedSchema,
  TierChangedSchema,
  TOPICS,
} from '#libs/contracts';
import { BrandDirectory } from '#libs/directory';
import type { TierChanged } from '#libs/contracts';
import type { BrandSnapshot } from '#libs/directory';
import { INVARIANTS, startService } from '#libs/http';
import type { Check, Invariants, RunningService } from '#libs/http';
import { AllianceClock, systemNow } from '#libs/kernel';
import { declareTopics, EVENT_LOG, EventBatch, Messaging, ReceivedEvent, toEntry } from '#libs/messaging';
import type { EventLog } from '#libs/messaging';
import { runInTransaction } from '#libs/postgres';
import { testBroker, testDatabase, testDesk, testTokens } from '#libs/testing';
import type { TestDesk } from '#libs/testing';
import { OrdersConsumer } from '../src/credits/orders.consumer.js';
import { DueRanksService } from '../src/due/due-ranks.service.js';
import { membership } from '../src/index.js';
import { LinksConsumer } from '../src/links/links.consumer.js';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- specs look into bodies of many shapes
  body: any;
}

export interface Purchase {
  orderId: string;
  walletId: string;
  brand: string;
  at: string;
  net: number;
  /** CNY unless said. */
  currency?: string;
}

export interface GiveBack {
  returnId: string;
  orderId: string;
  walletId: string;
  brand: string;
  at: string;
  net: number;
}

type Fact = Purchase | GiveBack;

export interface MembershipUnderTest {
  service: RunningService;
  clock: AllianceClock;
  /** Who approves acts of two people. */
  desk: TestDesk;
  dataSource: DataSource;
  ownerUrl: string;
  /** Hands facts to the consumer as one batch, past the inbox: only natural keys protect against doubles. */
  deliver(facts: readonly Fact[]): Promise<void>;
  /** Sends facts through the event log and waits until the service has handled them. */
  publish(facts: readonly Fact[]): Promise<void>;
  /** Tells of a link; `at` is what crm's clock said, this service's own where it is left out. */
  link(memberRef: string, brand: string, walletId: string, status?: 'active' | 'deleted', at?: string): Promise<void>;
  /** The end of a link by its tombstone alone. */
  unlink(memberRef: string): Promise<void>;
  /** Moves the clock and judges what is due. */
  moveTo(instant: string): Promise<void>;
  brand(slug: string, method: string, path: string, body?: unknown): Promise<Answer>;
  operator(method: string, path: string, body?: unknown, client?: string): Promise<Answer>;
  /** What the network was told of a wallet: TierChanged records of the log, once the outbox is empty. */
  told(walletId: string): Promise<{ rank: number; tier: string; version: bigint }[]>;
  /** All ranks of the wallet as the newest of those records tells them. */
  steps(walletId: string): Promise<{ rank: number; since: string; earnMultiplier: string }[]>;
  invariants(): Promise<Check[]>;
  close(): Promise<void>;
}

export function snapshot(slug: string): BrandSnapshot {
  return {
    slug,
    version: 1,
    name: slug,
    status: 'live',
    currency: 'CNY',
    legalEntity: { id: `le-${slug}`, name: slug },
    stores: [],
    contracts: [],
  };
}

let links = 0n;

/** A reference as crm makes them. */
export function ref(name: string): string {
  return `mb_${name
    .toUpperCase()
    .replace(/[^0-9A-Z]/g, '0')
    .padEnd(26, '0')
    .slice(0, 26)}`;
}

function message(fact: Fact) {
  const at = timestampFromDate(new Date(fact.at));
  const lines = [{ lineId: '1', quantity: 1n, net: BigInt(fact.net) }];
  if ('returnId' in fact) {
    const { returnId, orderId, walletId, brand } = fact;
    const body: MessageInitShape<typeof OrderReturnedSchema> = {
      returnId,
      externalId: returnId,
      orderId,
      walletId,
      brand,
      occurredAt: at,
      postedAt: at,
      lines,
    };
    return { id: returnId, schema: OrderReturnedSchema, body: create(OrderReturnedSchema, body) };
  }
  const { orderId, walletId, brand, currency = 'CNY' } = fact;
  const body: MessageInitShape<typeof OrderRecordedSchema> = {
    orderId,
    externalId: orderId,
    walletId,
    brand,
    currency,
    occurredAt: at,
    postedAt: at,
    lines,
  };
  return { id: orderId, schema: OrderRecordedSchema, body: create(OrderRecordedSchema, body) };
}

/**
 * The service on a database and an event log of its own; crm and partners know nothing.
 * @param sandbox what partners say the clock stands at once they are asked; null while they do not answer. Left out: no sandbox
 */
export async function membershipUnderTest(
  brands: readonly string[],
  sandbox?: () => string | null,
): Promise<MembershipUnderTest> {
  const [database, broker, tokens] = [
    await testDatabase('membership'),
    await testBroker('postgres'),
    await testTokens(),
  ];
  await declareTopics(broker.config);
  const others = createServer(({ url }, response) => {
    const now = url === '/internal/v1/clock' ? (sandbox?.() ?? null) : null;
    response.writeHead(now === null ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(now === null ? {} : { now }));
  });
  const desk = await testDesk();
  await new Promise<void>((listening) => others.listen(0, '127.0.0.1', listening));
  const near = `http://127.0.0.1:${(others.address() as AddressInfo).port}`;
  const urls = Object.fromEntries(
    ['IDENTITY', 'PARTNERS', 'CRM', 'LEDGER', 'SETTLEMENT', 'MEMBERSHIP', 'REFERRALS'].map((name) => [
      `${name}_URL`,
      near,
    ]),
  );
  const service = await startService(membership, {
    ...tokens.env('membership'),
    ...broker.env,
    ...urls,
    IDENTITY_URL: desk.url,
    DATABASE_URL: database.databaseUrl,
    LOG_LEVEL: 'silent',
    TIER_SWEEP_MS: '3600000',
    TEST_CLOCK: String(sandbox !== undefined),
  });
  const { app } = service;
  const clock = app.get(AllianceClock, { strict: false });
  const dataSource = app.get(DataSource, { strict: false });
  const directory = app.get(BrandDirectory, { strict: false });
  for (const slug of brands) await directory.apply(snapshot(slug));
  const record = {
    topic: '',
    key: '',
    partition: 0,
    offset: '0',
    headers: {},
    value: new Uint8Array(),
    appendedAt: new Date(0),
  };
  const log = app.get<EventLog>(EVENT_LOG, { strict: false });

  const call = async (token: string, method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(service.url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: text === '' ? null : (JSON.parse(text) as unknown),
    };
  };

  const records = async (walletId: string): Promise<TierChanged[]> => {
    const messaging = app.get(Messaging, { strict: false });
    for (let left = 200; (await messaging.backlog()).some(({ events }) => events > 0); left -= 1) {
      if (left === 0) throw new Error('the outbox is not sent');
      await new Promise((later) => setTimeout(later, 25));
    }
    const client = new pg.Client({ connectionString: broker.config.logDatabaseUrl });
    await client.connect();
    try {
      const { rows } = await client.query<{ body: Buffer }>(
        'select body from log_record where topic = $1 and key = $2 order by "offset"',
        [TOPICS.tiers, walletId],
      );
      return rows.map(({ body }) => fromBinary(TierChangedSchema, body));
    } finally {
      await client.end();
    }
  };

  const linked = async (event: ReceivedEvent): Promise<void> => {
    const hooks = await runInTransaction(dataSource, { brand: '*' }, async (tx) => {
      const batch = new EventBatch([event], tx);
      await app.get(LinksConsumer, { strict: false }).handle(batch);
      return batch.takeHooks();
    });
    for (const hook of hooks) await hook();
  };

  return {
    service,
    clock,
    desk,
    dataSource,
    ownerUrl: database.ownerUrl,
    deliver: (facts) =>
      runInTransaction(dataSource, { brand: '*' }, (tx) => {
        const events = facts.map((fact) => {
          const { id, body } = message(fact);
          return new ReceivedEvent(id, 'order', TOPICS.orders, fact.walletId, new Date(0), body, record);
        });
        return app.get(OrdersConsumer, { strict: false }).handle(new EventBatch(events, tx));
      }),
    publish: async (facts) => {
      await log.append(
        facts.map((fact) => {
          const { id, schema, body } = message(fact);
          const value =
            schema === OrderRecordedSchema
              ? toBinary(OrderRecordedSchema, body as never)
              : toBinary(OrderReturnedSchema, body as never);
          return toEntry({
            topic: TOPICS.orders,
            key: fact.walletId,
            id,
            type: schema.typeName,
            schemaName: schema.typeName,
            time: systemNow(),
            value,
          });
        }),
      );
      const messaging = app.get(Messaging, { strict: false });
      for (let left = 200; ; left -= 1) {
        const lag = await messaging.lag();
        if (lag.every(({ events }) => events === 0)) return;
        if (left === 0) throw new Error(`not handled: ${JSON.stringify(lag)}`);
        await new Promise((later) => setTimeout(later, 50));
      }
    },
    link: (memberRef, brand, walletId, status = 'active', at) => {
      links += 1n;
      const body = create(MemberLinkChangedSchema, {
        memberRef,
        brand,
        walletId,
        status,
        version: links,
        changedAt: timestampFromDate(at === undefined ? clock.now() : new Date(at)),
      });
      const event = new ReceivedEvent(`link-${links}`, 'link', TOPICS.links, memberRef, new Date(0), body, record);
      return linked(event);
    },
    unlink: (memberRef) => {
      const event = new ReceivedEvent(`end-${memberRef}`, 'link', TOPICS.links, memberRef, clock.now(), null, record);
      return linked(event);
    },
    moveTo: async (instant) => {
      clock.set(new Date(instant));
      await app.get(DueRanksService, { strict: false }).job.run();
    },
    brand: async (slug, method, path, body) => call(await tokens.brand(slug), method, path, body),
    operator: async (method, path, body, client) => call(await tokens.operator(client), method, path, body),
    told: async (walletId) => (await records(walletId)).map(({ rank, tier, version }) => ({ rank, tier, version })),
    steps: async (walletId) =>
      ((await records(walletId)).at(-1)?.steps ?? []).map(({ rank, since, earnMultiplier }) => ({
        rank,
        since: since === undefined ? '' : timestampDate(since).toISOString(),
        earnMultiplier,
      })),
    invariants: () => app.get<Invariants>(INVARIANTS, { strict: false }).check(),
    close: async () => {
      await service.close();
      others.closeAllConnections();
      await new Promise((closed) => others.close(closed));
      await desk.close();
      await tokens.close();
      await database.drop();
      await broker.drop();
    },
  };
}

/** Body of `POST /v1/operator/tier-ladders`: silver 1,000, gold 5,000, black 10,000 credits; a credit a yuan. */
export function ladderBody(over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: 'base',
    validFrom: '2026-01-01T00:00:00+08:00',
    window: { kind: 'calendar_year' },
    per: 100,
    others: { weight: '1.00', cap: { share: '0.60' } },
    brands: [{ brand: 'birch', weight: '0.50', cap: { credits: 4000 } }],
    ranks: [
      { code: 'member' },
      { code: 'silver', conditions: { credits: 1000 }, earnMultiplier: '1.10' },
      { code: 'gold', conditions: { credits: 5000 }, earnMultiplier: '1.25', funder: 'seller' },
      { code: 'black', conditions: { credits: 10000 }, earnMultiplier: '1.50' },
    ],
    ...over,
  };
}
