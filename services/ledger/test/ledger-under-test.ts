import { setTimeout as sleep } from 'node:timers/promises';

import { fromBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { DataSource } from 'typeorm';

import { MemberLinkChangedSchema, PostingRecordedSchema, TOPICS } from '#libs/contracts';
import type { PostingRecorded } from '#libs/contracts';
import type { BrandSnapshot } from '#libs/directory';
import { AllianceClock, randomRef, uuidv7 } from '#libs/kernel';
import { RELAY_START } from '#libs/messaging';
import type { OutgoingRecord, RelaySource } from '#libs/messaging';
import { createPool } from '#libs/postgres';
import { anEarningRule, brandSnapshot, serviceUnderTest, tell } from '#libs/testing';
import type { Answer, ServiceUnderTest, Surroundings } from '#libs/testing';

import { ledger } from '../src/index.js';
import { PostingEventsSource } from '../src/postings/posting-events.source.js';

interface LinkState {
  memberRef: string;
  brand: string;
  walletId: string;
  status: string;
  version: number;
  changedAt: string;
}

/** Settings of a test brand. */
export interface BrandOver {
  status?: BrandSnapshot['status'];
  stores?: BrandSnapshot['stores'];
  contract?: Partial<BrandSnapshot['contracts'][number]>;
  /** Several versions, each as differences from the worked example's first. */
  contracts?: readonly Partial<BrandSnapshot['contracts'][number]>[];
}

export interface LedgerUnderTest extends ServiceUnderTest {
  clock: AllianceClock;
  dataSource: DataSource;
  /** Requests that reached the stand-ins for partners and crm, by path. */
  asked: string[];
  /** Creates or changes a brand and pushes it. */
  brand(slug: string, over?: BrandOver): Promise<void>;
  /** A new link of a person with a brand; pass the wallet of an earlier link for the same person. */
  member(brand: string, walletId?: string): { memberRef: string; walletId: string };
  endLink(memberRef: string): Promise<void>;
  /** Sends an event as another service would, and waits until it is handled. */
  tell<Schema extends DescMessage>(
    topic: string,
    key: string,
    schema: Schema,
    body: MessageInitShape<Schema> | null,
  ): Promise<void>;
  /** Announces a link by event alone, as crm does, and waits until it is handled. */
  tellLink(link: MessageInitShape<typeof MemberLinkChangedSchema>): Promise<void>;
  rule(brand: string, over?: Record<string, unknown>): Promise<Answer>;
  /** A wallet's postings as events, in the wallet's order. */
  postingsOf(walletId: string): Promise<PostingRecorded[]>;
  /** Sets the alliance clock as partners does, and returns when due work is done. */
  at(instant: string): Promise<void>;
}

/** All events of a source, as the relay reads them. */
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
        // a transaction elsewhere on the server may delay the newest rows for a moment
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

/** The ledger beside stand-ins for partners and crm. */
export async function ledgerUnderTest(
  at = '2026-03-02T08:00:00+08:00',
  through?: Surroundings['through'],
): Promise<LedgerUnderTest> {
  const answers = new Map<string, unknown>([['/internal/v1/clock', { now: at }]]);
  const asked: string[] = [];
  const under = await serviceUnderTest(ledger, {
    answer: ({ path }) => {
      asked.push(path);
      const [links = '', refs] = path.split('?refs=');
      return refs === undefined
        ? answers.get(path)
        : refs.split(',').flatMap((memberRef) => answers.get(`${links}/${memberRef}`) ?? []);
    },
    // specs control time: reads and clock changes must be right without the worker
    env: { TEST_CLOCK: 'true', LEDGER_SWEEP_MS: '3600000' },
    ...(through === undefined ? {} : { through }),
  });
  const { app } = under.service;
  const versions = new Map<string, number>();

  const rig: LedgerUnderTest = Object.assign(under, {
    clock: app.get(AllianceClock, { strict: false }),
    dataSource: app.get(DataSource, { strict: false }),
    asked,
    async brand(slug: string, over: BrandOver = {}) {
      const version = (versions.get(slug) ?? 0) + 1;
      versions.set(slug, version);
      const { contract = {}, contracts = [contract], ...rest } = over;
      const brand = brandSnapshot(slug, { ...rest, version, contracts });
      answers.set(`/internal/v1/brands/${slug}`, brand);
      const pushed = await under.asService('PUT', `/internal/v1/brands/${slug}`, brand);
      if (pushed.status !== 204) throw new Error(`brand refused: ${pushed.text}`);
    },
    member(brand: string, walletId = uuidv7()) {
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
    async endLink(memberRef: string) {
      const state = answers.get(`/internal/v1/links/${memberRef}`) as LinkState;
      const ended = { ...state, status: 'deleted', version: state.version + 1 };
      answers.set(`/internal/v1/links/${memberRef}`, ended);
      const { memberRef: _, ...body } = ended;
      const pushed = await under.asService('PUT', `/internal/v1/links/${memberRef}`, body);
      if (pushed.status !== 204) throw new Error(`link refused: ${pushed.text}`);
    },
    tellLink: (link: MessageInitShape<typeof MemberLinkChangedSchema>) =>
      rig.tell(TOPICS.links, link.memberRef ?? '', MemberLinkChangedSchema, link),
    tell: <Schema extends DescMessage>(
      topic: string,
      key: string,
      schema: Schema,
      body: MessageInitShape<Schema> | null,
    ) => tell(app, [{ topic, key, schema, body }]),
    rule: (brand: string, over: Record<string, unknown> = {}) =>
      under.asOperator('POST', '/v1/operator/earning-rules', anEarningRule(brand, over)),
    async postingsOf(walletId: string) {
      const records = await readAll(under.database.databaseUrl, app.get(PostingEventsSource, { strict: false }));
      return records
        .filter(({ key }) => key === walletId)
        .map(({ value }) => fromBinary(PostingRecordedSchema, value ?? new Uint8Array()));
    },
    async at(instant: string) {
      const answer = await under.asService('PUT', '/internal/v1/clock', { now: instant });
      if (answer.status !== 200) throw new Error(`clock refused: ${answer.text}`);
    },
  });
  await rig.at(at);
  return rig;
}
