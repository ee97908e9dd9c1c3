import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import pg from 'pg';
import { DataSource } from 'typeorm';
import {
  CommissionPostedSchema,
  EarningsConvertedSchema,
  MemberLinkChangedSchema,
  PostingKind,
  PostingRecordedSchema,
  TOPICS,
} from '#libs/contracts';
import type { CommissionPosted, EarningsConverted, PostingRecorded } from '#libs/contracts';
import { BrandDirectory, DEFAULT_LIMITS, takeLinks } from '#libs/directory';
import type { BrandSnapshot } from '#libs/directory';
import { startService } from '#libs/http';
import type { ParkedEvent, RunningService } from '#libs/http';
import { AllianceClock, systemNow } from '#libs/kernel';
import { declareTopics, EVENT_LOG, EventBatch, Messaging, ReceivedEvent, toEntry } from '#libs/messaging';
import type { EventLog } from '#libs/messaging';
import { runInTransaction } from '#libs/postgres';
import { testBroker, testDatabase, testTokens } from '#libs/testing';
import type { TestTokens } from '#libs/testing';
import { CommissionsConsumer } from '../src/commissions/commissions.consumer.js';
import { ConversionsConsumer } from '../src/conversions/conversions.consumer.js';
import { DueDaysService } from '../src/days/due-days.service.js';
import { EntriesConsumer } from '../src/entries/entries.consumer.js';
import { settlement } from '../src/index.js';

export type Posting = Exclude<MessageInitShape<typeof PostingRecordedSchema>, PostingRecorded>;
export type Commission = MessageInitShape<typeof CommissionPostedSchema>;
export type Conversion = MessageInitShape<typeof EarningsConvertedSchema>;
export type Link = MessageInitShape<typeof MemberLinkChangedSchema>;

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- specs look into bodies of many shapes
  body: any;
}

/** What the stand-ins for the other services answer. */
export interface Neighbours {
  backlog: number;
  /** Traffic goes on: what waits is new each time, what waited the last time is done. */
  moving: boolean;
  /** Orders that referrals has yet to handle. */
  orders: number;
  /** Events that wait for the operator in referrals. */
  parked: Partial<ParkedEvent>[];
  /** Postings that the ledger has. */
  postings: Map<string, PostingRecorded>;
  /** Services that give no answer to questions that end so. */
  silent: string;
  /** Called when referrals has answered what it posted. */
  answered: () => Promise<void>;
  /** Commissions and conversions that referrals posted. */
  commissions: Map<string, CommissionPosted>;
  conversions: Map<string, EarningsConverted>;
  outstanding: Record<string, number>;
  /** What referrals owes to people, by currency. */
  owed: Record<string, string>;
  brands: Record<string, BrandSnapshot>;
  /** memberRefs that crm says have agreed to what is asked. */
  consented: string[];
}

