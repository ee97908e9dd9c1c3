import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG } from '#libs/http';
import { fail, formatInstant, sumToJson, uuidFromId } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { DaysService } from '../days/days.service.js';
import { OffersService } from '../offers/offers.service.js';
import type { ReferralsConfig } from '../referrals.config.js';
import { disclosureOf } from './disclosure.js';
import { DisclosureRepository } from './disclosure.repository.js';
import type { DisclosureView } from './disclosure.answers.js';

/** Distribution of earnings among distributors, as of the last closed day. */
@Injectable()
export class DisclosureService {
  constructor(
    @Inject(CONFIG) private readonly config: ReferralsConfig,
    private readonly dataSource: DataSource,
    private readonly repository: DisclosureRepository,
    private readonly offers: OffersService,
    private readonly days: DaysService,
  ) {}

  /**
   * Figures of one offer, or of the whole alliance (null). Only the seller, who pays for it, and the operator (`reader` null) read
   * them. A minimum number of promoters would not protect them from other brands: accomplices could create that number and subtract
   * themselves.
   */
  async of(reader: string | null, offer: string | null, currency: string): Promise<DisclosureView> {
    const id = offer === null ? null : (uuidFromId('of', offer) ?? fail('not_found'));
    await this.days.close();
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const seller = id === null ? null : ((await this.offers.byIds(tx, [id])).get(id) ?? fail('not_found')).seller;
      const until = await this.repository.closedUntil(tx, this.config.zone);
      const common = { asOf: formatInstant(until), offerId: offer, currency };
      if (reader !== null && reader !== seller) return { ...common, ...NOTHING };
      const earned = await this.repository.earnings(tx, { currency, offerId: id, until });
      const { median, total, ...figures } = disclosureOf(earned);
      return { ...common, ...figures, median: sumToJson(median), total: sumToJson(total) };
    });
  }
}

const NOTHING = {
  distributors: null,
  shareWithZero: null,
  median: null,
  total: null,
  topTenthShare: null,
  gini: null,
};
