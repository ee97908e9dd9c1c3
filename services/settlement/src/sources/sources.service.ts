import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { CONFIG, NetworkProbe } from '#libs/http';
import { addDays, AllianceClock, dayKey, fail, monotonicMs, monthBounds } from '#libs/kernel';
import type { Cycle } from '../cycles/cycle.js';
import { CyclesService } from '../cycles/cycles.service.js';
import type { SettlementConfig } from '../settlement.config.js';
import { differences, refuseFaults } from '../verification/verification.js';
import type { Difference } from '../verification/verification.js';
import { SourcesRepository } from './sources.repository.js';
import type { Period, PostingKey } from './sources.repository.js';
import { pricedOf, Sums } from './spending.js';
import type { SpentPoints } from './spending.js';

/** What one question may name. */
const MOST_POSTINGS = 500;
/** By so much clocks may differ: what is posted right after a cut-off may have come before it here. */
const SKEW_MS = 60_000;

/** A question that takes longer is asked in halves, down to an hour. */
const SLOW_MS = 1_500;
const HOUR_MS = 3_600_000;

const plus = (at: Date, ms: number): Date => new Date(at.getTime() + ms);

/** Holds the lines of a cycle against those who recorded what they are about. */
@Injectable()
export class SourcesService {
  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly client: InternalClient,
    private readonly clock: AllianceClock,
    private readonly cycles: CyclesService,
    @Inject(NetworkProbe) private readonly probe: NetworkProbe,
    private readonly repository: SourcesRepository,
  ) {}

  /**
   * Lets a freeze go on where lines and sources agree.
   * @throws DomainError `cycle_unproven`, naming sums that differ, `cycle_not_settled` when a source does not answer
   */
  async prove(tx: EntityManager, id: string): Promise<void> {
    const cycle = await this.cycles.find(tx, id);
    const faults = await this.spending(tx, cycle);
    if (faults === null) fail('cycle_not_settled', { detail: 'The ledger does not answer.' });
    refuseFaults(faults);
  }

  /**
   * Points spent and given back in a cycle, at their prices, that are not what the ledger stamped. What an operator set aside is left out, and
   * what came too late counts where it was filed. Only once everything has arrived it means anything. Null: the ledger gave no answer.
   */
  async spending(tx: EntityManager, cycle: Cycle): Promise<Difference[] | null> {
    const period = this.periodOf(cycle);
    const ours = new Sums();
    for (const priced of await this.repository.spending(tx, cycle.id)) ours.add(priced);
    const theirs = new Sums();
    const add = (spent: readonly SpentPoints[], factor: bigint): void => {
      for (const row of spent) for (const priced of pricedOf(row, cycle.currency)) theirs.add(priced, factor);
    };
    try {
      for (const day of this.days(period)) add(await this.spent(day), 1n);
      for (const postings of chunks(await this.repository.outside(tx, cycle.id, period))) {
        add(await this.ask({ postings }), 1n);
      }
      for (const postings of chunks(await this.leftOut(tx, cycle, period)))
        add(await this.ask({ ...period, postings }), -1n);
    } catch {
      return null;
    }
    const ids = [...new Set([...theirs.ids(), ...ours.ids()])].sort();
    return differences(cycle.id, ours.rows(ids), theirs.rows(ids));
  }

  /** Postings of a period that make no line of its cycle, and need not. */
  private async leftOut(tx: EntityManager, cycle: Cycle, period: Period): Promise<PostingKey[]> {
    // while it is being frozen what comes late goes to the next; else only the one before may have what is its own
    const to = cycle.status === 'freezing' ? period.to : plus(period.from, SKEW_MS);
    const elsewhere = await this.repository.elsewhere(
      tx,
      cycle,
      { from: period.from, to },
      dayKey(period.from, this.config.zone),
    );
    const aside = (await this.probe.parkedEvents('settlement')).filter(
      ({ status, consumer }) => status === 'set_aside' && consumer === 'settlement.ledger',
    );
    const all = [...elsewhere, ...aside.map(({ key, eventId }) => ({ walletId: key, postingId: eventId }))];
    return [...new Map(all.map((one) => [one.postingId, one])).values()];
  }

  /** A cut-off within the month belongs to the cycle that it ends, to the millisecond. */
  private periodOf({ month, from, to }: Cycle): Period {
    const bounds = monthBounds(month, this.config.zone);
    const inside = (at: Date, bound: Date): Date => (at.getTime() === bound.getTime() ? at : plus(at, 1));
    return { from: inside(from, bounds.from), to: inside(to, bounds.to) };
  }

  /** The days of a period that have begun: no question reads more of the ledger than one. */
  private *days({ from, to }: Period): Generator<Period> {
    const { zone } = this.config;
    const end = Math.min(to.getTime(), addDays(this.clock.now(), 1, zone).getTime());
    for (let at = from; at.getTime() < end;) {
      const next = new Date(Math.min(addDays(at, 1, zone).getTime(), end));
      yield { from: at, to: next };
      at = next;
    }
  }

  private async spent(period: Period): Promise<SpentPoints[]> {
    const started = monotonicMs();
    try {
      return await this.ask({ ...period });
    } catch (error) {
      const span = period.to.getTime() - period.from.getTime();
      if (monotonicMs() - started < SLOW_MS || span <= HOUR_MS) throw error;
      const middle = plus(period.from, Math.floor(span / 2));
      return [
        ...(await this.spent({ from: period.from, to: middle })),
        ...(await this.spent({ from: middle, to: period.to })),
      ];
    }
  }

  private async ask(which: Partial<Period> & { postings?: readonly PostingKey[] }): Promise<SpentPoints[]> {
    const answer = await this.client.post<{ spent: SpentPoints[] }>(
      `${this.config.ledgerUrl}/internal/v1/spent`,
      which,
    );
    return answer?.spent ?? fail('unavailable');
  }
}

function* chunks(postings: readonly PostingKey[]): Generator<PostingKey[]> {
  for (let at = 0; at < postings.length; at += MOST_POSTINGS) yield postings.slice(at, at + MOST_POSTINGS);
}
