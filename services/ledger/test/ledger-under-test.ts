import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { setTimeout as sleep } from 'node:timers/promises';

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { DataSource } from 'typeorm';

import { MemberLinkChangedSchema, PostingRecordedSchema, TOPICS } from '#libs/contracts';
import type { PostingRecorded } from '#libs/contracts';
import { DEFAULT_LIMITS } from '#libs/directory';
import type { BrandSnapshot } from '#libs/directory';
import { startService } from '#libs/http';
import type { RunningService } from '#libs/http';
import { AllianceClock, randomRef, systemNow, uuidv7 } from '#libs/kernel';
import { declareTopics, EVENT_LOG, Messaging, RELAY_START, toEntry } from '#libs/messaging';
import type { EventLog, OutgoingRecord, RelaySource } from '#libs/messaging';
import { createPool } from '#libs/postgres';
import { anEarningRule, callerOf, testBroker, testDatabase, testDesk, testTokens } from '#libs/testing';
import type { TestDatabase, TestDesk, TestTokens } from '#libs/testing';

import { ledger } from '../src/index.js';
import { ledgerConfig } from '../src/ledger.config.js';
import { PostingEventsSource } from '../src/postings/posting-events.source.js';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- specs look into bodies of many shapes
  body: any;
}

interface LinkState {
  memberRef: string;
  brand: string;
  walletId: string;
  status: string;
  version: number;
  changedAt: string;
}

/** What a brand can be asked to look like. */
export interface BrandOver {
  status?: BrandSnapshot['status'];
  stores?: BrandSnapshot['stores'];
  contract?: Partial<BrandSnapshot['contracts'][number]>;
  /** Several versions, each with what differs from the first of the worked example. */
  contracts?: readonly Partial<BrandSnapshot['contracts'][number]>[];
}

