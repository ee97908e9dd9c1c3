import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { CONFIG } from '#libs/http';
import { addDays, AllianceClock, dayKey, pointsToJson } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import type { ReferralsConfig } from '../referrals.config.js';
import { keyOf, totalsOf } from './day.js';
import type { DayTotal } from './day.js';
import { DaysRepository } from './days.repository.js';
import type { Reader } from './days.repository.js';

/** Days of commissions: closed when they are over, each with a root over its legs that is kept from then on. */
@Injectable()
export class DaysService {
  constructor(
    @Inject(CONFIG) private readonly config: ReferralsConfig,
    private readonly dataSource: DataSource,
    private readonly repository: DaysRepository,
    private readonly clock: AllianceClock,
  ) {}

  /** Closes the days that are over, then keeps their roots. Legs are recorded on meanwhile, on the first open day. */
  async close(): Promise<void> {
    const { zone } = this.config;
    const yesterday = dayKey(addDays(this.clock.now(), -1, zone), zone);
    await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.repository.closeThrough(tx, yesterday));
    await runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const { through, days } = await this.repository.unsealed(tx);
      for (const day of days) await this.repository.keep(tx, totalsOf(await this.repository.legsOf(tx, day)));
      if (through !== '') await this.repository.sealed(tx, through);
    });
  }

  /** Totals of days with their roots: of a contributor by seller, or of a seller by contributor. An open day has the root of what it has so far. */
  async list(reader: Reader, from: string, to: string): Promise<{ data: object[] }> {
    await this.close();
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const closed = await this.repository.totals(tx, reader, from, to);
      const open = totalsOf(await this.repository.openLegs(tx, reader, from, to)).filter(
        ({ contributor }) => contributor !== '',
      );
      return {
        data: [
          ...closed.map((total) => dayDocument(total, reader, true)),
          ...open.map((total) => dayDocument(total, reader, false)),
        ],
      };
    });
  }

  /** Closed days whose legs no longer give the totals and roots that were kept of them. */
  async faults(tx: EntityManager): Promise<string[]> {
    const faults: string[] = [];
    for (const day of await this.repository.sealedDays(tx)) {
      const now = new Map(totalsOf(await this.repository.legsOf(tx, day)).map((total) => [keyOf(total), total]));
      const kept = new Map((await this.repository.totalsOfDay(tx, day)).map((total) => [keyOf(total), total]));
      for (const key of new Set([...now.keys(), ...kept.keys()])) {
        const [one, other] = [now.get(key), kept.get(key)];
        const same = one?.root === other?.root && one?.amount === other?.amount && one?.legs === other?.legs;
        if (!same) faults.push(key);
      }
    }
    return faults;
  }
}

function dayDocument(
  { day, seller, contributor, currency, amount, legs, root }: DayTotal,
  { as }: Reader,
  final: boolean,
): object {
  const whose = as === 'seller' ? { contributor } : {};
  return { day, seller, ...whose, currency, amount: pointsToJson(amount), legs, root, final };
}
