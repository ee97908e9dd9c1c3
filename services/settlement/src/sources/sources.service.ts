import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { CONFIG, NetworkProbe } from '#libs/http';
import type { ParkedEvent } from '#libs/http';
import { addDays, AllianceClock, dayKey, DomainError, fail, monotonicMs, monthBounds } from '#libs/kernel';
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
import type { Period, PostingKey, SourceName } from './sources.repository.js';
import { pricedOf, spendingFigure } from './spending.js';
import type { SpentPoints } from './spending.js';
import { Sums } from './sums.js';
import type { Differing, Figure } from './sums.js';

/** A cycle with up to this many lines is queried in one request, a larger one day by day. */
const FEW_LINES = 5_000;
/** The most postings in one request. */
const MOST_POSTINGS = 500;
/** The largest difference between clocks: a posting right after a cut-off may have arrived here before it. */
const SKEW_MS = 60_000;
/** The longest delay between the time of a posting and its commit. */
const COMMIT_MS = 5_000;
/** How long a comparison waits for earlier commits. */
const PATIENCE_MS = 5_000;

/** A request slower than this is split in halves, down to an hour. */
const SLOW_MS = 1_500;
const HOUR_MS = 3_600_000;

const plus = (at: Date, ms: number): Date => new Date(at.getTime() + ms);
const earlier = (a: Date, b: Date): Date => (a < b ? a : b);

/** A service whose postings make lines, and how to query it. */
interface Source {
  readonly name: SourceName;
  /** What its figures count. */
  readonly counted: string;
  /** Consumers of this service that make lines of its postings. */
  readonly consumers: readonly string[];
  lines(tx: EntityManager, cycle: string, moving: Period): Promise<Figure[]>;
  ask(which: Which, currency: string): Promise<Figure[]>;
}

/** Selects postings by time, by id, or by both. */
interface Which extends Partial<Period> {
  readonly postings?: readonly PostingKey[];
}

/** The period to compare, and the period left out because its postings may be in transit. */
interface Times {
  readonly asked: Period;
  readonly moving: Period;
}

/** The figures of a cycle that belong to a source. */
interface Read {
  readonly source: Source;
  readonly ours: Sums;
  readonly outside: readonly PostingKey[];
  readonly leftOut: readonly PostingKey[];
}

