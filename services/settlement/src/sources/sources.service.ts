import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { CONFIG } from '#libs/http';
import type { GivenApproval } from '#libs/http';
import {
  addDays,
  AllianceClock,
  DomainError,
  fail,
  formatInstant,
  idFromUuid,
  monotonicMs,
  monthBounds,
} from '#libs/kernel';
import { runAudit } from '#libs/postgres';
import { endOf, isSealed, misfiled, SKEW_MS } from '../cycles/cycle.js';
import type { Cycle } from '../cycles/cycle.js';
import { CyclesService } from '../cycles/cycles.service.js';
import { SettledService } from '../cycles/settled.service.js';
import { DaysService } from '../days/days.service.js';
import type { SettlementConfig } from '../settlement.config.js';
import { ResultsService } from '../verification/results.service.js';
import { refuseFaults, refuseUncompared } from '../verification/verification.js';
import type { Fault } from '../verification/verification.js';
import { earningFigure, earningsOf } from './earnings.js';
import type { PostedEarnings } from './earnings.js';
import { SourcesRepository } from './sources.repository.js';
import type { LinesAsked, Period, PostingKey, SetAside } from './sources.repository.js';
import { issuedFigures, pricedOf, spendingFigure } from './spending.js';
import type { IssuedPoints, SpentPoints } from './spending.js';
import { Sums } from './sums.js';
import type { Differing, Figure } from './sums.js';

/** The time of a cycle with so many lines is asked about in one question, of others day by day. */
const FEW_LINES = 5_000;
/** What one question may name. */
const MOST_POSTINGS = 500;
/** By so much what is posted may be committed later. */
const COMMIT_MS = 5_000;
/** Most looks until what differs is the same twice, or nothing differs. */
const MOST_LOOKS = 3;
/** How long a comparison waits for what was committed before it. */
const PATIENCE_MS = 5_000;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A question that takes longer is asked in halves, down to a minute. */
const SLOW_MS = 1_500;
const LEAST_MS = 60_000;
/** How long a comparison of older times stays valid if no line of theirs came or went. */
const PROOF_MS = 3_600_000;

const plus = (at: Date, ms: number): Date => new Date(at.getTime() + ms);
const earlier = (a: Date, b: Date): Date => (a < b ? a : b);

/** Whose postings make lines, and how they are asked for. */
interface Source {
  readonly name: string;
  /** What its figures count. */
  readonly counted: string;
  /** Consumers here that make lines of them. */
  readonly consumers: readonly string[];
  lines(tx: EntityManager, asked: LinesAsked, currency: string): Promise<Figure[]>;
  ask(which: Which, currency: string): Promise<Figure[]>;
}

/** Postings of a time, and of those the ones that are named. */
interface Which extends Period {
  readonly postings?: readonly PostingKey[];
}

/** A time whose postings are compared with lines: that of a cycle or of several, each from the end of the one before. */
interface Span {
  /** Before the ids of what differs. */
  readonly of: string;
  readonly cycles: readonly { readonly cycle: Cycle; readonly during: Period }[];
  /** The cycles in which lines of that time may lie. */
  readonly lying: readonly Cycle[];
}

/** The time of one cycle, as it is asked about. */
interface Part {
  readonly asked: Period;
  /** When the month of the cycle begins. */
  readonly begins: Date;
  readonly few: boolean;
}

/** What was found, with what was read besides in the same snapshot. */
interface Compared<T> {
  /** Null: not everything has arrived, or a service gave no answer. */
  readonly faults: Fault[] | null;
  readonly seen: T;
}

/** What lines hold of a source, of a time. */
interface Read {
  readonly source: Source;
  readonly parts: readonly Part[];
  readonly ours: Sums;
  readonly aside: readonly SetAside[];
  /** For times before the last frozen cycle: remembers that a look found nothing. */
  readonly proven?: () => void;
}

/**
 * Holds lines against those who recorded what they are about. What was posted up to the end of a cycle has its lines, wherever they lie, and
 * each lies in the cycle that took it.
 */
