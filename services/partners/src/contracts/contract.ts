import { Decimal, MICRO_SCALE, fail } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';
import type { IssuingLimits } from '#libs/directory';

/** Prices of one contract in millionths of a minor unit per point. */
export interface ContractPrices {
  readonly accrualMicro: bigint;
  readonly reimbursementMicro: bigint;
  readonly operatorFeeMicro: bigint;
  readonly faceValueMicro: bigint;
}

/** Terms agreed by both sides, before they become a numbered version. */
export interface ContractTerms extends ContractPrices {
  readonly validFrom: Date;
  readonly validTo: Date | null;
  readonly roles: readonly string[];
  readonly fundingMode: string;
  readonly currency: string;
  readonly cycle: string;
  readonly feeOnOwn: boolean;
  /** How many days late an order or a grant is accepted; null for no limit. */
  readonly latenessDays: number | null;
  /** Kinds of contact points that count as proven if the brand sends them without a proof. */
  readonly attests: readonly string[];
  readonly limits: IssuingLimits;
}

export interface ContractVersion extends ContractTerms {
  readonly id: string;
  readonly brand: string;
  readonly version: number;
  readonly createdAt: Date;
}

/** A price on the wire → millionths; at most six decimals, never negative. */
export function priceToMicro(text: string): bigint {
  const price = Decimal.parse(text);
  if (price.isNegative()) fail('price_invalid', { detail: 'A price cannot be negative.' });
  return price.toScaled(MICRO_SCALE);
}

/** Millionths → price on the wire, with at least two decimals. */
export function priceFromMicro(micro: bigint): string {
  return Decimal.fromScaled(micro, MICRO_SCALE).toString();
}

interface Validity {
  readonly validFrom: Date;
  readonly validTo: Date | null;
}

/** Whether two validities share an instant. The start is inclusive, the end exclusive. */
export function overlaps(a: Validity, b: Validity): boolean {
  const aEndsAfter = a.validTo === null || a.validTo.getTime() > b.validFrom.getTime();
  const bEndsAfter = b.validTo === null || b.validTo.getTime() > a.validFrom.getTime();
  return aEndsAfter && bEndsAfter;
}

export function checkTerms(
  terms: ContractTerms,
  brand: { readonly currency: string },
  versions: readonly (Validity & { readonly version: number })[],
): void {
  if (terms.fundingMode !== 'pay_at_redemption') {
    fail('funding_mode_unsupported', { detail: `${terms.fundingMode} is not settled by this network yet.` });
  }
  const errors: FieldFault[] = [];
  if (terms.currency !== brand.currency) {
    errors.push({ pointer: '/currency', code: 'currency_mismatch', detail: `The brand trades in ${brand.currency}.` });
  }
  if (terms.validTo !== null && terms.validTo.getTime() <= terms.validFrom.getTime()) {
    errors.push({ pointer: '/validTo', code: 'too_early', detail: 'validTo must be later than validFrom.' });
  }
  if (terms.faceValueMicro === 0n) {
    errors.push({ pointer: '/faceValue', code: 'too_small', detail: 'The value of a point must be above zero.' });
  }
  if (errors.length > 0) fail('validation_failed', { errors });
  const other = versions.find((version) => overlaps(terms, version));
  if (other !== undefined) {
    fail('contract_overlap', {
      detail: `Version ${other.version} is in force from ${other.validFrom.toISOString()} to ${other.validTo?.toISOString() ?? 'an open end'}.`,
    });
  }
}

/**
 * Checks the closing of an open end. Returns false if there is nothing to do. Only a future end is allowed: prices computed under
 * a version remain valid.
 */
export function checkEnd(contract: Validity & { readonly version: number }, validTo: Date, now: Date): boolean {
  if (contract.validTo?.getTime() === validTo.getTime()) return false;
  if (contract.validTo !== null) {
    fail('contract_ended', { detail: `Version ${contract.version} ends at ${contract.validTo.toISOString()}.` });
  }
  const refuse = (detail: string): never =>
    fail('validation_failed', { errors: [{ pointer: '/validTo', code: 'too_early', detail }] });
  if (validTo.getTime() <= now.getTime()) refuse('validTo must be in the future.');
  if (validTo.getTime() <= contract.validFrom.getTime()) refuse('validTo must be later than validFrom.');
  return true;
}
