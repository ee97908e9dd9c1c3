import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AllianceClock, fail, formatInstant, sumToJson, uuidFromId } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { OffersService } from '../offers/offers.service.js';
import { disclosureOf } from './disclosure.js';
import { DisclosureRepository } from './disclosure.repository.js';

/** How earnings spread over distributors. */
@Injectable()
export class DisclosureService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: DisclosureRepository,
    private readonly offers: OffersService,
    private readonly clock: AllianceClock,
  ) {}

  /** Of one offer, or of the whole alliance (null). */
  async of(offer: string | null, currency: string): Promise<object> {
    const id = offer === null ? null : (uuidFromId('of', offer) ?? fail('not_found'));
    const earnings = await runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      if (id !== null && !(await this.offers.byIds(tx, [id])).has(id)) fail('not_found');
      return this.repository.earnings(tx, currency, id);
    });
    const { median, total, ...figures } = disclosureOf(earnings);
    return {
      asOf: formatInstant(this.clock.now()),
      offerId: offer,
      currency,
      ...figures,
      median: sumToJson(median),
      total: sumToJson(total),
    };
  }
}