export interface SettlementUnderTest {
  service: RunningService;
  tokens: TestTokens;
  clock: AllianceClock;
  dataSource: DataSource;
  ownerUrl: string;
  adminUrl: string;
  neighbours: Neighbours;
  /** A newer version of a brand arrives. */
  learn(brand: BrandSnapshot): Promise<void>;
  /** Hands postings to the consumer as one batch, past the inbox: only natural keys protect against doubles. */
  deliver(postings: readonly Posting[]): Promise<void>;
  /** Hands commissions to the consumer as one batch, past the inbox. */
  deliverCommissions(commissions: readonly Commission[]): Promise<void>;
  /** Hands conversions of earnings to the consumer as one batch, past the inbox. */
  deliverConversions(conversions: readonly Conversion[]): Promise<void>;
  deliverLinks(links: readonly Link[]): Promise<void>;
  /** The end of a link by its tombstone alone. */
  unlink(memberRef: string): Promise<void>;
  /** Sends postings through the event log and waits until the service has handled them. */
  publish(postings: readonly Posting[]): Promise<void>;
  brand(slug: string, path: string, body?: object): Promise<Answer>;
  operator(method: string, path: string, headers?: Record<string, string>, body?: object): Promise<Answer>;
  /** As the gateway asks. */
  internal(method: string, path: string, body?: object): Promise<Answer>;
  /** cut-off, freeze, confirm, close. */
  settle(cycle: string): Promise<void>;
  /** Back to an empty partner ledger at 2026-03-31 noon; past the triggers that forbid it. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

const NOON = new Date('2026-03-31T12:00:00+08:00');

async function empty(adminUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(`set session_replication_role = replica;
      truncate line, opening, opening_decision, day_total, day_seal, statement, frozen_group, frozen_matrix, disputed_line, net_position, cycle_step, cycle_freeze, cycle, member_link, outbox;
      do $$ declare partition regclass; begin
        for partition in select inhrelid from pg_inherits where inhparent = 'line'::regclass loop
          execute format('drop table %s', partition);
        end loop;
      end $$`);
  } finally {
    await client.end();
  }
}

async function copyKey(from: string, to: string): Promise<void> {
  const [source, target] = [from, to].map((connectionString) => new pg.Client({ connectionString })) as [
    pg.Client,
    pg.Client,
  ];
  await Promise.all([source.connect(), target.connect()]);
  try {
    const { rows } = await source.query<{ key: Buffer }>('select key from reader_key');
    await target.query('set session_replication_role = replica');
    await target.query('update reader_key set key = $1', [rows[0]?.key]);
  } finally {
    await Promise.all([source.end(), target.end()]);
  }
}

/** A brand with the prices of the worked example. */
export function snapshot(slug: string, over: Partial<BrandSnapshot['contracts'][number]> = {}): BrandSnapshot {
  return {
    slug,
    version: 1,
    name: slug,
    status: 'live',
    currency: 'CNY',
    legalEntity: { id: `le-${slug}`, name: `${slug} Ltd` },
    stores: [{ ref: `${slug}-1`, name: 'First' }],
    contracts: [
      {
        id: `ct_${slug}`,
        version: 1,
        validFrom: '2025-12-31T16:00:00.000Z',
        validTo: null,
        roles: ['issuer', 'redeemer'],
        fundingMode: 'pay_at_redemption',
        currency: 'CNY',
        accrualPrice: '1.05',
        reimbursementPrice: '0.90',
        operatorFee: '0.15',
        faceValue: '1.00',
        cycle: 'monthly',
        feeOnOwn: false,
        latenessDays: 30,
        attests: ['phone'],
        limits: DEFAULT_LIMITS,
        ...over,
      },
    ],
  };
}

interface SpentQuestion {
  from?: string;
  to?: string;
  postings?: { postingId: string }[];
}

/** What the ledger would answer of points spent, from the postings that it is said to have: each movement by itself. */
function spentOf(
  postings: ReadonlyMap<string, PostingRecorded>,
  { from, to, postings: which }: SpentQuestion,
): object[] {
  const micro = (price: string | undefined): string => `${Math.round(Number(price) * 1_000_000)}`;
  return [...postings.values()].flatMap((posting) => {
    const at = Number(posting.postedAt?.seconds) * 1_000 + (posting.postedAt?.nanos ?? 0) / 1e6;
    const named = which === undefined || which.some(({ postingId }) => postingId === posting.postingId);
    if (!named || (from !== undefined && at < Date.parse(from)) || (to !== undefined && at >= Date.parse(to)))
      return [];
    if (posting.kind !== PostingKind.CAPTURE && posting.kind !== PostingKind.REDEMPTION_RETURN) return [];
    return posting.movements.flatMap(({ issuer, points, terms, originalPostingId }) => {
      const capture = postings.get(originalPostingId) ?? posting;
      if (terms === undefined || capture.redeemerTerms === undefined) return [];
      const price = capture.quotedReimbursement || capture.redeemerTerms.reimbursementPrice;
      return {
        issuer,
        funders: terms.funders.map(({ party, shareBp }) => `${party}:${shareBp}`).join(','),
        redeemer: capture.brand,
        asset: posting.asset,
        currency: capture.redeemerTerms.currency,
        reimbursementMicro: micro(price),
        feeCurrency: terms.currency,
        operatorFeeMicro: micro(terms.operatorFee),
        feeOnOwn: terms.feeOnOwn,
        points: `${-points}`,
      };
    });
  });
}

/** What referrals would answer of commissions and conversions, from those that it is said to have: each by itself. */
function postedOf({ commissions, conversions }: Neighbours, { from, to, postings: which }: SpentQuestion): object {
  const asked = (id: string, time: Timestamp | undefined): boolean => {
    const at = time === undefined ? 0 : timestampDate(time).getTime();
    const named = which === undefined || which.some(({ postingId }) => postingId === id);
    return named && (from === undefined || at >= Date.parse(from)) && (to === undefined || at < Date.parse(to));
  };
  return {
    legs: [...commissions.values()]
      .filter(({ entryId, postedAt }) => asked(entryId, postedAt))
      .flatMap(({ seller, currency, legs }) =>
        legs.map(({ party, payee, amount }) => ({ seller, currency, party, payee, legs: '1', amount: `${amount}` })),
      ),
    conversions: [...conversions.values()]
      .filter(({ conversionId, occurredAt }) => asked(conversionId, occurredAt))
      .map(({ currency, cost }) => ({
        currency,
        conversions: '1',
        costMicro: `${Math.round(Number(cost) * 1_000_000)}`,
      })),
  };
}

async function neighbourhood(neighbours: Neighbours): Promise<{ url: string; close(): Promise<void> }> {
  let position = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = Buffer.concat(await request.toArray()).toString();
    if (neighbours.moving) position += 10;
    const [sent, head] = [String(position), String(position + 10)];
    const url = request.url ?? '';
    const slug = url.split('/').at(-1) ?? '';
    const body = url.endsWith('/backlog')
      ? [{ source: 'postings', events: neighbours.backlog, sent, head }]
      : url.endsWith('/lag')
        ? [
            {
              consumer: 'referrals.orders',
              events: neighbours.orders,
              comingAgain: 0,
              progress: [{ partition: 'orders/0', end: neighbours.orders === 0 ? sent : head, handled: sent }],
            },
          ]
        : url.endsWith('/parked')
          ? neighbours.parked
          : url.endsWith('/outstanding')
            ? {
                asOf: '2026-03-31T00:00:00Z',
                issuers: Object.entries(neighbours.outstanding).map(([brand, points]) => ({
                  brand,
                  points: `${points}`,
                })),
              }
            : url.endsWith('/spent')
              ? { spent: spentOf(neighbours.postings, JSON.parse(asked) as SpentQuestion) }
              : url.endsWith('/posted')
                ? postedOf(neighbours, JSON.parse(asked) as SpentQuestion)
                : url.endsWith('/owed')
                  ? { owed: Object.entries(neighbours.owed).map(([currency, amount]) => ({ currency, amount })) }
                  : url.includes('/consents/')
                    ? { granted: neighbours.consented.includes(url.split('/').at(-2) ?? '') }
                    : neighbours.brands[slug];
    if (url.endsWith('/posted')) await neighbours.answered();
    const silent = body === undefined || url.endsWith(neighbours.silent);
    response.writeHead(silent ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(silent ? {} : body));
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

/**
 * The service on a database and an event log of its own, beside stand-ins for ledger and partners; with the key of other books if they
 * are to say the same.
 */
export async function settlementUnderTest(
  brands: readonly BrandSnapshot[],
  books?: Pick<SettlementUnderTest, 'adminUrl'>,
): Promise<SettlementUnderTest> {
  const [database, broker, tokens] = [
    await testDatabase('settlement'),
    await testBroker('postgres'),
    await testTokens(),
  ];
  await declareTopics(broker.config);
  if (books !== undefined) await copyKey(books.adminUrl, database.adminUrl);
  const neighbours: Neighbours = {
    backlog: 0,
    moving: false,
    orders: 0,
    silent: 'nothing',
    answered: () => Promise.resolve(),
    parked: [],
    postings: new Map(),
    commissions: new Map(),
    conversions: new Map(),
    outstanding: {},
    owed: {},
    brands: {},
    consented: [],
  };
  const others = await neighbourhood(neighbours);
  const service = await startService(settlement, {
    ...tokens.env('settlement'),
    ...broker.env,
    DATABASE_URL: database.databaseUrl,
    FREEZE_WAIT_MS: '2000',
    IDENTITY_URL: others.url,
    PARTNERS_URL: others.url,
    CRM_URL: others.url,
    LEDGER_URL: others.url,
    SETTLEMENT_URL: others.url,
    MEMBERSHIP_URL: others.url,
    REFERRALS_URL: others.url,
    LOG_LEVEL: 'silent',
  });
  const { app } = service;
  const clock = app.get(AllianceClock, { strict: false });
  clock.set(NOON);
  // days are closed when a spec says so
  await app.get(DueDaysService, { strict: false }).job.stop();
  const dataSource = app.get(DataSource, { strict: false });
  const directory = app.get(BrandDirectory, { strict: false });
  for (const brand of brands) await directory.apply(brand);
  const operatorToken = await tokens.operator();

  const call = async (
    method: string,
    path: string,
    token: string,
    headers: Record<string, string>,
    sent?: object,
  ): Promise<Answer> => {
    const json: Record<string, string> = sent === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(service.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...json, ...headers },
      body: sent === undefined ? null : JSON.stringify(sent),
    });
    const text = await response.text();
    let body: unknown = null;
    try {
      body = JSON.parse(text);
    } catch {
      // a file download is no JSON document
    }
    return { status: response.status, headers: response.headers, text, body };
  };
  const record = {
    topic: '',
    key: '',
    partition: 0,
    offset: '0',
    headers: {},
    value: new Uint8Array(),
    appendedAt: new Date(0),
  };
  const operator = (
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: object,
  ): Promise<Answer> => call(method, path, operatorToken, headers, body);

