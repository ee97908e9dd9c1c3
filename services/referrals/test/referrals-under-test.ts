import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { DescMessage } from '@bufbuild/protobuf';
import pg from 'pg';
import { DataSource } from 'typeorm';
import {
  MemberBoundSchema,
  MemberLinkChangedSchema,
  OrderDeliveredSchema,
  OrderRecordedSchema,
  OrderReturnedSchema,
  RewardOutcome,
  RewardSettledSchema,
} from '#libs/contracts';
import { BrandDirectory, DEFAULT_LIMITS, MemberLinks, takeLinks } from '#libs/directory';
import type { ContractSnapshot } from '#libs/directory';
import { startService } from '#libs/http';
import type { RunningService } from '#libs/http';
import { AllianceClock, randomRef, uuidv7 } from '#libs/kernel';
import { declareTopics, EventBatch, ReceivedEvent } from '#libs/messaging';
import { runInTransaction } from '#libs/postgres';
import { callerOf, testBroker, testDatabase, testDesk, testTokens } from '#libs/testing';
import type { TestDesk } from '#libs/testing';
import { CommissionsService } from '../src/commissions/commissions.service.js';
import { OrdersConsumer } from '../src/orders/orders.consumer.js';
import { WaitingService } from '../src/orders/waiting.service.js';
import { ConversionAnswersConsumer } from '../src/earnings/conversion-answers.consumer.js';
import { referrals } from '../src/index.js';
import { DaysService } from '../src/days/days.service.js';
import { ToldService } from '../src/earnings/told.service.js';
import { MembersConsumer } from '../src/members/members.consumer.js';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- specs look into bodies of many shapes
  body: any;
}

export interface Member {
  walletId: string;
  /** The member's reference at a brand. */
  at(brand: string): string;
}

export type Order = Partial<Omit<MessageInitShape<typeof OrderRecordedSchema>, '$typeName' | '$unknown'>> & {
  at?: Date;
  net?: number;
  /** Received now, whenever it was; else when it was. */
  postedNow?: boolean;
};

