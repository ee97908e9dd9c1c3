import { fromBinary } from '@bufbuild/protobuf';
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
import type { TierChanged } from '#libs/contracts';
import { BrandDirectory } from '#libs/directory';
import { INVARIANTS } from '#libs/http';
import type { Check, Invariants } from '#libs/http';
import { AllianceClock } from '#libs/kernel';
import { allSent, brandSnapshot, handOver, receivedEvent, serviceUnderTest, tell } from '#libs/testing';
import type { ServiceUnderTest, Told } from '#libs/testing';
import { OrdersConsumer } from '../src/credits/orders.consumer.js';
import { DueRanksService } from '../src/due/due-ranks.service.js';
import { membership } from '../src/index.js';
import { LinksConsumer } from '../src/links/links.consumer.js';

export interface Purchase {
  orderId: string;
  walletId: string;
  brand: string;
  at: string;
  net: number;
  /** CNY by default. */
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

export interface MembershipUnderTest extends ServiceUnderTest {
  clock: AllianceClock;
  dataSource: DataSource;
  /** Hands facts to the consumer as one batch, without the inbox: only natural keys protect against duplicates. */
  deliver(facts: readonly Fact[]): Promise<void>;
  /** Sends facts through the event log and waits until the service has handled them. */
  publish(facts: readonly Fact[]): Promise<void>;
  /** Sends an event of a link; `at` is the time by crm's clock, this service's own by default. */
  link(memberRef: string, brand: string, walletId: string, status?: 'active' | 'deleted', at?: string): Promise<void>;
  /** Ends a link by its tombstone alone. */
  unlink(memberRef: string): Promise<void>;
  /** Moves the clock and judges what is due. */
  moveTo(instant: string): Promise<void>;
  /** TierChanged records of a wallet in the log, once the outbox is empty. */
  told(walletId: string): Promise<{ rank: number; tier: string; version: bigint }[]>;
  /** All ranks of the wallet, from the newest of those records. */
  steps(walletId: string): Promise<{ rank: number; since: string; earnMultiplier: string }[]>;
  invariants(): Promise<Check[]>;
}

let links = 0n;

/** A reference in crm's format. */
export function ref(name: string): string {
  return `mb_${name
    .toUpperCase()
    .replace(/[^0-9A-Z]/g, '0')
    .padEnd(26, '0')
    .slice(0, 26)}`;
}

function eventOf(fact: Fact): Told {
  const { orderId, walletId, brand } = fact;
  const at = timestampFromDate(new Date(fact.at));
  const lines = [{ lineId: '1', quantity: 1n, net: BigInt(fact.net) }];
  const common = { topic: TOPICS.orders, key: walletId };
  const body = { orderId, walletId, brand, occurredAt: at, postedAt: at, lines };
  if ('returnId' in fact) {
    const { returnId } = fact;
    return { ...common, id: returnId, schema: OrderReturnedSchema, body: { ...body, returnId, externalId: returnId } };
  }
  const { currency = 'CNY' } = fact;
  return { ...common, id: orderId, schema: OrderRecordedSchema, body: { ...body, externalId: orderId, currency } };
}

/**
 * Membership beside services that answer nothing.
 * @param sandbox partners' answer about the clock; null: no answer. Omitted: no sandbox
 */
export async function membershipUnderTest(
  brands: readonly string[],
  sandbox?: () => string | null,
): Promise<MembershipUnderTest> {
  const under = await serviceUnderTest(membership, {
    answer: ({ path }) => {
      const now = path === '/internal/v1/clock' ? (sandbox?.() ?? null) : null;
      return now === null ? undefined : { now };
    },
    env: { TIER_SWEEP_MS: '3600000', TEST_CLOCK: String(sandbox !== undefined) },
  });
  const { app } = under.service;
  const clock = app.get(AllianceClock, { strict: false });
  const directory = app.get(BrandDirectory, { strict: false });
  for (const slug of brands) await directory.apply(brandSnapshot(slug, { stores: [], contracts: [] }));

  const records = async (walletId: string): Promise<TierChanged[]> => {
    await allSent(app);
    const client = new pg.Client({ connectionString: under.broker.config.logDatabaseUrl });
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
  const linked = (memberRef: string, body: MessageInitShape<typeof MemberLinkChangedSchema> | null): Promise<void> =>
    handOver(app, (batch) => app.get(LinksConsumer, { strict: false }).handle(batch), [
      receivedEvent({ topic: TOPICS.links, key: memberRef, schema: MemberLinkChangedSchema, body }),
    ]);

  return Object.assign(under, {
    clock,
    dataSource: app.get(DataSource, { strict: false }),
    deliver: (facts: readonly Fact[]) =>
      handOver(
        app,
        (batch) => app.get(OrdersConsumer, { strict: false }).handle(batch),
        facts.map((fact) => receivedEvent(eventOf(fact))),
      ),
    publish: (facts: readonly Fact[]) => tell(app, facts.map(eventOf)),
    link: (memberRef: string, brand: string, walletId: string, status = 'active', at?: string) => {
      links += 1n;
      const changedAt = timestampFromDate(at === undefined ? clock.now() : new Date(at));
      return linked(memberRef, { memberRef, brand, walletId, status, version: links, changedAt });
    },
    unlink: (memberRef: string) => linked(memberRef, null),
    moveTo: async (instant: string) => {
      clock.set(new Date(instant));
      await app.get(DueRanksService, { strict: false }).job.run();
    },
    told: async (walletId: string) =>
      (await records(walletId)).map(({ rank, tier, version }) => ({ rank, tier, version })),
    steps: async (walletId: string) =>
      ((await records(walletId)).at(-1)?.steps ?? []).map(({ rank, since, earnMultiplier }) => ({
        rank,
        since: since === undefined ? '' : timestampDate(since).toISOString(),
        earnMultiplier,
      })),
    invariants: () => app.get<Invariants>(INVARIANTS, { strict: false }).check(),
  });
}

/** Body of `POST /v1/operator/tier-ladders`: silver 1,000, gold 5,000, black 10,000 credits; one credit per yuan. */
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

export interface TestMember {
  memberRef: string;
  walletId: string;
  /** Path of the tier as the brand reads it, and in full for the operator. */
  path: string;
  full: string;
}

/** A new member of aurora. */
export async function memberOf(m: MembershipUnderTest, name: string): Promise<TestMember> {
  const memberRef = ref(`AURORA${name}`);
  await m.link(memberRef, 'aurora', `w-${name}`);
  return {
    memberRef,
    walletId: `w-${name}`,
    path: `/v1/members/${memberRef}/tier`,
    full: `/v1/operator/members/${memberRef}/tier`,
  };
}
