import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory } from '#libs/directory';
import { idempotent } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import {
  AllianceClock,
  decodeCursor,
  fail,
  formatInstant,
  idFromUuid,
  pageOf,
  pointsToJson,
  uuidFromId,
  uuidv7,
} from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { offerOpen } from '../attribution/attribution.js';
import { usageScope } from './offer.js';
import type { Offer } from './offers.tables.js';
import { offerTermsFrom } from './offers.dto.js';
import type { OfferDto } from './offers.dto.js';
import { OffersRepository } from './offers.repository.js';
import type { OfferView, PickupView } from './offers.answers.js';

/** Offers: their terms, the brands that picked them, and their usage. */
@Injectable()
export class OffersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: OffersRepository,
    private readonly directory: BrandDirectory,
    private readonly clock: AllianceClock,
  ) {}

  async publish(call: KeyedCall, body: OfferDto): Promise<Reply<OfferView>> {
    const { brand } = call;
    const { currency } = (await this.directory.get(brand)) ?? fail('not_found');
    const terms = offerTermsFrom(body);
    const offer = { ...terms, id: uuidv7(), seller: brand, currency, withdrawnAt: null, createdAt: this.clock.now() };
    return idempotent(this.dataSource, { ...call, route: 'offers.publish', body }, async (tx) => {
      await this.repository.insert(tx, offer);
      return { status: 201, body: offerDocument(offer, 0n, brand) };
    });
  }

  async one(brand: string, id: string): Promise<OfferView> {
    return runInTransaction(this.dataSource, { brand }, async (tx) => {
      const offer = await this.require(tx, id);
      return offerDocument(offer, await this.used(tx, offer), brand);
    });
  }

  async list(brand: string, mine: boolean, limit: number, after?: string): Promise<Page<OfferView>> {
    const position = after === undefined ? null : uuidFromId('of', String(decodeCursor(after, 1)[0]));
    if (after !== undefined && position === null) fail('cursor_invalid');
    return runInTransaction(this.dataSource, { brand }, async (tx) => {
      const rows = await this.repository.page(tx, mine ? brand : null, position, limit + 1);
      const page = pageOf(rows, limit, (row) => [idFromUuid('of', row.id)]);
      return { ...page, data: page.data.map((offer) => offerDocument(offer, null, brand)) };
    });
  }

  /** Withdraws an offer. It pays on no new order; earned amounts stay. */
  withdraw(call: KeyedCall, id: string): Promise<Reply<OfferView>> {
    return idempotent(this.dataSource, { ...call, route: 'offers.withdraw', body: id }, async (tx) => {
      const offer = await this.require(tx, id);
      if (offer.seller !== call.brand) fail('not_found');
      await this.repository.withdraw(tx, offer.id, call.brand, this.clock.now());
      return { status: 200, body: offerDocument(await this.require(tx, id), await this.used(tx, offer), call.brand) };
    });
  }

  pick(call: KeyedCall, id: string, campaign: string): Promise<Reply<PickupView>> {
    return idempotent(this.dataSource, { ...call, route: 'offers.pick', body: [id, campaign] }, async (tx) => {
      const offer = await this.requireOpen(tx, id);
      const pickup = await this.repository.pick(tx, {
        id: uuidv7(),
        offerId: offer.id,
        brand: call.brand,
        campaign,
        createdAt: this.clock.now(),
      });
      return {
        status: 201,
        body: { id: idFromUuid('pk', pickup.id), offerId: id, campaign, createdAt: formatInstant(pickup.createdAt) },
      };
    });
  }

  /** An offer that the brand picked for the campaign and that still allows new links. */
  async requirePicked(tx: EntityManager, id: string, brand: string, campaign: string): Promise<Offer> {
    const offer = await this.requireOpen(tx, id);
    if (!(await this.repository.picked(tx, offer.id, brand, campaign))) fail('offer_not_picked');
    return offer;
  }

  async byIds(tx: EntityManager, ids: readonly string[]): Promise<Map<string, Offer>> {
    const offers = ids.length === 0 ? [] : await this.repository.byIds(tx, [...new Set(ids)]);
    return new Map(offers.map((offer) => [offer.id, offer]));
  }

  standing(tx: EntityManager, sellers: readonly string[]): Promise<Offer[]> {
    return this.repository.standing(tx, sellers);
  }

  lockUsage(tx: EntityManager, scopes: readonly string[]): Promise<Map<string, bigint>> {
    return this.repository.lockUsage(tx, scopes);
  }

  addUsage(tx: EntityManager, added: ReadonlyMap<string, bigint>): Promise<void> {
    return this.repository.addUsage(tx, added);
  }

  private async requireOpen(tx: EntityManager, id: string): Promise<Offer> {
    const offer = await this.require(tx, id);
    const now = this.clock.now();
    // an offer may be picked before it begins
    if (!offerOpen({ ...offer, validFrom: new Date(0) }, now)) fail('offer_closed');
    if (offer.budget !== null && (await this.used(tx, offer)) >= offer.budget) fail('offer_exhausted');
    return offer;
  }

  private async require(tx: EntityManager, id: string): Promise<Offer> {
    const uuid = uuidFromId('of', id);
    const [offer] = uuid === null ? [] : await this.repository.byIds(tx, [uuid]);
    return offer ?? fail('not_found');
  }

  private used(tx: EntityManager, offer: Offer): Promise<bigint> {
    return this.repository.usage(tx, usageScope.total(offer.id));
  }
}

/** The offer as a reader sees it. Only the seller sees budget and usage. */
function offerDocument(offer: Offer, used: bigint | null, reader: string): OfferView {
  const amount = (value: bigint | null): number | null => (value === null ? null : pointsToJson(value));
  return {
    id: idFromUuid('of', offer.id),
    brand: offer.seller,
    name: offer.name,
    basis: 'order',
    currency: offer.currency,
    poolBp: offer.poolBp,
    split: offer.split,
    rule: offer.rule,
    products: offer.products,
    categories: offer.categories,
    targets: offer.hosts,
    windowDays: offer.windowDays,
    protectionDays: offer.protectionDays,
    returnDays: offer.returnDays,
    caps: {
      order: amount(offer.capOrder),
      beneficiaryDay: amount(offer.capBeneficiaryDay),
      month: amount(offer.capMonth),
    },
    standing: offer.standing,
    validFrom: formatInstant(offer.validFrom),
    validTo: offer.validTo === null ? null : formatInstant(offer.validTo),
    withdrawnAt: offer.withdrawnAt === null ? null : formatInstant(offer.withdrawnAt),
    ...(offer.seller === reader
      ? { budget: amount(offer.budget), ...(used === null ? {} : { used: pointsToJson(used) }) }
      : {}),
  };
}
