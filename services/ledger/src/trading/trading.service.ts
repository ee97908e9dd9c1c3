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

/** Tolerated difference between a till's clock and the alliance clock or another till's. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** Place, currency and time of a call. Absent members are not checked. */
export interface TradeFacts {
  storeRef?: string | null;
  currency?: string;
  occurredAt?: Date;
  /** Time of what the call follows: the order of a return, or the authorization of a capture. */
  follows?: Date;
}

/** Checks whether a brand may do what it requests, at the stated place and time; the same checks for every kind of call. */
@Injectable()
export class TradingService {
  /** Terms of points funded by the operator. */
  readonly operator: ContractTerms;

  constructor(
    @Inject(CONFIG) config: LedgerConfig,
    private readonly directory: BrandDirectory,
  ) {
    this.operator = operatorTerms(config.allianceCurrency);
  }

  /** Returns a brand whose status lets it act in the books; synchronously if it is in memory. */
  earning(slug: string): Brand | Promise<Brand> {
    const known = this.directory.peek(slug);
    return known === undefined ? this.directory.get(slug).then(orEarning) : orEarning(known);
  }

  /** Returns a brand whose members may spend and return goods. */
  redeeming(slug: string): Brand | Promise<Brand> {
    const known = this.directory.peek(slug);
    return known === undefined ? this.directory.get(slug).then(orRedeeming) : orRedeeming(known);
  }

  /** Refuses invalid places: unknown brands, and stores that are not the giving brand's own. */
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

  /** Points that a brand's contract at that time allows without approval; null for the operator. */
  async limitsOf(issuer: string, at: Date): Promise<IssuingLimits | null> {
    const brand = issuer === OPERATOR ? null : await this.directory.get(issuer);
    return brand === null ? null : limitsAt(brand, at);
  }

  /**
   * Terms of points that an issuer promised and that are given now, even if it may no longer issue: a decision of the network must not
   * be lost when the contract ends.
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
 * Terms of points that the brand gives: its contract version in force when they are posted, otherwise the last one, because an order
 * may arrive after the end of the contract under which it was bought.
 * @throws DomainError `role_missing` if the brand never had a contract
 */
export function issuingTerms(brand: Brand, occurredAt: Date, postedAt: Date): ContractTerms {
  // a till's clock may run ahead
  const contract = lastContractAt(brand, occurredAt > postedAt ? occurredAt : postedAt);
  return contract === null
    ? fail('role_missing', { detail: 'The brand has never had a contract.' })
    : contractTerms(brand.slug, contract);
}

/** The contract in force that allows the brand to accept points, or null. */
export function redeemerContractAt(brand: Brand, at: Date): Contract | null {
  const contract = contractAt(brand, at);
  return contract?.roles.includes('redeemer') === true ? contract : null;
}

/**
 * Like `redeemerContractAt`.
 * @throws DomainError `role_missing` instead of null
 */
export function redeemerContract(brand: Brand, at: Date): Contract {
  return (
    redeemerContractAt(brand, at) ??
    fail('role_missing', { detail: 'No contract in force now lets the brand accept points.' })
  );
}

/**
 * Refuses foreign stores, other currencies, times in the future and times too long ago: one fault under its own code, several
 * together as `validation_failed`. A call that follows another one may not be earlier than that one, and has no other bound on its
 * age.
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