export interface LedgerUnderTest {
  service: RunningService;
  database: TestDatabase;
  tokens: TestTokens;
  /** Who agrees to what one may not do alone. */
  desk: TestDesk;
  clock: AllianceClock;
  dataSource: DataSource;
  /** Requests that reached the stand-ins for partners and crm, by path. */
  asked: string[];
  /** Makes or changes a brand and pushes it. */
  brand(slug: string, over?: BrandOver): Promise<void>;
  /** A person's new link with a brand; give the wallet of an earlier one for the same person. */
  member(brand: string, walletId?: string): { memberRef: string; walletId: string };
  endLink(memberRef: string): Promise<void>;
  /** Tells of a link by event alone, as crm does, and waits until it was handled. */
  tellLink(link: MessageInitShape<typeof MemberLinkChangedSchema>): Promise<void>;
  /** Sends an event as another service would, and waits until it was handled. */
  tell<Schema extends DescMessage>(
    topic: string,
    key: string,
    schema: Schema,
    body: MessageInitShape<Schema> | null,
  ): Promise<void>;
  rule(brand: string, over?: Record<string, unknown>): Promise<Answer>;
  call(brand: string, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  operator(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  internal(method: string, path: string, body?: unknown): Promise<Answer>;
  /** A wallet's postings as events, in its order. */
  postingsOf(walletId: string): Promise<PostingRecorded[]>;
  /** Sets the alliance's clock as partners does, and comes back when what became due is done. */
  at(instant: string): Promise<void>;
  close(): Promise<void>;
}

/** A brand with the prices of the worked example. */
export function snapshot(slug: string, version: number, over: BrandOver = {}): BrandSnapshot {
  return {
    slug,
    version,
    name: slug,
    status: over.status ?? 'live',
    currency: 'CNY',
    legalEntity: { id: `le-${slug}`, name: `${slug} Ltd` },
    stores: over.stores ?? [{ ref: `${slug}-1`, name: 'First' }],
    contracts: (over.contracts ?? [over.contract ?? {}]).map((contract, index) => ({
      id: `ct_${slug}_${index + 1}`,
      version: index + 1,
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
      ...contract,
    })),
  };
}

async function neighbourhood(
  answers: Map<string, unknown>,
  asked: string[],
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const [links = '', refs] = path.split('?refs=');
    const answer =
      refs === undefined
        ? answers.get(path)
        : refs.split(',').flatMap((memberRef) => answers.get(`${links}/${memberRef}`) ?? []);
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  });
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

/** Every other service of the network is at the same address here. */
function neighbourUrls(url: string): Record<string, string> {
  const variables = Object.values(ledgerConfig.fields).map(({ variable }) => variable);
  const own = new Set(['DATABASE_URL', 'MIGRATION_DATABASE_URL', 'LOG_DATABASE_URL', 'ISSUER_URL', 'JWKS_URL']);
  const names = variables.filter((variable) => variable.endsWith('_URL') && !own.has(variable));
  return Object.fromEntries(names.map((name) => [name, url]));
}

/** Everything that a source has to tell, as the relay reads it. */
export async function readAll(databaseUrl: string, source: RelaySource): Promise<OutgoingRecord[]> {
  const pool = createPool(databaseUrl, 'events-test', 1);
  const client = await pool.connect();
  try {
    await client.query(`select set_config('hezong.brand', '*', false)`);
    const all: OutgoingRecord[] = [];
    for (let after = RELAY_START; ;) {
      const { records, next } = await source.read(client, after, 3);
      all.push(...records);
      if (next === after) {
        // a transaction elsewhere on the server may hide the newest rows for a moment
        if ((await source.backlog(client, after)) === 0) return all;
        await sleep(20);
      }
      after = next;
    }
  } finally {
    client.release();
    await pool.end();
  }
}

/** The whole service on a database of its own, with stand-ins for partners and crm on one port. */
export async function ledgerUnderTest(
  at = '2026-03-02T08:00:00+08:00',
  /** How the service reaches its database, where that is not directly. */
  through: (databaseUrl: string) => string | Promise<string> = (databaseUrl) => databaseUrl,
): Promise<LedgerUnderTest> {
  const [database, broker, tokens] = [await testDatabase('ledger'), await testBroker('postgres'), await testTokens()];
  await declareTopics(broker.config);
  const answers = new Map<string, unknown>();
  const asked: string[] = [];
  answers.set('/internal/v1/clock', { now: at });
  const others = await neighbourhood(answers, asked);
  const desk = await testDesk();
  const service = await startService(ledger, {
    ...tokens.env('ledger'),
    ...broker.env,
    DATABASE_URL: await through(database.databaseUrl),
    ...neighbourUrls(others.url),
    IDENTITY_URL: desk.url,
    MEMBERSHIP_URL: others.url,
    REFERRALS_URL: others.url,
    LOG_LEVEL: 'error',
    TEST_CLOCK: 'true',
    // specs say when time passes: reads and clock changes must be right without the worker
    LEDGER_SWEEP_MS: '3600000',
  });
  const { app } = service;
  const clock = app.get(AllianceClock, { strict: false });
  const bearers = new Map<string, string>();
  const versions = new Map<string, number>();

  const send = async (token: string, method: string, path: string, body?: unknown, headers = {}): Promise<Answer> => {
    const response = await fetch(service.url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed: unknown = text === '' ? null : JSON.parse(text);
    return { status: response.status, headers: response.headers, text, body: parsed };
  };
  const bearer = async (name: string, make: () => Promise<string>): Promise<string> => {
    const token = bearers.get(name) ?? (await make());
    bearers.set(name, token);
    return token;
  };
  const internal = async (method: string, path: string, body?: unknown): Promise<Answer> =>
    send(await tokens.internal(callerOf(path), 'ledger'), method, path, body);

  const rig: LedgerUnderTest = {
    service,
    database,
    tokens,
    desk,
    clock,
    dataSource: app.get(DataSource, { strict: false }),
    asked,
    internal,
    async brand(slug, over = {}) {
      const version = (versions.get(slug) ?? 0) + 1;
      versions.set(slug, version);
      const brand = snapshot(slug, version, over);
      answers.set(`/internal/v1/brands/${slug}`, brand);
      const pushed = await internal('PUT', `/internal/v1/brands/${slug}`, brand);
      if (pushed.status !== 204) throw new Error(`brand refused: ${pushed.text}`);
    },
    member(brand, walletId = uuidv7()) {
      const memberRef = randomRef('mb');
      const state: LinkState = {
        memberRef,
        brand,
        walletId,
        status: 'active',
        version: 1,
        changedAt: '2026-01-01T00:00:00Z',
      };
      answers.set(`/internal/v1/links/${memberRef}`, state);
      return { memberRef, walletId };
    },
    async endLink(memberRef) {
      const state = answers.get(`/internal/v1/links/${memberRef}`) as LinkState;
      const ended = { ...state, status: 'deleted', version: state.version + 1 };
      answers.set(`/internal/v1/links/${memberRef}`, ended);
      const { memberRef: _, ...body } = ended;
      const pushed = await internal('PUT', `/internal/v1/links/${memberRef}`, body);
      if (pushed.status !== 204) throw new Error(`link refused: ${pushed.text}`);
    },
    tellLink: (link) => rig.tell(TOPICS.links, link.memberRef ?? '', MemberLinkChangedSchema, link),
    async tell(topic, key, schema, body) {
      const event = {
        topic,
        key,
        id: uuidv7(),
        type: schema.typeName,
        schemaName: schema.typeName,
        time: systemNow(),
        value: body === null ? null : toBinary(schema, create(schema, body)),
      };
      await app.get<EventLog>(EVENT_LOG, { strict: false }).append([toEntry(event)]);
      const messaging = app.get(Messaging, { strict: false });
      for (let left = 400; ; left -= 1) {
        const lag = await messaging.lag();
        if (lag.every(({ events }) => events === 0)) return;
        if (left === 0) throw new Error(`not handled: ${JSON.stringify(lag)}`);
        await new Promise((later) => setTimeout(later, 50));
      }
    },
    rule: (brand, over = {}) => rig.operator('POST', '/v1/operator/earning-rules', anEarningRule(brand, over)),
    call: async (brand, method, path, body, headers) =>
      send(await bearer(brand, () => tokens.brand(brand)), method, path, body, headers),
    operator: async (method, path, body, headers) =>
      send(await bearer('*', () => tokens.operator()), method, path, body, headers),
    async postingsOf(walletId) {
      const records = await readAll(database.databaseUrl, app.get(PostingEventsSource, { strict: false }));
      return records
        .filter(({ key }) => key === walletId)
        .map(({ value }) => fromBinary(PostingRecordedSchema, value ?? new Uint8Array()));
    },
    async at(instant) {
      const answer = await internal('PUT', '/internal/v1/clock', { now: instant });
      if (answer.status !== 200) throw new Error(`clock refused: ${answer.text}`);
    },
    async close() {
      await service.close();
      await others.close();
      await desk.close();
      await tokens.close();
      await database.drop();
    },
  };
  await rig.at(at);
  return rig;
}
