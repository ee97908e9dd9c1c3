import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { BrandDirectory } from '#libs/directory';
import { idempotent } from '#libs/http';
import type { Reply } from '#libs/http';
import {
  AllianceClock,
  decodeCursor,
  fail,
  formatInstant,
  idFromUuid,
  pageOf,
  parseInstant,
  pointsToJson,
  uuidFromId,
  uuidv7,
} from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { offerOpen } from '../attribution/attribution.js';
import { PARTIES, sharesSum, SPLIT_RULE } from '../splits/split.js';
import type { Shares } from '../splits/split.js';
import { isPublicSuffix } from '../links/target.js';
import { usageScope } from './offer.js';
import type { Offer } from './offers.tables.js';
import type { OfferDto, SplitDto } from './offers.dto.js';
import { OffersRepository } from './offers.repository.js';
import type { OfferView, PickupView } from './offers.answers.js';

/** Offers: what a brand pays, who picked it, how much of it is used. */
@Injectable()
export class OffersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: OffersRepository,
    private readonly directory: BrandDirectory,
    private readonly clock: AllianceClock,
  ) {}

  async publish(brand: string, caller: string, key: string | undefined, body: OfferDto): Promise<Reply<OfferView>> {
    const { currency } = (await this.directory.get(brand)) ?? fail('not_found');
    const offer = this.offerFrom(brand, currency, body);
    return idempotent(this.dataSource, { brand, caller, route: 'offers.publish', key, body }, async (tx) => {
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

  /** From now on it pays on no new order; what was earned stays. */
  withdraw(brand: string, caller: string, key: string | undefined, id: string): Promise<Reply<OfferView>> {
    return idempotent(this.dataSource, { brand, caller, route: 'offers.withdraw', key, body: id }, async (tx) => {
      const offer = await this.require(tx, id);
      if (offer.seller !== brand) fail('not_found');
      await this.repository.withdraw(tx, offer.id, brand, this.clock.now());
      return { status: 200, body: offerDocument(await this.require(tx, id), await this.used(tx, offer), brand) };
    });
  }

  pick(
    brand: string,
    caller: string,
    key: string | undefined,
    id: string,
    campaign: string,
  ): Promise<Reply<PickupView>> {
    const call = { brand, caller, route: 'offers.pick', key, body: [id, campaign] };
    return idempotent(this.dataSource, call, async (tx) => {
      const offer = await this.requireOpen(tx, id);
      const pickup = await this.repository.pick(tx, {
        id: uuidv7(),
        offerId: offer.id,
        brand,
        campaign,
        createdAt: this.clock.now(),
      });
      return {
        status: 201,
        body: { id: idFromUuid('pk', pickup.id), offerId: id, campaign, createdAt: formatInstant(pickup.createdAt) },
      };
    });
  }

  /** An offer that the brand picked for the campaign and that may get new links. */
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
    // it may be picked before it begins
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

  private offerFrom(brand: string, currency: string, body: OfferDto): Offer {
    if ((body.basis ?? 'order') !== 'order') fail('recruit_pay_refused');
    const split = sharesOf(body.split);
    if (sharesSum(split) !== body.poolBp) {
      const detail = `The shares add up to ${sharesSum(split)}, but the pool is ${body.poolBp}.`;
      fail('split_mismatch', { detail, extra: { sum: sharesSum(split), pool: body.poolBp } });
    }
    const windowDays = body.windowDays ?? 30;
    const protectionDays = body.protectionDays ?? Math.min(7, windowDays);
    const validFrom = parseInstant(body.validFrom) ?? fail('validation_failed');
    const validTo = body.validTo === undefined || body.validTo === null ? null : parseInstant(body.validTo);
    if (protectionDays > windowDays) refuse('/protectionDays', 'The protection cannot be longer than the window.');
    if (validTo !== null && validTo <= validFrom) refuse('/validTo', 'The end must be later than the start.');
    (body.targets ?? []).forEach((host, index) => {
      if (isPublicSuffix(host)) refuse(`/targets/${index}`, 'Anyone can register a name under this host.');
    });
    const amount = (value: number | null | undefined): bigint | null =>
      value === null || value === undefined ? null : BigInt(value);
    return {
      id: uuidv7(),
      seller: brand,
      name: body.name,
      basis: 'order',
      currency,
      poolBp: body.poolBp,
      split,
      rule: SPLIT_RULE,
      products: body.products ?? [],
      categories: body.categories ?? [],
      hosts: (body.targets ?? []).map((host) => host.toLowerCase()),
      windowDays,
      protectionDays,
      returnDays: body.returnDays ?? 14,
      budget: amount(body.budget),
      capOrder: amount(body.caps?.order),
      capBeneficiaryDay: amount(body.caps?.beneficiaryDay),
      capMonth: amount(body.caps?.month),
      standing: body.standing ?? false,
      validFrom,
      validTo,
      withdrawnAt: null,
      createdAt: this.clock.now(),
    };
  }
}

function refuse(pointer: string, detail: string): never {
  return fail('validation_failed', { errors: [{ pointer, code: 'out_of_range', detail }] });
}

function sharesOf(split: SplitDto): Shares {
  return Object.fromEntries(
    PARTIES.flatMap((party) => (typeof split[party] === 'number' ? [[party, split[party]]] : [])),
  );
}

/** Budget and use are the seller's own business. */
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
