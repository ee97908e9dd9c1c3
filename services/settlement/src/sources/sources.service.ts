import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { CONFIG } from '#libs/http';
import {
  addDays,
  AllianceClock,
  dayKey,
  DomainError,
  fail,
  formatInstant,
  monotonicMs,
  monthBounds,
} from '#libs/kernel';
import { runAudit } from '#libs/postgres';
import type { Cycle } from '../cycles/cycle.js';
import { CyclesService } from '../cycles/cycles.service.js';
import { SettledService } from '../cycles/settled.service.js';
import type { SettlementConfig } from '../settlement.config.js';
import { refuseFaults } from '../verification/verification.js';
import type { Fault } from '../verification/verification.js';
import { earningFigure, earningsOf } from './earnings.js';
import type { PostedEarnings } from './earnings.js';
import { SourcesRepository } from './sources.repository.js';
import type { LinesAsked, Period, PostingKey, SourceName } from './sources.repository.js';
import { pricedOf, spendingFigure } from './spending.js';
import type { SpentPoints } from './spending.js';
import { Sums } from './sums.js';
import type { Differing, Figure } from './sums.js';

/** A cycle of so many lines is asked about in one question, others day by day. */
const FEW_LINES = 5_000;
/** What one question may name. */
const MOST_POSTINGS = 500;
/** By so much clocks may differ: what is posted right after a cut-off may have come before it here. */
const SKEW_MS = 60_000;
/** By so much what is posted may be committed later. */
const COMMIT_MS = 5_000;
/** How long a comparison waits for what was committed before it. */
const PATIENCE_MS = 5_000;

/** A question that takes longer is asked in halves, down to an hour. */
const SLOW_MS = 1_500;
const HOUR_MS = 3_600_000;

const plus = (at: Date, ms: number): Date => new Date(at.getTime() + ms);
const earlier = (a: Date, b: Date): Date => (a < b ? a : b);

/** Whose postings make lines, and how they are asked for. */
interface Source {
  readonly name: SourceName;
  /** What its figures count. */
  readonly counted: string;
  /** Consumers here that make lines of them. */
  readonly consumers: readonly string[];
  lines(tx: EntityManager, asked: LinesAsked): Promise<Figure[]>;
  ask(which: Which, currency: string): Promise<Figure[]>;
}

/** Postings of a time, those that are named, or of those that are named the ones of a time. */
interface Which extends Partial<Period> {
  readonly postings?: readonly PostingKey[];
}

/** Postings that are asked for, and those that are not because they may be on their way. */
interface Times {
  readonly asked: Period;
  readonly moving: Period;
}

/** What lines hold of a source, and of which posting times. */
interface Read {
  readonly source: Source;
  readonly asked: Period;
  /** Whether one question is enough for all of it. */
  readonly few: boolean;
  readonly ours: Sums;
  readonly outside: readonly PostingKey[];
  readonly leftOut: readonly PostingKey[];
}

