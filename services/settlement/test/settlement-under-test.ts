import { create } from '@bufbuild/protobuf';
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
import { BrandDirectory, takeLinks } from '#libs/directory';
import type { BrandSnapshot } from '#libs/directory';
import type { ParkedEvent } from '#libs/http';
import { AllianceClock } from '#libs/kernel';
import type { ReceivedEvent } from '#libs/messaging';
import { handOver, receivedEvent, serviceUnderTest, tell } from '#libs/testing';
import type { Asked, ServiceUnderTest, Told } from '#libs/testing';
import { CommissionsConsumer } from '../src/commissions/commissions.consumer.js';
import { ConversionsConsumer } from '../src/conversions/conversions.consumer.js';
import { DueDaysService } from '../src/days/due-days.service.js';
import { EntriesConsumer } from '../src/entries/entries.consumer.js';
import { settlement } from '../src/index.js';

export type Posting = Exclude<MessageInitShape<typeof PostingRecordedSchema>, PostingRecorded>;
export type Commission = MessageInitShape<typeof CommissionPostedSchema>;
export type Conversion = MessageInitShape<typeof EarningsConvertedSchema>;
export type Link = MessageInitShape<typeof MemberLinkChangedSchema>;

/** Answers of the stand-ins for the other services. */
export interface Neighbours {
  backlog: number;
  /** Traffic continues: new events wait each time, and earlier ones are done. */
  moving: boolean;
  /** Orders that referrals has yet to handle. */
  orders: number;
  /** Parked events in referrals. */
  parked: Partial<ParkedEvent>[];
  /** The ledger's postings. */
  postings: Map<string, PostingRecorded>;
  /** The last segment of the path that gets no answer. */
  silent: string;
  /** Questions about points spent that the ledger refuses. */
  refuses: (question: SpentQuestion) => boolean;
  /** Called after referrals has answered about its postings. */
  answered: () => Promise<void>;
  /** Commissions and conversions that referrals posted. */
  commissions: Map<string, CommissionPosted>;
  conversions: Map<string, EarningsConverted>;
  outstanding: Record<string, number>;
  /** The amounts that referrals owes to persons, by currency. */
  owed: Record<string, string>;
  brands: Record<string, BrandSnapshot>;
  /** Events that two people set aside, according to identity. */
  approved: string[];
  /** memberRefs with consent according to crm. */
  consented: string[];
}

export interface SettlementUnderTest extends ServiceUnderTest {
  clock: AllianceClock;
  dataSource: DataSource;
  neighbours: Neighbours;
  /** Delivers a newer version of a brand. */
  learn(brand: BrandSnapshot): Promise<void>;
  /** Hands postings to the consumer as one batch, without the inbox: only natural keys protect against duplicates. */
  deliver(postings: readonly Posting[]): Promise<void>;
  /** Hands commissions to the consumer as one batch, without the inbox. */
  deliverCommissions(commissions: readonly Commission[]): Promise<void>;
  /** Hands conversions of earnings to the consumer as one batch, without the inbox. */
  deliverConversions(conversions: readonly Conversion[]): Promise<void>;
  deliverLinks(links: readonly Link[]): Promise<void>;
  /** Ends a link by its tombstone alone. */
  unlink(memberRef: string): Promise<void>;
  /** Sends postings through the event log and waits until the service has handled them. */
  publish(postings: readonly Posting[]): Promise<void>;
  /** Runs cut-off, freeze, confirm, close. */
  settle(cycle: string): Promise<void>;
  /** Resets to an empty partner ledger at 2026-03-31 noon, bypassing the triggers that forbid it. */
  reset(): Promise<void>;
}

const NOON = new Date('2026-03-31T12:00:00+08:00');

