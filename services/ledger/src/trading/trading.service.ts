import { Inject, Injectable } from '@nestjs/common';

import {
  BrandDirectory,
  contractAt,
  earliestReport,
  hasRole,
  lastContractAt,
  limitsAt,
  mayEarn,
  mayRedeem,
} from '#libs/directory';
import type { Brand, Contract, IssuingLimits } from '#libs/directory';
import { CONFIG } from '#libs/http';
import { fail, formatInstant } from '#libs/kernel';
import type { ErrorCode, FieldFault } from '#libs/kernel';

import type { LedgerConfig } from '../ledger.config.js';
import { contractTerms, operatorTerms } from '../postings/contract-terms.js';
import type { ContractTerms } from '../postings/contract-terms.js';
import { OPERATOR } from '../postings/issuer.js';
import type { Place } from '../postings/place.js';

/** How far a till's clock may be off the alliance's, or another till's. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** What a call says about where and when something happened. Absent members are not checked. */
export interface TradeFacts {
  storeRef?: string | null;
  currency?: string;
  occurredAt?: Date;
  /** When that happened which it belongs to: the order of a return, the authorization of a capture. */
  follows?: Date;
}

/** Whether a brand may do what it asks, where and when it says: the same checks for every kind of call. */
@Injectable()
export class TradingService {
  /** What points of the operator are settled by. */
  readonly operator: ContractTerms;

  constructor(
    @Inject(CONFIG) config: LedgerConfig,
    private readonly directory: BrandDirectory,
  ) {
    this.operator = operatorTerms(config.allianceCurrency);
  }

  /** A brand that may act in the network's books at all; without a promise when it is in memory. */
  earning(slug: string): Brand | Promise<Brand> {
    const known = this.directory.peek(slug);
    return known === undefined ? this.directory.get(slug).then(orEarning) : orEarning(known);
  }

  /** A brand whose members may spend, and whose customers may bring goods back. */
  redeeming(slug: string): Brand | Promise<Brand> {
    const known = this.directory.peek(slug);
    return known === undefined ? this.directory.get(slug).then(orRedeeming) : orRedeeming(known);
  }

  /** Refuses places that are none: brands that do not exist, stores that are not the giving brand's own. */
  async checkPlaces({ slug, stores }: Brand, places: readonly Place[]): Promise<void> {
    const faults: FieldFault[] = [];
    for (const [index, { brand, store }] of places.entries()) {
      if (brand !== slug && (await this.directory.get(brand)) === null) {
        faults.push({ pointer: `/places/${index}/brand`, code: 'not_found', detail: 'There is no such brand.' });
      } else if (store !== null && (brand !== slug || !stores.some(({ ref }) => ref === store))) {
        const detail = 'names no store of this brand';
        faults.push({ pointer: `/places/${index}/storeRef`, code: 'store_unknown', detail });
      }
    }
    if (faults.length > 0) fail('validation_failed', { errors: faults });
  }

  /** How many points a brand's contract of that time lets it give by itself; null for the operator. */
  async limitsOf(issuer: string, at: Date): Promise<IssuingLimits | null> {
    const brand = issuer === OPERATOR ? null : await this.directory.get(issuer);
    return brand === null ? null : limitsAt(brand, at);
  }

  /**
   * What points are settled by that were promised by an issuer and are given now, whether or not it may still issue: what the network
   * decided on must not be lost with the contract.
   */
  async promisedBy(issuer: string, at: Date): Promise<ContractTerms> {
    if (issuer === OPERATOR) return this.operator;
    const brand = await this.directory.get(issuer);
    return brand === null
      ? fail('unavailable', { detail: `Brand ${issuer} is not known yet.` })
      : issuingTerms(brand, at, at);
  }
}

function orEarning(brand: Brand | null): Brand {
  return brand !== null && mayEarn(brand) ? brand : fail('brand_suspended');
}

function orRedeeming(brand: Brand | null): Brand {
  return brand !== null && mayRedeem(brand) ? brand : fail('brand_suspended');
}

/** @throws DomainError `role_missing` unless the contract in force lets the brand issue */
export function requireIssuer(brand: Brand, at: Date): void {
  if (!hasRole(brand, 'issuer', at))
    fail('role_missing', { detail: 'No contract in force at that time lets the brand issue points.' });
}

/**
 * What points are settled by that the brand gives: the version of its contract in force when they are posted, or else the last that was,
 * as an order may come in after the contract under which it was bought.
 * @throws DomainError `role_missing` when the brand never had one
 */
export function issuingTerms(brand: Brand, occurredAt: Date, postedAt: Date): ContractTerms {
  // a till's clock may run ahead
  const contract = lastContractAt(brand, occurredAt > postedAt ? occurredAt : postedAt);
  return contract === null
    ? fail('role_missing', { detail: 'The brand has never had a contract.' })
    : contractTerms(brand.slug, contract);
}

/** The contract in force that lets the brand accept points, or null. */
export function redeemerContractAt(brand: Brand, at: Date): Contract | null {
  const contract = contractAt(brand, at);
  return contract?.roles.includes('redeemer') === true ? contract : null;
}

/** The same. @throws DomainError `role_missing` */
export function redeemerContract(brand: Brand, at: Date): Contract {
  return (
    redeemerContractAt(brand, at) ??
    fail('role_missing', { detail: 'No contract in force now lets the brand accept points.' })
  );
}

/**
 * Refuses foreign stores, other currencies, times to come and times too long ago: one fault under its own code, several together.
 * What belongs to something else is as late as that was, and never before it.
 */
export function checkFacts(brand: Brand, facts: TradeFacts, now: Date): void {
  const { storeRef, currency, occurredAt, follows } = facts;
  const faults: (FieldFault & { code: ErrorCode })[] = [];
  if (typeof storeRef === 'string' && !brand.stores.some(({ ref }) => ref === storeRef)) {
    faults.push({ pointer: '/storeRef', code: 'store_unknown', detail: 'names no store of this brand' });
  }
  if (currency !== undefined && currency !== brand.currency) {
    faults.push({ pointer: '/currency', code: 'currency_mismatch', detail: `the brand trades in ${brand.currency}` });
  }
  if (occurredAt !== undefined && occurredAt.getTime() > now.getTime() + CLOCK_TOLERANCE_MS) {
    faults.push({ pointer: '/occurredAt', code: 'occurred_in_future', detail: 'is later than now' });
  }
  const limit = occurredAt === undefined ? null : earliest(brand, follows, now);
  const early = occurredAt !== undefined && limit !== null && occurredAt < limit;
  if (early) {
    const than = follows === undefined ? 'the contract accepts' : 'what it refers to';
    faults.push({ pointer: '/occurredAt', code: 'occurred_too_early', detail: `is earlier than ${than}` });
  }
  const [first, second] = faults;
  if (first === undefined) return;
  const extra = early ? { extra: { limit: formatInstant(limit) } } : {};
  fail(second === undefined ? first.code : 'validation_failed', { errors: faults, ...extra });
}

function earliest(brand: Brand, follows: Date | undefined, now: Date): Date | null {
  return follows === undefined ? earliestReport(brand, now) : new Date(follows.getTime() - CLOCK_TOLERANCE_MS);
}