/** Holds the lines of a cycle against those who recorded what they are about. */
@Injectable()
export class SourcesService {
  private readonly sources: readonly Source[];

  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly client: InternalClient,
    private readonly clock: AllianceClock,
    private readonly cycles: CyclesService,
    private readonly settled: SettledService,
    private readonly repository: SourcesRepository,
  ) {
    this.sources = [
      {
        name: 'ledger',
        counted: 'points',
        consumers: ['settlement.ledger'],
        lines: async (...asked) => (await repository.spending(...asked)).map(spendingFigure),
        ask: async (which, currency) => {
          const { spent } = await this.post<{ spent: SpentPoints[] }>(`${config.ledgerUrl}/internal/v1/spent`, which);
          return spent.flatMap((row) => pricedOf(row, currency)).map(spendingFigure);
        },
      },
      {
        name: 'referrals',
        counted: 'lines',
        consumers: ['settlement.commissions', 'settlement.conversions'],
        lines: async (...asked) => (await repository.earnings(...asked)).map(earningFigure),
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
   * Lets a freeze go on where lines and sources agree.
   * @throws DomainError `cycle_unproven`, naming sums that differ, `cycle_not_settled` when nothing can be said
   */
  async prove(id: string): Promise<void> {
    const faults = await this.differences(id, this.config.freezeWaitMs);
    if (faults === null)
      fail('cycle_not_settled', {
        detail:
          'The ledger or referrals does not answer or is still sending, or an event of theirs waits for the operator.',
      });
    refuseFaults(faults);
  }

  /**
   * Sums of the lines of a cycle that are not what the ledger stamped or referrals posted, once all that was committed before has arrived. What comes
   * while they are read differs by something else at a second look, and an edit does not. Null: not everything has arrived, or somebody gave
   * no answer.
   */
  async differences(id: string, patienceMs = PATIENCE_MS): Promise<Fault[] | null> {
    const first = await this.look(id, patienceMs);
    if (first === null || first.length === 0) return first;
    const second = await this.look(id, patienceMs);
    if (second === null) return null;
    const offs = new Map(first.map((fault) => [fault.id, fault.off]));
    return second.filter((fault) => offs.get(fault.id) === fault.off);
  }

  private async look(id: string, patienceMs: number): Promise<Differing[] | null> {
    const at = this.clock.now();
    if (!(await this.settled.reached(patienceMs))) return null;
    const cycle = await this.cycles.get(id);
    const others = (await this.cycles.list()).filter(({ currency }) => currency === cycle.currency);
    const past = others.filter(({ from }) => from < cycle.from).sort((a, b) => b.from.getTime() - a.from.getTime());
    const [before, beforeThat = before] = past;
    // right after a cut-off the cycle that it ended may have taken what belongs to the next one
    const holding = others
      .filter(({ from }) => beforeThat !== undefined && from >= beforeThat.from)
      .map((one) => one.id);
    const times = this.timesOf(cycle, at);
    // what the sources are asked for afterwards holds no snapshot
    const seen = await runAudit(this.dataSource, async (tx) => {
      const read: Read[] = [];
      for (const source of this.sources) {
        if (await this.repository.waits(tx, source.consumers)) return null;
        const aside = await this.repository.setAside(tx, source.consumers);
        read.push(await this.read(tx, source, cycle, times, aside));
        if (before !== undefined) read.push(await this.readBefore(tx, source, before, holding, times, aside));
      }
      return read;
    });
    if (seen === null) return null;
    try {
      const found = before === undefined ? [] : this.gapAfter(before, cycle);
      for (const one of seen) found.push(...(await this.compare(one, cycle.currency)));
      return found;
    } catch (error) {
      if (error instanceof DomainError) return null;
      throw error;
    }
  }

  /** A cycle begins where the one before ended, or with its month. */
  private gapAfter(before: Cycle, { month, from }: Cycle): Differing[] {
    if (from <= before.to || from.getTime() === monthBounds(month, this.config.zone).from.getTime()) return [];
    const [is, should] = [from, before.to].map(formatInstant);
    return [{ kind: 'source', id: 'beginning', detail: `from is ${is}, should be ${should}`, off: `${is}` }];
  }

  /** What the cycle before had coming: its own lines, and those that came too late for it and lie in later cycles. */
  private async readBefore(
    tx: EntityManager,
    source: Source,
    before: Cycle,
    cycles: readonly string[],
    times: Times,
    aside: readonly PostingKey[],
  ): Promise<Read> {
    const { from, to } = this.periodOf(before);
    const during = { from, to: earlier(to, times.moving.from) };
    const ours = new Sums(`posted in ${before.id}: `);
    const moving = { from: during.to, to: during.to };
    for (const figure of await source.lines(tx, { cycles, during, moving })) ours.add(figure);
    const few = await this.repository.few(tx, before.id, FEW_LINES);
    return { source, asked: during, few, ours, outside: [], leftOut: aside };
  }

  private async read(
    tx: EntityManager,
    source: Source,
    cycle: Cycle,
    { asked, moving }: Times,
    aside: readonly PostingKey[],
  ): Promise<Read> {
    const ours = new Sums();
    for (const figure of await source.lines(tx, { cycles: [cycle.id], moving })) ours.add(figure);
    const outside = await this.repository.outside(tx, source.name, cycle.id, { from: asked.from, to: moving.to });
    const few = await this.repository.few(tx, cycle.id, FEW_LINES);
    return { source, asked, few, ours, outside, leftOut: await this.leftOut(tx, source, cycle, asked, aside) };
  }

  /** What an operator set aside is left out, and what came too late counts where it was filed. */
  private async compare({ source, asked, few, ours, outside, leftOut }: Read, currency: string): Promise<Differing[]> {
    const theirs = new Sums();
    const add = (figures: readonly Figure[], factor = 1n): void => {
      for (const figure of figures) theirs.add(figure, factor);
    };
    for (const period of few ? [asked] : this.days(asked)) add(await this.during(source, period, currency));
    for (const postings of chunks(outside)) add(await source.ask({ postings }, currency));
    for (const postings of chunks(leftOut)) add(await source.ask({ ...asked, postings }, currency), -1n);
    return ours.differences(theirs, source.counted);
  }

  /** Postings of a period that make no line of its cycle, and need not. */
  private async leftOut(
    tx: EntityManager,
    source: Source,
    cycle: Cycle,
    { from, to: end }: Period,
    aside: readonly PostingKey[],
  ): Promise<PostingKey[]> {
    const firstDay = dayKey(from, this.config.zone);
    const first = { from, to: earlier(end, plus(from, SKEW_MS)) };
    // the cycle before may have what is its own; while it is being frozen what comes late goes to the next
    const elsewhere = await this.repository.elsewhere(tx, source.name, cycle, 'earlier', first, firstDay);
    if (cycle.status === 'freezing')
      elsewhere.push(
        ...(await this.repository.elsewhere(tx, source.name, cycle, 'later', { from, to: end }, firstDay)),
      );
    const all = [...elsewhere, ...aside];
    return [...new Map(all.map((one) => [one.postingId, one])).values()];
  }

  /** An open cycle is compared up to a moment ago, so that traffic may go on. */
  private timesOf(cycle: Cycle, at: Date): Times {
    const { from, to } = this.periodOf(cycle);
    if (cycle.status !== 'open' || this.clock.frozenAt !== null) {
      const end = earlier(to, addDays(at, 1, this.config.zone));
      return { asked: { from, to: end }, moving: { from: end, to: end } };
    }
    const moving = { from: earlier(to, plus(at, -COMMIT_MS)), to: earlier(to, plus(at, SKEW_MS)) };
    return { asked: { from, to: moving.from }, moving };
  }

  /** A cut-off within the month belongs to the cycle that it ends, to the millisecond. */
  private periodOf({ month, from, to }: Cycle): Period {
    const bounds = monthBounds(month, this.config.zone);
    const inside = (at: Date, bound: Date): Date => (at.getTime() === bound.getTime() ? at : plus(at, 1));
    return { from: inside(from, bounds.from), to: inside(to, bounds.to) };
  }

  /** The days of a period. */
  private *days({ from, to }: Period): Generator<Period> {
    for (let at = from; at < to;) {
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
      const span = period.to.getTime() - period.from.getTime();
      if (monotonicMs() - started < SLOW_MS || span <= HOUR_MS) throw error;
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

function* chunks(postings: readonly PostingKey[]): Generator<PostingKey[]> {
  for (let at = 0; at < postings.length; at += MOST_POSTINGS) yield postings.slice(at, at + MOST_POSTINGS);
}
