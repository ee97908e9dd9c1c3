import { isDeepStrictEqual } from 'node:util';
import { fromBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import pg from 'pg';
import {
  CommissionPostedSchema,
  EarningsConvertedSchema,
  MemberBoundSchema,
  MemberLinkChangedSchema,
  OrderDeliveredSchema,
  OrderRecordedSchema,
  OrderReturnedSchema,
  RewardOutcome,
  RewardSettledSchema,
} from '#libs/contracts';
import { BrandDirectory, MemberLinks, takeLinks } from '#libs/directory';
import { AllianceClock, randomRef, uuidv7 } from '#libs/kernel';
import type { EventBatch, ReceivedEvent } from '#libs/messaging';
import { brandSnapshot, handOver, receivedEvent, serviceUnderTest } from '#libs/testing';
import type { ServiceUnderTest } from '#libs/testing';
import { CommissionsService } from '../src/commissions/commissions.service.js';
import { OrdersConsumer } from '../src/orders/orders.consumer.js';
import { WaitingService } from '../src/orders/waiting.service.js';
import { ConversionAnswersConsumer } from '../src/earnings/conversion-answers.consumer.js';
import { referrals } from '../src/index.js';
import { DaysService } from '../src/days/days.service.js';
import { ToldService } from '../src/earnings/told.service.js';
import { MembersConsumer } from '../src/members/members.consumer.js';

export interface Member {
  walletId: string;
  /** The member's reference at a brand. */
  at(brand: string): string;
}

export type Order = Partial<Omit<MessageInitShape<typeof OrderRecordedSchema>, '$typeName' | '$unknown'>> & {
  at?: Date;
  net?: number;
  /** Posts the order now, whatever its time; otherwise at its time. */
  postedNow?: boolean;
};

export interface ReferralsUnderTest extends ServiceUnderTest {
  /** crm's answers for members whose events have not arrived yet, by memberRef. */
  knownToCrm: Map<string, object>;
  clock: AllianceClock;
  public(path: string, method?: 'GET' | 'HEAD'): Promise<Response>;
  /** A person contributed by the first brand and linked to all; without `bound` the contributor is not known yet. */
  member(brands: readonly string[], bound?: boolean): Promise<Member>;
  /** Every brand loses the person. */
  leave(member: Member): Promise<void>;
  bind(walletId: string, brand: string): Promise<void>;
  /** Ends a link by its tombstone alone. */
  unlink(memberRef: string): Promise<void>;
  /** Sends an event of a link, possibly late. */
  link(memberRef: string, brand: string, walletId: string, version: bigint): Promise<void>;
  order(brand: string, member: Member, order: Order): Promise<string>;
  /** Sends many orders as one batch; returns milliseconds. */
  orders(brand: string, buyers: readonly Member[], net: number): Promise<number>;
  refund(brand: string, member: Member, orderId: string, net: number, at?: Date, lineId?: string): Promise<void>;
  /** Closes days that are over and tells brands what their promoters earned. */
  closeDays(): Promise<void>;
  /** Sends the ledger's answer to a conversion (id without prefix); a reason declines it. */
  settle(conversionId: string, reason?: string): Promise<void>;
  /** Runs all work that is due by time. */
  sweep(): Promise<void>;
  deliver(member: Member, orderId: string, at: Date, postedAt?: Date): Promise<void>;
  sql<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
  /** Runs a query with the service's own role and access to all rows. */
  inService(text: string, values?: unknown[]): Promise<unknown>;
  /** Events sent to settlement in a span of time: `seller party payee currency sign`, number and amount in millionths. */
  sent(from?: Date, to?: Date): Promise<Sums>;
  /** The same figures as settlement gets on request. */
  posted(which?: object): Promise<Sums>;
  /** Failed checks; if none, settlement's answer where it differs from the events sent to it. */
  faults(): Promise<unknown[]>;
  close(): Promise<void>;
}

type Sums = Record<string, [number, bigint]>;

function addTo(sums: Sums, of: (string | undefined)[], count: number, amount: bigint): void {
  const key = [...of, amount < 0n ? 'back' : 'given'].join(' ');
  const [n, sum] = sums[key] ?? [0, 0n];
  sums[key] = [n + count, sum + amount];
}

/** Referrals beside a crm that knows some members; the other services answer 404. */
export async function referralsUnderTest(brands: readonly string[]): Promise<ReferralsUnderTest> {
  const knownToCrm = new Map<string, object>();
  const under = await serviceUnderTest(referrals, {
    answer: ({ path }) => {
      const refs = (path.split('?refs=')[1] ?? '').split(',');
      const known = refs.flatMap((memberRef) => knownToCrm.get(memberRef) ?? []);
      return known.length > 0 ? known : undefined;
    },
  });
  const { database } = under;
  const { app } = under.service;
  const clock = app.get(AllianceClock, { strict: false });
  clock.set(new Date('2026-03-02T08:00:00+08:00'));
  const directory = app.get(BrandDirectory, { strict: false });
  // contains every time that the specs use
  const contract = { validFrom: '2020-01-01T00:00:00Z', latenessDays: null };
  for (const slug of brands) await directory.apply(brandSnapshot(slug, { contracts: [contract] }));
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 2 });
  const own = new pg.Pool({ connectionString: database.databaseUrl, max: 2 });

  const eventOf = <Schema extends DescMessage>(
    schema: Schema,
    key: string,
    body: MessageInitShape<Schema> | null,
  ): ReceivedEvent => receivedEvent({ topic: '', key, schema, body });
  const linkEvent = (memberRef: string, brand: string, walletId: string, version: bigint): ReceivedEvent =>
    eventOf(MemberLinkChangedSchema, memberRef, { memberRef, brand, walletId, status: 'active', version });
  const hand = (handle: (batch: EventBatch) => Promise<unknown>, events: ReceivedEvent[]): Promise<void> =>
    handOver(app, handle, events);
  const links = (events: ReceivedEvent[]): Promise<void> =>
    hand((batch) => takeLinks(batch, app.get(MemberLinks, { strict: false })), events);
  const orders = app.get(OrdersConsumer, { strict: false });
  const members = app.get(MembersConsumer, { strict: false });
  const toOrders = (event: ReceivedEvent): Promise<void> => hand((batch) => orders.handle(batch), [event]);

  const close = under.close.bind(under);
  const rig: ReferralsUnderTest = Object.assign(under, {
    knownToCrm,
    clock,
    sent: async (from = new Date(0), to = new Date('2200-01-01')) => {
      const sums: Sums = {};
      const within = (at: Timestamp | undefined): boolean =>
        at !== undefined && timestampDate(at) >= from && timestampDate(at) < to;
      const rows = await rig.sql<{ type: string; body: Buffer }>('select type, body from outbox');
      for (const { type, body } of rows) {
        if (type.endsWith('CommissionPosted')) {
          const event = fromBinary(CommissionPostedSchema, body);
          if (!within(event.postedAt)) continue;
          for (const { party, payee, amount } of event.legs)
            addTo(sums, [event.seller, party, payee, event.currency], 1, amount * 1_000_000n);
        } else if (type.endsWith('EarningsConverted')) {
          const event = fromBinary(EarningsConvertedSchema, body);
          if (!within(event.occurredAt)) continue;
          addTo(sums, ['conversion', event.currency], 1, BigInt(Math.round(Number(event.cost) * 1_000_000)));
        }
      }
      return sums;
    },
    posted: async (which: object = {}) => {
      const sums: Sums = {};
      const { body } = await rig.asService('POST', '/internal/v1/posted', which);
      const { legs, conversions } = body as Record<'legs' | 'conversions', Record<string, string>[]>;
      for (const { seller, party, payee, currency, legs: n, amount } of legs)
        addTo(sums, [seller, party, payee, currency], Number(n), BigInt(amount ?? '') * 1_000_000n);
      for (const { currency, conversions: n, costMicro } of conversions)
        addTo(sums, ['conversion', currency], Number(n), BigInt(costMicro ?? ''));
      return sums;
    },
    public: (path: string, method: 'GET' | 'HEAD' = 'GET') =>
      fetch(under.service.url + path, { method, redirect: 'manual' }),
    member: async (at: readonly string[], bound = true) => {
      const walletId = uuidv7();
      const refs = new Map(at.map((brand) => [brand, randomRef('mb')]));
      await links([...refs].map(([brand, memberRef]) => linkEvent(memberRef, brand, walletId, 1n)));
      if (bound) await rig.bind(walletId, at[0] ?? '');
      return { walletId, at: (brand: string) => refs.get(brand) ?? '' };
    },
    leave: async ({ walletId }: Member) => {
      const refs = await rig.sql<{ member_ref: string }>('select member_ref from member_link where wallet_id = $1', [
        walletId,
      ]);
      for (const { member_ref } of refs) await rig.unlink(member_ref);
    },
    unlink: (memberRef: string) => links([eventOf(MemberLinkChangedSchema, memberRef, null)]),
    link: (memberRef: string, brand: string, walletId: string, version: bigint) =>
      links([linkEvent(memberRef, brand, walletId, version)]),
    bind: (walletId: string, contributorBrand: string) =>
      hand(
        (batch) => members.bindings(batch),
        [
          eventOf(MemberBoundSchema, walletId, {
            walletId,
            contributorBrand,
            since: timestampFromDate(new Date('2026-01-01T00:00:00Z')),
          }),
        ],
      ),
    order: async (brand: string, member: Member, { at = clock.now(), net = 0, postedNow = false, ...over }: Order) => {
      const orderId = over.orderId ?? `od_${uuidv7()}`;
      await toOrders(
        eventOf(OrderRecordedSchema, member.walletId, {
          orderId,
          externalId: orderId,
          brand,
          store: '',
          walletId: member.walletId,
          memberRef: member.at(brand),
          currency: 'CNY',
          occurredAt: timestampFromDate(at),
          postedAt: timestampFromDate(postedNow ? clock.now() : at),
          lines: [{ lineId: '1', sku: 'sku-1', category: 'drinks', quantity: 1n, net: BigInt(net) }],
          fulfilment: 'in_store',
          ...over,
        }),
      );
      return orderId;
    },
    orders: async (brand: string, buyers: readonly Member[], net: number) => {
      const events = buyers.map((member) => {
        const orderId = `od_${uuidv7()}`;
        return eventOf(OrderRecordedSchema, member.walletId, {
          orderId,
          externalId: orderId,
          brand,
          walletId: member.walletId,
          memberRef: member.at(brand),
          currency: 'CNY',
          occurredAt: timestampFromDate(clock.now()),
          postedAt: timestampFromDate(clock.now()),
          lines: [{ lineId: '1', sku: 'sku-1', category: 'drinks', quantity: 1n, net: BigInt(net) }],
          fulfilment: 'in_store',
        });
      });
      const before = performance.now();
      await hand((batch) => orders.handle(batch), events);
      return performance.now() - before;
    },
    refund: (brand: string, member: Member, orderId: string, net: number, at = clock.now(), lineId = '1') =>
      toOrders(
        eventOf(OrderReturnedSchema, member.walletId, {
          returnId: uuidv7(),
          externalId: uuidv7(),
          orderId,
          orderExternalId: orderId,
          brand,
          walletId: member.walletId,
          memberRef: member.at(brand),
          occurredAt: timestampFromDate(at),
          postedAt: timestampFromDate(at),
          lines: [{ lineId, quantity: 1n, net: BigInt(net) }],
        }),
      ),
    settle: (key: string, reason?: string) =>
      hand(
        (batch) => app.get(ConversionAnswersConsumer, { strict: false }).handle(batch),
        [
          eventOf(RewardSettledSchema, key, {
            key,
            outcome: reason === undefined ? RewardOutcome.POSTED : RewardOutcome.DECLINED,
            reason: reason ?? '',
            settledAt: timestampFromDate(clock.now()),
          }),
        ],
      ),
    sweep: async () => {
      await app.get(CommissionsService, { strict: false }).releaseDue();
      await app.get(WaitingService, { strict: false }).giveUp();
    },
    closeDays: async () => {
      await app.get(DaysService, { strict: false }).close();
      await app.get(ToldService, { strict: false }).tell();
    },
    deliver: (member: Member, orderId: string, at: Date, postedAt = at) =>
      toOrders(
        eventOf(OrderDeliveredSchema, member.walletId, {
          orderId,
          orderExternalId: orderId,
          brand: '',
          walletId: member.walletId,
          occurredAt: timestampFromDate(at),
          postedAt: timestampFromDate(postedAt),
        }),
      ),
    sql: async <T extends pg.QueryResultRow>(text: string, values: unknown[] = []) =>
      (await admin.query<T>(text, values)).rows,
    inService: async (text: string, values: unknown[] = []) => {
      const client = await own.connect();
      try {
        await client.query('begin');
        await client.query(`select set_config('hezong.brand', '*', true)`);
        return await client.query(text, values);
      } finally {
        await client.query('rollback');
        client.release();
      }
    },
    faults: async () => {
      const { body } = await under.asService('GET', '/internal/v1/invariants');
      const broken = (body.checks as { ok: boolean }[]).filter(({ ok }) => !ok);
      if (broken.length > 0) return broken;
      const [posted, sent] = [await rig.posted(), await rig.sent()];
      return isDeepStrictEqual(posted, sent) ? [] : [{ posted, sent }];
    },
    close: async () => {
      await Promise.all([admin.end(), own.end()]);
      await close();
    },
  });
  return rig;
}
