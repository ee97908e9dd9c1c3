import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { CONFIG } from '#libs/http';
import { addDays, AllianceClock, dayKey, sumToJson } from '#libs/kernel';
import { isConnectionLoss, isTransient, runInTransaction } from '#libs/postgres';
import type { ReferralsConfig } from '../referrals.config.js';
import { keyOf, totalsOf } from './day.js';
import type { DayLeg } from './day.js';
import { DaysRepository } from './days.repository.js';
import type { Reader } from './days.repository.js';
import type { DayTotal } from './days.tables.js';
import { LegSaltsService } from './leg-salts.service.js';
import type { CommissionDayView, CommissionDaysView } from '../commissions/commissions.answers.js';

/** Days of commissions. A day is closed when it is over; the root over its legs is then stored permanently. */
@Injectable()
export class DaysService {
  private readonly log = new Logger(DaysService.name);

  constructor(
    @Inject(CONFIG) private readonly config: ReferralsConfig,
    private readonly dataSource: DataSource,
    private readonly repository: DaysRepository,
    private readonly clock: AllianceClock,
    private readonly salts: LegSaltsService,
  ) {}

  /**
   * Closes the days that are over, then stores their roots. Recording of legs continues meanwhile, on the first open day. A day
   * whose roots cannot be stored is set aside for `retry` and does not delay the others.
   */
  async close(): Promise<void> {
    const { zone } = this.config;
    const yesterday = dayKey(addDays(this.clock.now(), -1, zone), zone);
    await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.repository.closeThrough(tx, yesterday));
    while (await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.sealNext(tx)));
  }

  async retry(): Promise<void> {
    await runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      for (const day of await this.repository.lockFailed(tx))
        if (await this.keep(tx, day)) await this.repository.mended(tx, day);
    });
  }

  /** Stores the roots of the first day that has none. Returns whether there may be more. */
  private async sealNext(tx: EntityManager): Promise<boolean> {
    const unsealed = await this.repository.unsealed(tx);
    if (unsealed === null) return false;
    const { through, day } = unsealed;
    if (day !== null) await this.keep(tx, day);
    await this.repository.sealed(tx, day ?? through);
    return day !== null;
  }

  /** Stores the roots of a day. Returns whether that worked; if not, the reason is stored. */
  private async keep(tx: EntityManager, day: string): Promise<boolean> {
    try {
      await tx.transaction(async (nested) =>
        this.repository.keep(nested, this.totals(await this.repository.legsOf(nested, day))),
      );
      return true;
    } catch (error) {
      if (isConnectionLoss(error) || isTransient(error)) throw error;
      this.log.error(`day ${day} cannot be closed: ${String(error)}`);
      await this.repository.failed(tx, day, String(error));
      return false;
    }
  }

  /**
   * Totals of days with their roots: of a contributor by seller, or of everything that a seller pays. A seller's open day has the
   * root of its legs so far. A contributor reads only days that are over; otherwise it would see each purchase of its members as it
   * happens.
   */
  async list(reader: Reader, from: string, to: string): Promise<CommissionDaysView> {
    await this.close();
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const closed = await this.repository.totals(tx, reader, from, to);
      const open = this.totals(await this.repository.openLegs(tx, reader, from, to)).filter(
        ({ contributor }) => (contributor === '') === (reader.as === 'seller'),
      );
      return {
        data: [...closed.map((total) => dayDocument(total, true)), ...open.map((total) => dayDocument(total, false))],
      };
    });
  }

  /** Closed days whose legs, or their owners, no longer match what was stored of them. */
  async faults(tx: EntityManager): Promise<string[]> {
    const faults: string[] = [];
    for (const day of await this.repository.sealedDays(tx)) {
      const now = new Map(this.totals(await this.repository.legsOf(tx, day)).map((total) => [keyOf(total), total]));
      const kept = new Map((await this.repository.totalsOfDay(tx, day)).map((total) => [keyOf(total), total]));
      for (const key of new Set([...now.keys(), ...kept.keys()])) {
        const [one, other] = [now.get(key), kept.get(key)];
        const same = (['root', 'amount', 'legs', 'owners'] as const).every((field) => one?.[field] === other?.[field]);
        if (!same) faults.push(key);
      }
    }
    return faults;
  }

  private totals(legs: readonly DayLeg[]): DayTotal[] {
    return totalsOf(legs, (reader, legId) => this.salts.of(reader, legId));
  }
}

function dayDocument({ day, seller, currency, amount, legs, root }: DayTotal, final: boolean): CommissionDayView {
  return { day, seller, currency, amount: sumToJson(amount), legs, root, final };
}