export interface ReferralsUnderTest {
  /** What crm answers of members whose events have not come yet, by memberRef. */
  knownToCrm: Map<string, object>;
  service: RunningService;
  clock: AllianceClock;
  /** Who approves acts of two people. */
  desk: TestDesk;
  databaseUrl: string;
  brand(slug: string, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  operator(method: string, path: string, body?: unknown, client?: string): Promise<Answer>;
  token(slug: string): Promise<string>;
  public(path: string): Promise<Response>;
  internal(path: string): Promise<Answer>;
  /** A person contributed by the first brand and linked to all; without `bound` nobody has heard yet of the contributor. */
  member(brands: readonly string[], bound?: boolean): Promise<Member>;
  /** Every brand loses the person. */
  leave(member: Member): Promise<void>;
  bind(walletId: string, brand: string): Promise<void>;
  /** The end of a link by its tombstone alone. */
  unlink(memberRef: string): Promise<void>;
  /** News of a link, as it may also come late. */
  link(memberRef: string, brand: string, walletId: string, version: bigint): Promise<void>;
  order(brand: string, member: Member, order: Order): Promise<string>;
  /** Many orders as one batch; answers milliseconds. */
  orders(brand: string, buyers: readonly Member[], net: number): Promise<number>;
  refund(brand: string, member: Member, orderId: string, net: number, at?: Date, lineId?: string): Promise<void>;
  /** Days that are over are closed, and brands told what their promoters earned. */
  closeDays(): Promise<void>;
  /** The ledger's answer to a conversion (its id without prefix); a reason declines it. */
  settle(conversionId: string, reason?: string): Promise<void>;
  /** What time alone makes due, now. */
  sweep(): Promise<void>;
  deliver(member: Member, orderId: string, at: Date, postedAt?: Date): Promise<void>;
  sql<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
  /** As the service's own role, seeing everything. */
  asService(text: string, values?: unknown[]): Promise<unknown>;
  faults(): Promise<unknown[]>;
  close(): Promise<void>;
}

const CONTRACT: ContractSnapshot = {
  id: 'ct_1',
  version: 1,
  validFrom: '2020-01-01T00:00:00Z',
  validTo: null,
  roles: ['issuer', 'redeemer'],
  fundingMode: 'pay_at_redemption',
  currency: 'CNY',
  accrualPrice: '1.05',
  reimbursementPrice: '0.90',
  operatorFee: '0.15',
  faceValue: '1.00',
  cycle: 'month',
  feeOnOwn: false,
  latenessDays: null,
  attests: ['phone'],
  limits: DEFAULT_LIMITS,
};

const RECORD = { topic: '', key: '', partition: 0, offset: '0', headers: {}, appendedAt: new Date(0) };

/** The service on a database and event log of its own; the other services answer 404, but crm of the members it knows. */
export async function referralsUnderTest(brands: readonly string[]): Promise<ReferralsUnderTest> {
  const [database, broker, tokens] = [
    await testDatabase('referrals'),
    await testBroker('postgres'),
    await testTokens(),
  ];
  await declareTopics(broker.config);
  const knownToCrm = new Map<string, object>();
  const others = createServer(({ url = '' }, response) => {
    const known = (url.split('?refs=')[1] ?? '').split(',').flatMap((memberRef) => knownToCrm.get(memberRef) ?? []);
    response.writeHead(known.length > 0 ? 200 : 404, { 'content-type': 'application/json' });
    response.end(known.length > 0 ? JSON.stringify(known) : '{}');
  });
  const desk = await testDesk();
  await new Promise<void>((listening) => others.listen(0, '127.0.0.1', listening));
  const near = `http://127.0.0.1:${(others.address() as AddressInfo).port}`;
  const names = ['IDENTITY', 'PARTNERS', 'CRM', 'LEDGER', 'SETTLEMENT', 'MEMBERSHIP', 'REFERRALS'];
  const service = await startService(referrals, {
    ...tokens.env('referrals'),
    ...broker.env,
    ...Object.fromEntries(names.map((name) => [`${name}_URL`, near])),
    IDENTITY_URL: desk.url,
    DATABASE_URL: database.databaseUrl,
    LOG_LEVEL: 'error',
  });
  const { app } = service;
  const clock = app.get(AllianceClock, { strict: false });
  clock.set(new Date('2026-03-02T08:00:00+08:00'));
  const dataSource = app.get(DataSource, { strict: false });
  const directory = app.get(BrandDirectory, { strict: false });
  for (const slug of brands) {
    await directory.apply({
      slug,
      version: 1,
      name: slug,
      status: 'live',
      currency: 'CNY',
      legalEntity: { id: `le-${slug}`, name: slug },
      stores: [{ ref: `${slug}-1`, name: 'First' }],
      contracts: [CONTRACT],
    });
  }
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 2 });
  const own = new pg.Pool({ connectionString: database.databaseUrl, max: 2 });

  const send = async (token: string, method: string, path: string, body?: unknown, headers = {}): Promise<Answer> => {
    const response = await fetch(service.url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    let parsed: unknown = null;
    try {
      parsed = JSON.parse(text);
    } catch {
      // pictures and files are no JSON
    }
    return { status: response.status, headers: response.headers, text, body: parsed };
  };
  const eventOf = <D extends DescMessage>(schema: D, key: string, init: MessageInitShape<D>): ReceivedEvent => {
    const body = create(schema, init);
    return new ReceivedEvent(uuidv7(), schema.typeName, '', key, new Date(0), body, {
      ...RECORD,
      value: toBinary(schema, body),
    });
  };
  const linkEvent = (memberRef: string, brand: string, walletId: string, version: bigint): ReceivedEvent =>
    eventOf(MemberLinkChangedSchema, memberRef, { memberRef, brand, walletId, status: 'active', version });
  const hand = async (handle: (batch: EventBatch) => Promise<unknown>, events: ReceivedEvent[]): Promise<void> => {
    const hooks = await runInTransaction(dataSource, { brand: '*' }, async (tx) => {
      const batch = new EventBatch(events, tx);
      await handle(batch);
      return batch.takeHooks();
    });
    for (const hook of hooks) await hook();
  };
  const orders = app.get(OrdersConsumer, { strict: false });
  const members = app.get(MembersConsumer, { strict: false });
  const toOrders = (event: ReceivedEvent): Promise<void> => hand((batch) => orders.handle(batch), [event]);

  const rig: ReferralsUnderTest = {
    knownToCrm,
    service,
    clock,
    desk,
    databaseUrl: database.databaseUrl,
    brand: async (slug, method, path, body, headers) => send(await tokens.brand(slug), method, path, body, headers),
    operator: async (method, path, body, client) => send(await tokens.operator(client), method, path, body),
    token: (slug) => tokens.brand(slug),
    public: (path) => fetch(service.url + path, { redirect: 'manual' }),
    internal: async (path) => send(await tokens.internal(callerOf(path), 'referrals'), 'GET', path),
    member: async (at, bound = true) => {
      const walletId = uuidv7();
      const refs = new Map(at.map((brand) => [brand, randomRef('mb')]));
      await hand(
        (batch) => takeLinks(batch, app.get(MemberLinks, { strict: false })),
        [...refs].map(([brand, memberRef]) => linkEvent(memberRef, brand, walletId, 1n)),
      );
      if (bound) await rig.bind(walletId, at[0] ?? '');
      return { walletId, at: (brand) => refs.get(brand) ?? '' };
    },
    leave: async ({ walletId }) => {
      const links = await rig.sql<{ member_ref: string }>('select member_ref from member_link where wallet_id = $1', [
        walletId,
      ]);
      for (const { member_ref } of links) await rig.unlink(member_ref);
    },
    unlink: (memberRef) =>
      hand(
        (batch) => takeLinks(batch, app.get(MemberLinks, { strict: false })),
        [
          new ReceivedEvent(uuidv7(), MemberLinkChangedSchema.typeName, '', memberRef, new Date(0), null, {
            ...RECORD,
            value: null,
          }),
        ],
      ),
    link: (memberRef, brand, walletId, version) =>
      hand(
        (batch) => takeLinks(batch, app.get(MemberLinks, { strict: false })),
        [linkEvent(memberRef, brand, walletId, version)],
      ),
    bind: (walletId, contributorBrand) =>
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
    order: async (brand, member, { at = clock.now(), net = 0, postedNow = false, ...over }) => {
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
    orders: async (brand, buyers, net) => {
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
    refund: (brand, member, orderId, net, at = clock.now(), lineId = '1') =>
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
    settle: (key, reason) =>
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
    deliver: (member, orderId, at, postedAt = at) =>
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
    asService: async (text, values = []) => {
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
      const { body } = await rig.internal('/internal/v1/invariants');
      return (body.checks as { ok: boolean }[]).filter(({ ok }) => !ok);
    },
    close: async () => {
      await service.close();
      await admin.end();
      await own.end();
      others.closeAllConnections();
      await new Promise((closed) => others.close(closed));
      await desk.close();
      await tokens.close();
      await broker.drop();
      await database.drop();
    },
  };
  return rig;
}