async function empty(adminUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(`set session_replication_role = replica;
      truncate line, opening, opening_decision, day_total, day_seal, statement, frozen_group, frozen_matrix, disputed_line, net_position, cycle_step, cycle_freeze, cycle, member_link, outbox, operator_audit;
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

interface SpentQuestion {
  from?: string | null;
  to?: string;
  postings?: { postingId: string }[];
}

/** A movement of points that several fund: what was captured and given back of it before, by the order of the postings. */
function eachOf(
  postings: ReadonlyMap<string, PostingRecorded>,
  postingId: string,
  { points, lotId, originalPostingId }: PostingRecorded['movements'][number],
): object {
  const each = { points: `${-points}`, movements: '1', captured: null, returned: null };
  if (originalPostingId === '') return each;
  const known = [...postings.values()];
  const before = known.slice(
    0,
    known.findIndex((posting) => posting.postingId === postingId),
  );
  const ofLot = before.flatMap((posting) =>
    posting.movements.filter((one) => one.lotId === lotId).map((one) => ({ ...one, postingId: posting.postingId })),
  );
  const sum = (of: typeof ofLot): bigint => of.reduce((total, one) => total + one.points, 0n);
  const captured = -sum(ofLot.filter((one) => one.postingId === originalPostingId));
  const returned = sum(ofLot.filter((one) => one.originalPostingId === originalPostingId));
  return { ...each, captured: `${captured}`, returned: `${returned}` };
}

/** The ledger's answer about points spent, from its postings here; each movement separate. */
function spentOf(
  postings: ReadonlyMap<string, PostingRecorded>,
  { from, to, postings: which }: SpentQuestion,
): object[] {
  const micro = (price: string | undefined): string => `${Math.round(Number(price) * 1_000_000)}`;
  return [...postings.values()].flatMap((posting) => {
    const at = Number(posting.postedAt?.seconds) * 1_000 + (posting.postedAt?.nanos ?? 0) / 1e6;
    const named = which === undefined || which.some(({ postingId }) => postingId === posting.postingId);
    if (!named || (from != null && at < Date.parse(from)) || (to !== undefined && at >= Date.parse(to))) return [];
    if (posting.kind !== PostingKind.CAPTURE && posting.kind !== PostingKind.REDEMPTION_RETURN) return [];
    return posting.movements.flatMap((movement) => {
      const { issuer, points, terms, originalPostingId } = movement;
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
        each: terms.funders.length > 1 ? eachOf(postings, posting.postingId, movement) : null,
      };
    });
  });
}

const ISSUING = [PostingKind.ACCRUAL, PostingKind.ACCRUAL_PENDING, PostingKind.ACCRUAL_REVERSAL];

/** The ledger's answer about points given, taken back and expired, from its postings here; each movement separate. */
function issuedOf(
  postings: ReadonlyMap<string, PostingRecorded>,
  { from, to, postings: which }: SpentQuestion,
): object[] {
  return [...postings.values()].flatMap(({ postingId, kind, postedAt, asset, movements }) => {
    const at = Number(postedAt?.seconds) * 1_000 + (postedAt?.nanos ?? 0) / 1e6;
    if (which !== undefined && !which.some((named) => named.postingId === postingId)) return [];
    if ((from != null && at < Date.parse(from)) || (to !== undefined && at >= Date.parse(to))) return [];
    const expired = kind === PostingKind.EXPIRY;
    if (!expired && !ISSUING.includes(kind)) return [];
    return movements.flatMap(({ issuer, points, terms }) =>
      terms === undefined
        ? []
        : { issuer, expired, asset, currency: terms.currency, points: `${expired ? -points : points}` },
    );
  });
}

/** Referrals' answer about commissions and conversions, from those listed here; each separate. */
function postedOf({ commissions, conversions }: Neighbours, { from, to, postings: which }: SpentQuestion): object {
  const asked = (id: string, time: Timestamp | undefined): boolean => {
    const at = time === undefined ? 0 : timestampDate(time).getTime();
    const named = which === undefined || which.some(({ postingId }) => postingId === id);
    return named && (from == null || at >= Date.parse(from)) && (to === undefined || at < Date.parse(to));
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

/** Stand-ins for the other services that answer as in `said`. */
function answering(said: Neighbours): (asked: Asked) => unknown {
  let position = 0;
  return async ({ path, body }) => {
    if (said.moving) position += 10;
    const [sent, head] = [String(position), String(position + 10)];
    const [route = ''] = /[^/?]+(?=\?|$)/.exec(path) ?? [];
    if (route === said.silent) return undefined;
    switch (route) {
      case 'backlog':
        return [{ source: 'postings', events: said.backlog, sent, head }];
      case 'lag': {
        const progress = [{ partition: 'orders/0', end: said.orders === 0 ? sent : head, handled: sent }];
        return [{ consumer: 'referrals.orders', events: said.orders, comingAgain: 0, progress }];
      }
      case 'parked':
        return said.parked;
      case 'outstanding': {
        const issuers = Object.entries(said.outstanding).map(([brand, points]) => ({ brand, points: `${points}` }));
        return { asOf: '2026-03-31T00:00:00Z', issuers };
      }
      case 'spent': {
        const question = JSON.parse(body) as SpentQuestion;
        return said.refuses(question)
          ? undefined
          : { spent: spentOf(said.postings, question), issued: issuedOf(said.postings, question) };
      }
      case 'posted': {
        const posted = postedOf(said, JSON.parse(body) as SpentQuestion);
        await said.answered();
        return posted;
      }
      case 'owed':
        return { owed: Object.entries(said.owed).map(([currency, amount]) => ({ currency, amount })) };
      default:
        return path.includes('/consents/')
          ? { granted: said.consented.includes(path.split('/').at(-2) ?? '') }
          : said.brands[route];
    }
  };
}

const NOTHING = {
  backlog: 0,
  moving: false,
  orders: 0,
  silent: '',
  refuses: () => false,
  outstanding: {},
  owed: {},
  consented: [],
} satisfies Partial<Neighbours>;

/**
 * The service with its own database and event log, beside stand-ins for ledger and partners. Pass the key of other books to get
 * the same ids.
 */
export async function settlementUnderTest(
  brands: readonly BrandSnapshot[],
  books?: Pick<SettlementUnderTest, 'database'>,
): Promise<SettlementUnderTest> {
  const said: Neighbours = {
    ...NOTHING,
    answered: () => Promise.resolve(),
    parked: [],
    approved: [],
    postings: new Map(),
    commissions: new Map(),
    conversions: new Map(),
    brands: Object.fromEntries(brands.map((brand) => [brand.slug, brand])),
  };
  const under = await serviceUnderTest(settlement, {
    answer: answering(said),
    env: { FREEZE_WAIT_MS: '2000' },
    through: async ({ adminUrl, databaseUrl }) => {
      if (books !== undefined) await copyKey(books.database.adminUrl, adminUrl);
      return databaseUrl;
    },
  });
  const { database, desk } = under;
  desk.approved = ({ act, payload }) => {
    const { service, eventId } = payload as { service: string; eventId: string };
    return act === 'parked_event.set_aside' && service === 'settlement' && said.approved.includes(eventId);
  };
  const { app } = under.service;
  const clock = app.get(AllianceClock, { strict: false });
  clock.set(NOON);
  // the specs close days explicitly
  await app.get(DueDaysService, { strict: false }).job.stop();
  const directory = app.get(BrandDirectory, { strict: false });
  for (const brand of brands) await directory.apply(brand);

  const postingOf = (posting: Posting): Told<typeof PostingRecordedSchema> => {
    const body = create(PostingRecordedSchema, posting);
    said.postings.set(body.postingId, body);
    return { topic: TOPICS.postings, key: body.walletId, id: body.postingId, schema: PostingRecordedSchema, body };
  };
  const links = (events: ReceivedEvent[]): Promise<void> => handOver(app, (batch) => takeLinks(batch), events);

  return Object.assign(under, {
    clock,
    dataSource: app.get(DataSource, { strict: false }),
    neighbours: said,
    learn: async (brand: BrandSnapshot) => {
      said.brands[brand.slug] = brand;
      await directory.apply(brand);
    },
    deliver: (postings: readonly Posting[]) =>
      handOver(
        app,
        (batch) => app.get(EntriesConsumer, { strict: false }).handle(batch),
        postings.map((posting) => receivedEvent(postingOf(posting))),
      ),
    deliverCommissions: (commissions: readonly Commission[]) =>
      handOver(
        app,
        (batch) => app.get(CommissionsConsumer, { strict: false }).handle(batch),
        commissions.map((commission) => {
          const body = create(CommissionPostedSchema, commission);
          const { entryId: id, orderId: key } = body;
          said.commissions.set(id, body);
          return receivedEvent({ topic: TOPICS.commissions, key, id, schema: CommissionPostedSchema, body });
        }),
      ),
    deliverConversions: (conversions: readonly Conversion[]) =>
      handOver(
        app,
        (batch) => app.get(ConversionsConsumer, { strict: false }).handle(batch),
        conversions.map((conversion) => {
          const body = create(EarningsConvertedSchema, conversion);
          const { conversionId: id, walletId: key } = body;
          said.conversions.set(id, body);
          return receivedEvent({ topic: TOPICS.rewards, key, id, schema: EarningsConvertedSchema, body });
        }),
      ),
    deliverLinks: (told: readonly Link[]) =>
      links(
        told.map((link) =>
          receivedEvent({ topic: TOPICS.links, key: link.walletId ?? '', schema: MemberLinkChangedSchema, body: link }),
        ),
      ),
    unlink: (memberRef: string) =>
      links([receivedEvent({ topic: TOPICS.links, key: memberRef, schema: MemberLinkChangedSchema, body: null })]),
    publish: (postings: readonly Posting[]) => tell(app, postings.map(postingOf)),
    settle: async (cycle: string) => {
      for (const step of ['cut-off', 'freeze', 'confirm', 'close']) {
        const answer = await under.asOperator('POST', `/v1/operator/cycles/${cycle}/${step}`);
        if (answer.status !== 200) throw new Error(`${step}: ${answer.status} ${answer.text}`);
      }
    },
    reset: async () => {
      clock.set(NOON);
      Object.assign(said, { ...NOTHING, answered: () => Promise.resolve(), parked: [], approved: [] });
      for (const known of [said.postings, said.commissions, said.conversions]) known.clear();
      await empty(database.adminUrl);
    },
  });
}