/** Compares the lines of a cycle with the services that recorded their postings. */
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
    private readonly probe: NetworkProbe,
    private readonly repository: SourcesRepository,
  ) {
    this.sources = [
      {
        name: 'ledger',
        counted: 'points',
        consumers: ['settlement.ledger'],
        lines: async (...of) => (await repository.spending(...of)).map(spendingFigure),
        ask: async (which, currency) => {
          const { spent } = await this.post<{ spent: SpentPoints[] }>(`${config.ledgerUrl}/internal/v1/spent`, which);
          return spent.flatMap((row) => pricedOf(row, currency)).map(spendingFigure);
        },
      },
      {
        name: 'referrals',
        counted: 'lines',
        consumers: ['settlement.commissions', 'settlement.conversions'],
        lines: async (...of) => (await repository.earnings(...of)).map(earningFigure),
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
   * Lets a freeze continue if lines and sources agree.
   * @throws DomainError `cycle_unproven`, naming sums that differ, `cycle_not_settled` if no comparison is possible
   */
  async prove(id: string): Promise<void> {
    const faults = await this.differences(id);
    if (faults === null)
      fail('cycle_not_settled', { detail: 'The ledger or referrals does not answer, or is still sending.' });
    refuseFaults(faults);
  }

  /**
   * Sums of a cycle's lines that differ from the ledger's stamps or referrals' postings, once all earlier commits have arrived. A
   * difference caused by new arrivals changes at a second look; one caused by an edit does not. Null: not everything has arrived, or
   * a source did not answer.
   */
  async differences(id: string): Promise<Fault[] | null> {
    const first = await this.look(id);
    if (first === null || first.length === 0) return first;
    const second = await this.look(id);
    if (second === null) return null;
    const offs = new Map(first.map((fault) => [fault.id, fault.off]));
    return second.filter((fault) => offs.get(fault.id) === fault.off);
  }

  private async look(id: string): Promise<Differing[] | null> {
    const at = this.clock.now();
    if (!(await this.settled.reached(PATIENCE_MS))) return null;
    const cycle = await this.cycles.get(id);
    const times = this.timesOf(cycle, at);
    const aside = (await this.probe.parkedEvents('settlement')).filter(({ status }) => status === 'set_aside');
    // the later requests to sources hold no snapshot
    const { few, read } = await runAudit(this.dataSource, async (tx) => {
      const all: Read[] = [];
      for (const source of this.sources) all.push(await this.read(tx, source, cycle, times, aside));
      return { few: await this.repository.few(tx, id, FEW_LINES), read: all };
    });
    const periods = few ? [times.asked] : [...this.days(times.asked)];
    try {
      const found: Differing[] = [];
      for (const one of read) found.push(...(await this.compare(one, cycle.currency, times.asked, periods)));
      return found;
    } catch (error) {
      if (error instanceof DomainError) return null;
      throw error;
    }
  }

  private async read(
    tx: EntityManager,
    source: Source,
    cycle: Cycle,
    { asked, moving }: Times,
    aside: readonly ParkedEvent[],
  ): Promise<Read> {
    const ours = new Sums();
    for (const figure of await source.lines(tx, cycle.id, moving)) ours.add(figure);
    const outside = await this.repository.outside(tx, source.name, cycle.id, { from: asked.from, to: moving.to });
    return { source, ours, outside, leftOut: await this.leftOut(tx, source, cycle, asked, aside) };
  }

  /** Compares without postings that an operator set aside. Late postings count where they were filed. */
  private async compare(
    { source, ours, outside, leftOut }: Read,
    currency: string,
    asked: Period,
    periods: readonly Period[],
  ): Promise<Differing[]> {
    const theirs = new Sums();
    const add = (figures: readonly Figure[], factor = 1n): void => {
      for (const figure of figures) theirs.add(figure, factor);
    };
    for (const period of periods) add(await this.during(source, period, currency));
    for (const postings of chunks(outside)) add(await source.ask({ postings }, currency));
    for (const postings of chunks(leftOut)) add(await source.ask({ ...asked, postings }, currency), -1n);
    return ours.differences(theirs, source.counted);
  }

  /** Postings of a period that legitimately make no line of its cycle. */
  private async leftOut(
    tx: EntityManager,
    { name, consumers }: Source,
    cycle: Cycle,
    { from, to: end }: Period,
    aside: readonly ParkedEvent[],
  ): Promise<PostingKey[]> {
    // during a freeze, late postings go to the next cycle; otherwise only the previous cycle may hold postings of this one
    const to = cycle.status === 'freezing' ? end : earlier(end, plus(from, SKEW_MS));
    const elsewhere = await this.repository.elsewhere(tx, name, cycle, { from, to }, dayKey(from, this.config.zone));
    const own = aside.filter(({ consumer }) => consumers.includes(consumer));
    const all = [...elsewhere, ...own.map(({ key, eventId }) => ({ walletId: key, postingId: eventId }))];
    return [...new Map(all.map((one) => [one.postingId, one])).values()];
  }

  /** The periods of a comparison. An open cycle is compared up to a moment ago, because its traffic continues. */
  private timesOf(cycle: Cycle, at: Date): Times {
    const { from, to } = this.periodOf(cycle);
    if (cycle.status !== 'open' || this.clock.frozenAt !== null) {
      const end = earlier(to, addDays(at, 1, this.config.zone));
      return { asked: { from, to: end }, moving: { from: end, to: end } };
    }
    const moving = { from: earlier(to, plus(at, -COMMIT_MS)), to: earlier(to, plus(at, SKEW_MS)) };
    return { asked: { from, to: moving.from }, moving };
  }

  /** The period of a cycle. A cut-off within the month ends the cycle at that millisecond. */
  private periodOf({ month, from, to }: Cycle): Period {
    const bounds = monthBounds(month, this.config.zone);
    const inside = (at: Date, bound: Date): Date => (at.getTime() === bound.getTime() ? at : plus(at, 1));
    return { from: inside(from, bounds.from), to: inside(to, bounds.to) };
  }

  /** Splits a period into days. */
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