  return {
    service,
    tokens,
    clock,
    dataSource,
    ownerUrl: database.ownerUrl,
    adminUrl: database.adminUrl,
    neighbours,
    learn: async (brand) => {
      await directory.apply(brand);
    },
    deliver: (postings) =>
      runInTransaction(dataSource, { brand: '*' }, (tx) => {
        const events = postings.map((posting) => {
          const body = create(PostingRecordedSchema, posting);
          neighbours.postings.set(body.postingId, body);
          return new ReceivedEvent(
            body.postingId,
            'posting',
            TOPICS.postings,
            body.walletId,
            new Date(0),
            body,
            record,
          );
        });
        return app.get(EntriesConsumer, { strict: false }).handle(new EventBatch(events, tx));
      }),
    deliverCommissions: (commissions) =>
      runInTransaction(dataSource, { brand: '*' }, (tx) => {
        const events = commissions.map((commission) => {
          const body = create(CommissionPostedSchema, commission);
          neighbours.commissions.set(body.entryId, body);
          return new ReceivedEvent(
            body.entryId,
            'commission',
            TOPICS.commissions,
            body.orderId,
            new Date(0),
            body,
            record,
          );
        });
        return app.get(CommissionsConsumer, { strict: false }).handle(new EventBatch(events, tx));
      }),
    deliverConversions: (conversions) =>
      runInTransaction(dataSource, { brand: '*' }, (tx) => {
        const events = conversions.map((conversion) => {
          const body = create(EarningsConvertedSchema, conversion);
          const { conversionId, walletId } = body;
          neighbours.conversions.set(conversionId, body);
          return new ReceivedEvent(conversionId, 'conversion', TOPICS.rewards, walletId, new Date(0), body, record);
        });
        return app.get(ConversionsConsumer, { strict: false }).handle(new EventBatch(events, tx));
      }),
    deliverLinks: (links) =>
      runInTransaction(dataSource, { brand: '*' }, async (tx) => {
        const events = links.map((link, i) => {
          const body = create(MemberLinkChangedSchema, link);
          return new ReceivedEvent(`link-${i}`, 'link', TOPICS.links, body.walletId, new Date(0), body, record);
        });
        await takeLinks(new EventBatch(events, tx));
      }),
    unlink: (memberRef) =>
      runInTransaction(dataSource, { brand: '*' }, async (tx) => {
        const event = new ReceivedEvent(`end-${memberRef}`, 'link', TOPICS.links, memberRef, NOON, null, record);
        await takeLinks(new EventBatch([event], tx));
      }),
    publish: async (postings) => {
      const log = app.get<EventLog>(EVENT_LOG, { strict: false });
      await log.append(
        postings.map((posting) => {
          const body = create(PostingRecordedSchema, posting);
          neighbours.postings.set(body.postingId, body);
          return toEntry({
            topic: TOPICS.postings,
            key: body.walletId,
            id: body.postingId,
            type: PostingRecordedSchema.typeName,
            schemaName: PostingRecordedSchema.typeName,
            time: systemNow(),
            value: toBinary(PostingRecordedSchema, body),
          });
        }),
      );
      const messaging = app.get(Messaging, { strict: false });
      for (let left = 600; ; left -= 1) {
        const lag = await messaging.lag();
        if (lag.every(({ events }) => events === 0)) return;
        if (left === 0) throw new Error(`not handled: ${JSON.stringify(lag)}`);
        await new Promise((later) => setTimeout(later, 50));
      }
    },
    brand: async (slug, path, body) =>
      call(body === undefined ? 'GET' : 'POST', path, await tokens.brand(slug), {}, body),
    operator,
    internal: async (method, path, sent) =>
      call(method, path, await tokens.internal('gateway', 'settlement'), {}, sent),
    settle: async (cycle) => {
      for (const step of ['cut-off', 'freeze', 'confirm', 'close']) {
        const answer = await operator('POST', `/v1/operator/cycles/${cycle}/${step}`);
        if (answer.status !== 200) throw new Error(`${step}: ${answer.status} ${answer.text}`);
      }
    },
    reset: async () => {
      clock.set(NOON);
      neighbours.backlog = 0;
      neighbours.moving = false;
      neighbours.orders = 0;
      neighbours.silent = 'nothing';
      neighbours.answered = () => Promise.resolve();
      neighbours.parked = [];
      neighbours.postings.clear();
      neighbours.commissions.clear();
      neighbours.conversions.clear();
      neighbours.outstanding = {};
      neighbours.owed = {};
      neighbours.consented = [];
      await empty(database.adminUrl);
    },
    close: async () => {
      await service.close();
      await others.close();
      await tokens.close();
      await database.drop();
      await broker.drop();
    },
  };
}
