import { createHash } from 'node:crypto';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { CONFIG, OperatorAudit } from '#libs/http';
import { addDays, AllianceClock, dayKey, groupBy } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { isSealed } from '../cycles/cycle.js';
import type { Cycle, CycleSeal } from '../cycles/cycle.js';
import { CyclesService } from '../cycles/cycles.service.js';
import { SettledService } from '../cycles/settled.service.js';
import { ReaderIdsService } from '../ids/reader-ids.service.js';
import { LinesService } from '../lines/lines.service.js';
import type { Party } from '../parties/party.js';
import type { SettlementConfig } from '../settlement.config.js';
import type { FiledLine } from '../entries/line.js';
import { totalReaders } from '../entries/reading.js';
import type { Difference } from '../verification/verification.js';
import { dayDocument, DayTotals, totalKey } from './day-total.js';
import type { DayLines, DayTotal } from './day-total.js';
import { DaysRepository } from './days.repository.js';
import { NO_LINES, withDay } from './lines-root.js';

export interface DayRead extends DayLines {
  readonly totals: readonly DayTotal[];
  /** Ids of lines that no longer match their digest. */
  readonly changed: readonly string[];
}

const CHANGED = 'does not have the lines that were written or that it was closed with';

/** How long a sweep waits for earlier commits. */
const PATIENCE_MS = 3_000;

/**
 * Days of lines. A day is closed when it is over and all of its events have arrived; from then on it is shown as totals with
 * roots.
 */
