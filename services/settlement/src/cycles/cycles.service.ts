import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { CycleChangedSchema, TOPICS } from '#libs/contracts';
import { CONFIG, OperatorAudit } from '#libs/http';
import { AllianceClock, dayKey, fail, formatInstant, monthBounds, monthKey } from '#libs/kernel';
import { Outbox } from '#libs/messaging';
import { runInTransaction } from '#libs/postgres';
import type { SettlementConfig } from '../settlement.config.js';
import { cycleFaults, cycleId, dayAfter, monthAfter, nextStatus, SKEW_MS, takes, targetMonth } from './cycle.js';
import type { Cycle, CycleFault, CycleMove, CycleSeal, CycleStatus, CycleStep, RecordedStep } from './cycle.js';
import { CyclesRepository } from './cycles.repository.js';
import type { Freeze } from './freeze.js';
import { FreezesRepository } from './freezes.repository.js';

/** The fields that decide a line's cycle. */
export interface Dated {
  readonly postedAt: Date;
  readonly currency: string;
}

export interface Place {
  readonly cycle: string;
  readonly day: string;
}

const keyOf = (month: string, currency: string): string => `${month}|${currency}`;

/** Cycles: their list, the cycle of a line, and their moves. */
@Injectable()
export class CyclesService {
  private readonly zone: string;
  private readonly currency: string;

  constructor(
    @Inject(CONFIG) config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly cycles: CyclesRepository,
    private readonly outbox: Outbox,
    private readonly audit: OperatorAudit,
    private readonly freezes: FreezesRepository,
  ) {
    this.zone = config.zone;
    this.currency = config.allianceCurrency;
  }