@Injectable()
export class SourcesService {
  private readonly sources: readonly Source[];
  /** Comparisons of older times without a difference, by source and currency: of what, and when, ms. */
  private readonly proven = new Map<string, { what: string; at: number }>();
  /** Acts that a second person approved, which stays so. */
  private readonly agreed = new Set<string>();
  /** What sources said about cycles before the last frozen one, by source, currency and time. */
  private readonly told = new Map<string, Figure[]>();

  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly client: InternalClient,
    private readonly clock: AllianceClock,
    private readonly cycles: CyclesService,
    private readonly settled: SettledService,
    private readonly days: DaysService,
    private readonly results: ResultsService,
    private readonly repository: SourcesRepository,
  ) {
    this.sources = [
      {
        name: 'ledger',
        counted: 'points',
        consumers: ['settlement.ledger'],
        lines: async (tx, asked, currency) => [
          ...(await repository.spending(tx, asked)).map(spendingFigure),
          ...issuedFigures(await repository.issued(tx, asked), currency),
        ],
        ask: async ({ postings, ...times }, currency) => {
          // an event set aside may have any key and id, and then it is of no posting
          const named = postings?.filter(({ walletId, postingId }) => UUID.test(walletId) && UUID.test(postingId));
          if (named?.length === 0) return [];
          const which = named === undefined ? times : { ...times, postings: named };
          const { spent, issued } = await this.post<{ spent: SpentPoints[]; issued: IssuedPoints[] }>(
            `${config.ledgerUrl}/internal/v1/spent`,
            which,
          );
          return [
            ...spent.flatMap((row) => pricedOf(row, currency)).map(spendingFigure),
            ...issuedFigures(issued, currency),
          ];
        },
      },
      {
        name: 'referrals',
        counted: 'lines',
        consumers: ['settlement.commissions', 'settlement.conversions'],
        lines: async (tx, asked) => (await repository.earnings(tx, asked)).map(earningFigure),
        ask: async ({ postings, ...times }, currency) => {
          const named = postings?.map(({ postingId }) => ({ postingId }));
          const which = named === undefined ? times : { ...times, postings: named };
          return earningsOf(
            await this.post<PostedEarnings>(`${config.referralsUrl}/internal/v1/posted`, which),
            currency,
          );
        },
      },
    ];
  }

  /**
   * Lets a step go on where lines and sources agree. Returns what `beside` read at that moment.
   * @throws DomainError `cycle_unproven`, naming sums that differ, `cycle_not_settled` when nothing can be said
   */
  async prove<T>(id: string, beside: (tx: EntityManager) => Promise<T>): Promise<T> {
    const { faults, seen } = await this.differences(id, beside, this.config.freezeWaitMs);
    if (faults === null) return refuseUncompared();
    refuseFaults(faults);
    return seen;
  }

  /**
   * Sums of lines up to the end of a cycle that are not what the ledger stamped or referrals posted, once all that was committed before has
   * arrived, lines that lie in the wrong cycle, and cycles beside this one that do not have the lines of their seals. What arrives meanwhile
   * differs by something else at the next look; an edit does not. A look reads everything in one snapshot, and `beside` in the same.
   */
  async differences<T>(
    id: string,
    beside: (tx: EntityManager) => Promise<T>,
    patienceMs = PATIENCE_MS,
  ): Promise<Compared<T>> {
    let known = new Set<string>();
    for (let looks = 1; ; looks += 1) {
      const { found, seen } = await this.look(id, beside, patienceMs);
      if (found === null || found.length === 0) return { faults: found, seen };
      const lasting = found.filter(({ id: of, off }) => known.has(`${of} ${off}`));
      if (lasting.length > 0)
        return { faults: lasting.map(({ kind, id: of, detail }) => ({ kind, id: of, detail })), seen };
      // whatever differs by something else each time agrees at no moment
      if (looks === MOST_LOOKS) return { faults: null, seen };
      known = new Set(found.map(({ id: of, off }) => `${of} ${off}`));
    }
  }

  private async look<T>(
    id: string,
    beside: (tx: EntityManager) => Promise<T>,
    patienceMs: number,
  ): Promise<{ found: Differing[] | null; seen: T }> {
    const at = this.clock.now();
    const arrived = await this.settled.reached(patienceMs);
    // what the sources are asked for afterwards holds no snapshot
    const { sums, seen } = await runAudit(this.dataSource, async (tx) => ({
      sums: arrived ? await this.read(tx, id, at) : null,
      seen: await beside(tx),
    }));
    if (sums === null) return { found: null, seen };
    try {
      const found: Differing[] = [...sums.faults];
      for (const read of sums.reads) found.push(...(await this.compare(read, sums.currency)));
      if (found.length === 0) for (const { proven } of sums.reads) proven?.();
      return { found, seen };
    } catch (error) {
      if (error instanceof DomainError) return { found: null, seen };
      throw error;
    }
  }

  /** Sums of lines by source and time, and what is wrong without asking anybody. Null: an event waits for the operator. */
  private async read(
    tx: EntityManager,
    id: string,
    at: Date,
  ): Promise<{ reads: Read[]; faults: Differing[]; currency: string } | null> {
    const known = await this.cycles.listIn(tx);
    const cycle = known.find((one) => one.id === id) ?? fail('not_found');
    const all = known
      .filter(({ currency }) => currency === cycle.currency)
      .sort((a, b) => (a.month < b.month ? -1 : 1));
    const moving = this.movingOf(cycle, at);
    const { old, spans } = this.spansOf(cycle, all, at);
    const reads: Read[] = [];
    for (const source of this.sources) {
      if (await this.repository.waits(tx, source.consumers)) return null;
      const aside = await this.repository.setAside(tx, source.consumers);
      const readSpan = async ({ of, cycles, lying }: Span): Promise<Read> => {
        const ours = new Sums(of);
        const parts: Part[] = [];
        const during = { from: cycles.at(0)?.during.from ?? null, to: cycles.at(-1)?.during.to ?? at };
        for (const figure of await source.lines(tx, { cycles: idsOf(lying), during, moving }, cycle.currency))
          ours.add(figure);
        for (const { cycle: one, during: time } of cycles) {
          const begins = monthBounds(one.month, this.config.zone).from;
          const few = await this.repository.few(tx, one.id, FEW_LINES);
          parts.push({ asked: { ...time, to: earlier(time.to, moving.from) }, begins, few });
        }
        return { source, parts, ours, aside };
      };
      if (old !== null) {
        const during = { from: null, to: old.cycles.at(-1)?.during.to ?? at };
        // lines in cycles of their own time do not change, so the others say whether there is anything new
        const later = all.filter(({ status }, i) => i >= old.cycles.length || !isSealed(status));
        const late = await source.lines(tx, { cycles: idsOf(later), during, moving }, cycle.currency);
        const what = JSON.stringify([late.map(figureText), aside]);
        const of = keyOf(source, cycle.currency, during);
        const known = this.proven.get(of);
        if (known?.what !== what || monotonicMs() - known.at >= PROOF_MS)
          reads.push({ ...(await readSpan(old)), proven: () => this.proven.set(of, { what, at: monotonicMs() }) });
      }
      for (const span of spans) reads.push(await readSpan(span));
    }
    const faults: Differing[] = [];
    // whoever asks about older times reads all cycles anyway
    const asked = reads.some(({ proven }) => proven !== undefined) ? all : spans.flatMap(({ lying }) => lying);
    for (const one of all.filter((known) => asked.includes(known) || !isSealed(known.status))) {
      faults.push(...(await this.filedWrongly(tx, one, all)));
      // a cycle that was frozen is itself verified from its lines, in this snapshot
      if (one === cycle && isSealed(one.status)) continue;
      const held = one === cycle ? await this.progressFaults(tx, one) : await this.heldFaults(tx, one);
      for (const fault of [...(await this.cycles.faults(tx, one, all)), ...held])
        faults.push({ ...fault, off: fault.detail });
    }
    return { reads, faults, currency: cycle.currency };
  }

  /**
   * The times up to the end of a cycle: each from the end of the cycle before, so that no instant is left out, whatever cycles there are. Those
   * before the time of the last frozen cycle are one.
   */
  private spansOf(cycle: Cycle, all: readonly Cycle[], at: Date): { old: Span | null; spans: Span[] } {
    const upTo = all.filter(({ month }) => month <= cycle.month);
    const first = Math.max(
      0,
      upTo.findLastIndex(({ id, status }) => id !== cycle.id && isSealed(status)),
    );
    const ends = upTo.map((one) => this.endOf(one));
    const cycles = upTo.map((one, i) => ({ cycle: one, during: { from: ends[i - 1] ?? null, to: ends[i] ?? at } }));
    const start = ends[first - 1];
    const old =
      start === undefined
        ? null
        : { of: `posted before ${formatInstant(start)}: `, cycles: cycles.slice(0, first), lying: all };
    // right after a cut-off the cycle that it ended may have taken what belongs to the next one
    const lying = all.slice(Math.max(0, first - 1));
    const spans = cycles.slice(first).map((one): Span => {
      return { of: one.cycle.id === cycle.id ? '' : `posted in ${one.cycle.id}: `, cycles: [one], lying };
    });
    return { old, spans };
  }

  /** An open cycle is compared up to a moment ago, so that traffic may go on. */
  private movingOf(cycle: Cycle, at: Date): Period & { from: Date } {
    const end = this.endOf(cycle);
    if (cycle.status !== 'open' || this.clock.frozenAt !== null) {
      const to = earlier(end, addDays(at, 1, this.config.zone));
      return { from: to, to };
    }
    return { from: earlier(end, plus(at, -COMMIT_MS)), to: earlier(end, plus(at, SKEW_MS)) };
  }

  /** The first instant after a cycle. A cut-off within the month belongs to the cycle that it ends, to the millisecond. */
  private endOf(cycle: Cycle): Date {
    const end = endOf(cycle, this.config.zone);
    return end < monthBounds(cycle.month, this.config.zone).to ? plus(end, 1) : end;
  }

  /**
   * Whether the lines of a cycle, by what they say now, are those on record: of a frozen one those of its freeze, with its results, of others
   * those that their days were closed with, and those of days that are open what they were written with.
   */
  private async heldFaults(tx: EntityManager, { id, status }: Cycle): Promise<Fault[]> {
    if (!isSealed(status)) return this.days.changed(tx, id);
    const [seal, found] = [
      await this.cycles.seal(tx, id),
      { ...(await this.days.root(tx, id)), resultsRoot: await this.results.root(tx, id) },
    ];
    const same =
      seal?.lineCount === found.lineCount &&
      seal.linesRoot === found.linesRoot &&
      seal.resultsRoot === found.resultsRoot;
    if (same && (await this.cycles.sealedAs(tx, id, found))) return [];
    return [{ kind: 'cycle', id, detail: 'does not have the lines and results that its freeze put on record' }];
  }

  /** Whether a cycle has the lines that its freeze has read, once it has read all. */
  private async progressFaults(tx: EntityManager, { id }: Cycle): Promise<Fault[]> {
    const freeze = await this.cycles.freezeOf(tx, id);
    if (freeze === null || freeze.stage === 'days') return [];
    const { lineCount, linesRoot } = await this.days.root(tx, id);
    if (freeze.lineCount === lineCount && freeze.linesRoot === linesRoot) return [];
    return [{ kind: 'cycle', id, detail: 'does not have the lines that its freeze has read' }];
  }

  private async filedWrongly(tx: EntityManager, cycle: Cycle, all: readonly Cycle[]): Promise<Differing[]> {
    const { from, to } = monthBounds(cycle.month, this.config.zone);
    const time = { from, to: cycle.cutOffAt === null ? to : earlier(to, plus(cycle.cutOffAt, SKEW_MS)) };
    const groups = await this.repository.outside(tx, cycle.id, cycle.currency, this.config.zone, time);
    return groups
      .filter((group) => misfiled(cycle, group, all, this.config.zone))
      .map(({ id, month, currency, lines }) => ({
        kind: 'line',
        id: idFromUuid('ln', id),
        detail: `lies in ${cycle.id} with ${lines} lines in all that were posted in ${month} in ${currency} and do not belong there`,
        off: `${cycle.id} ${lines}`,
      }));
  }

  /** What two people set aside is left out. */
  private async compare({ source, parts, ours, aside, proven }: Read, currency: string): Promise<Differing[]> {
    const theirs = new Sums();
    const left = await this.approved(aside);
    for (const part of parts) {
      const key = keyOf(source, currency, part.asked);
      const known = proven === undefined ? undefined : this.told.get(key);
      const said = known ?? (await this.ask(source, part, currency));
      if (proven !== undefined) this.told.set(key, said);
      for (const figure of said) theirs.add(figure);
      for (const postings of chunks(left))
        for (const figure of await source.ask({ ...part.asked, postings }, currency)) theirs.add(figure, -1n);
    }
    const found = ours.differences(theirs, source.counted);
    // asked again at the next look
    if (found.length > 0 && proven !== undefined)
      for (const { asked } of parts) this.told.delete(keyOf(source, currency, asked));
    return found;
  }

  /** Of events set aside those for which identity has the approval of a second person; it is needed for exactly this event. */
  private async approved(aside: readonly SetAside[]): Promise<PostingKey[]> {
    const approved: PostingKey[] = [];
    for (const { record, topic, walletId: key, postingId: eventId, by: maker, reason } of aside) {
      const payload = { service: 'settlement', record, eventId, topic, key, reason };
      const act = { act: 'parked_event.set_aside', maker, payload };
      const url = `${this.config.identityUrl}/internal/v1/approvals/approved`;
      const known = JSON.stringify(act);
      if (!this.agreed.has(known) && (await this.client.post<GivenApproval>(url, act)) === null) continue;
      this.agreed.add(known);
      approved.push({ walletId: key, postingId: eventId });
    }
    return approved;
  }

  private async ask(source: Source, { asked, begins, few }: Part, currency: string): Promise<Figure[]> {
    const sums = new Sums();
    for (const period of few ? [asked] : this.daily(asked, begins))
      for (const figure of await this.during(source, period, currency)) sums.add(figure);
    return sums.figures();
  }

  /** What comes before the month of the cycle, which is little or nothing, and then each day. */
  private *daily({ from, to }: Period, begins: Date): Generator<Period> {
    const first = earlier(from === null || from < begins ? begins : from, to);
    if (from === null || from < first) yield { from, to: first };
    for (let at = first; at < to;) {
      const next = earlier(addDays(at, 1, this.config.zone), to);
      yield { from: at, to: next };
      at = next;
    }
  }

  private async during(source: Source, period: Period, currency: string): Promise<Figure[]> {
    const started = monotonicMs();
    try {
      return await source.ask({ ...period }, currency);
    } catch (error) {
      if (period.from === null) throw error;
      const span = period.to.getTime() - period.from.getTime();
      if (monotonicMs() - started < SLOW_MS || span <= LEAST_MS) throw error;
      const middle = plus(period.from, Math.floor(span / 2));
      return [
        ...(await this.during(source, { from: period.from, to: middle }, currency)),
        ...(await this.during(source, { from: middle, to: period.to }, currency)),
      ];
    }
  }

  private async post<T>(url: string, which: object): Promise<T> {
    return (await this.client.post<T>(url, which)) ?? fail('unavailable');
  }
}

function keyOf({ name }: Source, currency: string, { from, to }: Period): string {
  return `${name} ${currency} ${from?.getTime() ?? ''} ${to.getTime()}`;
}

function idsOf(cycles: readonly Cycle[]): string[] {
  return cycles.map(({ id }) => id);
}

function figureText({ id, count, amountMicro }: Figure): string {
  return `${id} ${count} ${amountMicro}`;
}

function* chunks(postings: readonly PostingKey[]): Generator<PostingKey[]> {
  for (let at = 0; at < postings.length; at += MOST_POSTINGS) yield postings.slice(at, at + MOST_POSTINGS);
}