@Injectable()
export class DaysService {
  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly cycles: CyclesService,
    private readonly settled: SettledService,
    private readonly ids: ReaderIdsService,
    private readonly lines: LinesService,
    private readonly days: DaysRepository,
    private readonly audit: OperatorAudit,
  ) {}

  /** Closes the days that are over and stores their totals. Later arrivals belong to the first open day. */
  async close(): Promise<void> {
    const { zone } = this.config;
    const yesterday = dayKey(addDays(this.clock.now(), -1, zone), zone);
    const all = { brand: '*' };
    const open = await runInTransaction(this.dataSource, all, (tx) => this.days.anyOpen(tx, yesterday));
    if (open && (await this.settled.reached(PATIENCE_MS))) {
      await runInTransaction(this.dataSource, all, (tx) => this.cycles.closeDays(tx, yesterday));
    }
    // closed days take no line, so nothing waits for their sums
    for (const { cycle, day } of await runInTransaction(this.dataSource, all, (tx) => this.days.unsealed(tx))) {
      await runInTransaction(this.dataSource, all, async (tx) => {
        const read = await this.read(tx, cycle, day);
        // totals of an edited line must not be stored as the published ones
        if (read.changed.length === 0) await this.keep(tx, cycle, day, read);
      });
    }
  }

  after(tx: EntityManager, cycle: string, day: string | null): Promise<string | null> {
    return this.days.after(tx, cycle, day);
  }

  /** Days of a cycle that are closed with stored totals. */
  async closed(tx: EntityManager, cycle: string): Promise<string[]> {
    return (await this.days.sealed(tx, cycle)).map(({ day }) => day);
  }

  async read(tx: EntityManager, cycle: string, day: string): Promise<DayRead> {
    const totals = new DayTotals((of, id) => this.ids.salt(of, id));
    const digests = createHash('sha256');
    const changed: string[] = [];
    let legs = 0n;
    for await (const stored of this.lines.all(tx, cycle, day)) {
      for (const one of stored) {
        digests.update(one.digest);
        if (!this.ids.fits(one)) changed.push(one.line.id);
        totals.add(one.line);
      }
      legs += BigInt(stored.length);
      // a day of many lines must not delay other calls
      await yieldToOthers();
    }
    return { legs, linesDigest: digests.digest('hex'), totals: totals.end(), changed };
  }

  /** The number of lines of a cycle, and the root over digests of what they say now, of which the database makes one a day. */
  async root(tx: EntityManager, cycle: string): Promise<Pick<CycleSeal, 'lineCount' | 'linesRoot'>> {
    const days = await this.days.digests(tx, cycle);
    return {
      lineCount: days.reduce((sum, { legs }) => sum + legs, 0n),
      linesRoot: days.reduce((root, { day, digest }) => withDay(root, day, digest), NO_LINES),
    };
  }

  /**
   * Stores the totals of a day that has none yet and takes no more lines, and puts them and its lines on the operator's record, in a
   * transaction that ends soon.
   */
  async keep(tx: EntityManager, cycle: string, day: string, read: DayRead): Promise<void> {
    if (!(await this.days.seal(tx, cycle, day, read.legs))) return;
    await this.days.insert(tx, cycle, read.totals);
    await this.audit.note(tx, pathOf(cycle, day), dayDocument(read, read.totals));
  }

  /** Days of a cycle with lines that say now what they were not written with, or what their day was not closed with. */
  async changed(tx: EntityManager, cycle: string): Promise<Difference<'day'>[]> {
    const kept = await this.kept(tx, cycle);
    const totals = groupBy(kept.totals, ({ day }) => day);
    const lines = new Map((await this.days.digests(tx, cycle)).map((read) => [read.day, read]));
    const days: string[] = [];
    for (const [day, { asWritten }] of lines) if (!asWritten) days.push(day);
    for (const [day, legs] of kept.days) {
      const found = { legs, linesDigest: lines.get(day)?.digest ?? '' };
      if (!days.includes(day) && !(await this.keptAs(tx, cycle, day, found, totals.get(day) ?? []))) days.push(day);
    }
    return days.sort().map((day) => ({ kind: 'day', id: `${day} of ${cycle}`, detail: CHANGED }));
  }

  /** Whether a day was closed with these lines and totals: what the operator's record has of it first. */
  keptAs(
    tx: EntityManager,
    cycle: string,
    day: string,
    lines: DayLines,
    totals: readonly DayTotal[],
  ): Promise<boolean> {
    return this.audit.noted(tx, pathOf(cycle, day), dayDocument(lines, totals));
  }

  /**
   * The day that is not over. Until the freeze, a party's totals end before it; otherwise the party would see each purchase as it is
   * made.
   */
  today(): string {
    return dayKey(this.clock.now(), this.config.zone);
  }

  /** A party's totals of a cycle: as stored for closed days, as computed so far for days that are over but not closed. */
  async ofReader(tx: EntityManager, cycle: Pick<Cycle, 'id' | 'status'>, reader: Party): Promise<DayTotal[]> {
    const kept = await this.days.totals(tx, cycle.id, reader);
    if (isSealed(cycle.status)) return kept;
    // days are sealed in their order
    const sealed = (await this.days.sealed(tx, cycle.id)).at(-1)?.day ?? null;
    const open = new DayTotals((of, id) => this.ids.salt(of, id), reader);
    const days = { after: sealed, before: this.today() };
    for await (const lines of this.lines.concerning(tx, cycle.id, reader, days)) {
      lines.forEach((line) => open.add(line));
    }
    return [...kept, ...open.end()];
  }

  closedOf(tx: EntityManager, cycle: string, reader: Party): Promise<DayTotal[]> {
    return this.days.totals(tx, cycle, reader);
  }

  /** The lines behind a total of a closed day. */
  async legsOf(tx: EntityManager, cycle: string, total: DayTotal): Promise<FiledLine[]> {
    const legs: FiledLine[] = [];
    for await (const stored of this.lines.all(tx, cycle, total.day)) {
      for (const { line } of stored) {
        const read = totalReaders(line, line.reader).includes(total.reader);
        if (read && totalKey(line) === totalKey(total)) legs.push(line);
      }
    }
    return legs;
  }

  /** Stored results of a cycle or of one of its days: the number of lines by day, and the totals. */
  async kept(
    tx: EntityManager,
    cycle: string,
    day: string | null = null,
  ): Promise<{ days: Map<string, bigint>; totals: DayTotal[] }> {
    const sealed = await this.days.sealed(tx, cycle, day);
    return {
      days: new Map(sealed.map((seal) => [seal.day, seal.legs])),
      totals: await this.days.totals(tx, cycle, null, day),
    };
  }
}

/** Where the operator's record has a day. */
function pathOf(cycle: string, day: string): string {
  return `/v1/operator/cycles/${cycle}/days/${day}`;
}