  /** All cycles by time, including the one that a posting made now would enter, even if it has no line yet. */
  async list(): Promise<Cycle[]> {
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.listIn(tx));
  }

  /** The same, as a transaction sees them. */
  async listIn(tx: EntityManager): Promise<Cycle[]> {
    return this.withCurrent(await this.cycles.list(tx));
  }

  /** @throws DomainError `not_found` */
  async get(id: string): Promise<Cycle> {
    return (await this.list()).find((cycle) => cycle.id === id) ?? fail('not_found');
  }

  /** A stored cycle as this transaction sees it. @throws DomainError `not_found` */
  async find(tx: EntityManager, id: string): Promise<Cycle> {
    return (await this.cycles.list(tx)).find((cycle) => cycle.id === id) ?? fail('not_found');
  }

  /**
   * Places of lines that all fall into the cycles of their own months; null if any does not. Keeps those cycles and their days open.
   */
  async placeRegular(tx: EntityManager, lines: readonly Dated[]): Promise<Place[] | null> {
    const months = lines.map((line) => monthKey(line.postedAt, this.zone));
    // only these, so that a cycle being frozen delays only its own late lines
    const taking = indexed(await this.cycles.holdTaking(tx, [...new Set(months)]));
    const places: Place[] = [];
    for (const [i, line] of lines.entries()) {
      const cycle = taking.get(keyOf(months[i] ?? '', line.currency));
      if (cycle === undefined || !takes(cycle, line.postedAt)) return null;
      places.push(this.placeIn(cycle, line));
    }
    return places;
  }

  /** Places of lines. Creates missing cycles and skips those that take no more lines. */
  async place(tx: EntityManager, lines: readonly Dated[]): Promise<Place[]> {
    await this.cycles.holdTaking(tx, null);
    const known = indexed(await this.cycles.list(tx));
    const places: Place[] = [];
    for (const line of lines) {
      const month = targetMonth(line.postedAt, this.zone, (m) => known.get(keyOf(m, line.currency)));
      const key = keyOf(month, line.currency);
      const cycle = known.get(key) ?? (await this.open(tx, this.newCycle(month, line.currency, [...known.values()])));
      known.set(key, cycle);
      places.push(this.placeIn(cycle, line));
    }
    return places;
  }

  /** Closes days. From the commit on, their lines go to the first open day. */
  closeDays(tx: EntityManager, through: string): Promise<void> {
    return this.cycles.closeDays(tx, through);
  }

  private placeIn({ id, closedThrough }: Cycle, { postedAt }: Dated): Place {
    const day = dayKey(postedAt, this.zone);
    if (closedThrough === null || day > closedThrough) return { cycle: id, day };
    return { cycle: id, day: dayAfter(closedThrough) };
  }

  seal(tx: EntityManager, id: string): Promise<CycleSeal | null> {
    return this.cycles.seal(tx, id);
  }

  /** Locks a cycle for a step. @throws DomainError `not_found`, `cycle_state` */
  async take(tx: EntityManager, id: string, step: CycleMove): Promise<Cycle> {
    let cycle = await this.cycles.lock(tx, id);
    if (cycle === null) {
      // a month without lines can be settled too
      const current = this.withCurrent(await this.cycles.list(tx)).find((other) => other.id === id);
      if (current === undefined) return fail('not_found');
      await this.open(tx, current);
      cycle = await this.cycles.lock(tx, id);
    }
    if (cycle === null) return fail('not_found');
    // an early cut-off starts the next month's cycle, which cannot be cut off before its own month
    if (step === 'cut-off' && monthBounds(cycle.month, this.zone).from > this.clock.now()) {
      return fail('cycle_state', { detail: 'The month of the cycle has not started.' });
    }
    nextStatus(cycle, step);
    if (step === 'cut-off') await this.refuseAhead(tx, cycle);
    return cycle;
  }

  /** A cut-off before lines that are there would leave them in the wrong cycle. */
  private async refuseAhead(tx: EntityManager, { id }: Cycle): Promise<void> {
    const now = this.clock.now();
    const limit = new Date(now.getTime() + SKEW_MS);
    const last = await this.cycles.lastAfter(tx, id, limit, dayKey(now, this.zone));
    if (last === null) return;
    const [posted, here] = [last, now].map(formatInstant);
    fail('cycle_state', {
      detail: `The cycle has a line posted at ${posted}, and it is ${here} here. Set the clocks right and repeat the call.`,
    });
  }

  /**
   * Whether this call has already made a step and its answer was lost.
   * @throws DomainError `idempotency_conflict` if its key made another step
   */
  async made(
    tx: EntityManager,
    id: string,
    step: CycleStep,
    caller: string,
    key: string | undefined,
  ): Promise<boolean> {
    if (key === undefined) return false;
    const found = await this.cycles.stepOf(tx, caller, key);
    if (found === null) return false;
    if (found.cycle !== id || found.step !== step) fail('idempotency_conflict');
    return true;
  }

  /** Records a step and its caller, also in the operator's record. */
  async sign(
    tx: EntityManager,
    id: string,
    step: CycleStep,
    caller: string,
    key: string | undefined,
    at: Date,
  ): Promise<void> {
    await this.cycles.addStep(tx, id, step, caller, key ?? null, at);
    await this.audit.note(tx, pathOf(id, step), stepDocument({ at, caller }));
  }

  /**
   * What a cycle says of itself that does not follow from its steps and the cycle before, and steps that the operator's record does not have.
   * @param all the cycles of its currency
   */
  async faults(tx: EntityManager, cycle: Cycle, all: readonly Cycle[]): Promise<CycleFault[]> {
    const steps = await this.cycles.steps(tx, cycle.id);
    const faults = cycleFaults(cycle, all, this.zone, steps);
    for (const made of steps) {
      if (await this.audit.noted(tx, pathOf(cycle.id, made.step), stepDocument(made))) continue;
      const detail = `${made.step} at ${made.at.toISOString()} by ${made.caller} is not on record`;
      faults.push({ kind: 'cycle', id: cycle.id, detail });
    }
    return faults;
  }

  /** Whether the freeze of a cycle put this seal on the operator's record. */
  sealedAs(tx: EntityManager, id: string, seal: CycleSeal): Promise<boolean> {
    return this.audit.noted(tx, pathOf(id, 'seal'), sealDocument(seal));
  }

  freezeOf(tx: EntityManager, id: string): Promise<Freeze | null> {
    return this.freezes.find(tx, id);
  }

  /** Moves a cycle without an event, to a state between two published states. */
  async move(tx: EntityManager, cycle: Cycle, step: CycleMove): Promise<void> {
    await this.cycles.advance(tx, cycle.id, nextStatus(cycle, step), this.clock.now(), cycle.to, null);
  }

  /**
   * Moves a cycle and publishes the event. A cut-off before the end of the month ends the cycle at that instant; later postings
   * enter the next cycle.
   */
  async advance(
    tx: EntityManager,
    cycle: Cycle,
    step: CycleMove,
    positions: readonly { party: string; net: bigint }[],
    { seal = null, now = this.clock.now() }: { seal?: CycleSeal | null; now?: Date } = {},
  ): Promise<void> {
    const status = nextStatus(cycle, step);
    const early = now.getTime() < cycle.to.getTime();
    await this.cycles.advance(tx, cycle.id, status, now, early ? now : cycle.to, seal);
    if (status === 'cut_off' && early) {
      await this.cycles.beginEarlier(tx, monthAfter(cycle.month, this.zone), cycle.currency, now);
    }
    await this.announce(tx, cycle, status, positions);
    if (seal !== null) await this.audit.note(tx, pathOf(cycle.id, 'seal'), sealDocument(seal));
  }

  private async announce(
    tx: EntityManager,
    cycle: Cycle,
    status: CycleStatus,
    positions: readonly { party: string; net: bigint }[],
  ): Promise<void> {
    await this.outbox.add(tx, {
      topic: TOPICS.cycles,
      key: cycle.id,
      schema: CycleChangedSchema,
      body: {
        cycle: cycle.id,
        status,
        currency: cycle.currency,
        changedAt: timestampFromDate(this.clock.now()),
        positions: positions.map(({ party, net }) => ({ party, net: net.toString() })),
      },
    });
  }

  private async open(tx: EntityManager, cycle: Cycle): Promise<Cycle> {
    if (await this.cycles.create(tx, cycle)) {
      await this.announce(tx, cycle, 'open', []);
      return cycle;
    }
    // another call has just created it and may have moved it on
    const held = (await this.cycles.holdTaking(tx, null)).find((other) => other.id === cycle.id);
    return held ?? fail('unavailable', { detail: `Cycle ${cycle.id} changed meanwhile.` });
  }

  private withCurrent(known: readonly Cycle[]): Cycle[] {
    const byKey = indexed(known);
    const month = targetMonth(this.clock.now(), this.zone, (m) => byKey.get(keyOf(m, this.currency)));
    if (byKey.has(keyOf(month, this.currency))) return [...known];
    return [...known, this.newCycle(month, this.currency, known)].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  private newCycle(month: string, currency: string, known: readonly Cycle[]): Cycle {
    const { from, to } = monthBounds(month, this.zone);
    const before = known.find((c) => c.currency === currency && monthAfter(c.month, this.zone) === month);
    const cutEarly = before !== undefined && before.to.getTime() < from.getTime();
    return {
      id: cycleId(month, currency, this.currency),
      month,
      currency,
      status: 'open',
      from: cutEarly ? before.to : from,
      to,
      cutOffAt: null,
      closedThrough: null,
    };
  }
}

function pathOf(id: string, step: CycleMove): string {
  return `/v1/operator/cycles/${id}/${step}`;
}

function stepDocument({ at, caller }: Pick<RecordedStep, 'at' | 'caller'>): object {
  return { at: at.toISOString(), caller };
}

function sealDocument({ lineCount, ...roots }: CycleSeal): object {
  return { lineCount: lineCount.toString(), ...roots };
}

function indexed(cycles: readonly Cycle[]): Map<string, Cycle> {
  return new Map(cycles.map((cycle) => [keyOf(cycle.month, cycle.currency), cycle]));
}
