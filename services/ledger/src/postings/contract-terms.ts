import { Decimal, MICRO_SCALE, sha256Hex } from '#libs/kernel';

import { OPERATOR } from './issuer.js';

/** Who pays for points, and for how much of them. */
export interface Funder {
  /** A brand's slug, or `operator`. */
  readonly party: string;
  /** Basis points; those of all funders sum to 10,000. */
  readonly shareBp: number;
}

/**
 * What one version of a brand's contract says about money. It is stamped on every lot that the brand issues and on every capture that
 * it makes, so that settlement never has to look for a contract that has ended or a price that has changed.
 * `micro`: millionths of a minor unit per point.
 */
export interface ContractTerms {
  /** Follows from everything below, so that it is the same wherever and whenever it is worked out. */
  readonly id: bigint;
  readonly brand: string;
  /** 0 for the operator, which has no contract with itself. */
  readonly contractVersion: number;
  /** ISO 4217 */
  readonly currency: string;
  readonly fundingMode: string;
  readonly funders: readonly Funder[];
  readonly accrualMicro: bigint;
  readonly operatorFeeMicro: bigint;
  /** Whether the operator's fee is due when points are redeemed at the brand that issued them. */
  readonly feeOnOwn: boolean;
  readonly reimbursementMicro: bigint;
}

/** A contract as the terms of its brand need it. Prices are decimal strings in minor units per point. */
export interface ContractPrices {
  readonly version: number;
  readonly currency: string;
  readonly fundingMode: string;
  readonly accrualPrice: string;
  readonly operatorFee: string;
  readonly feeOnOwn: boolean;
  readonly reimbursementPrice: string;
}

/** Contracts are shared by all requests and never change. */
const known = new WeakMap<ContractPrices, ContractTerms>();

/** The terms of one version of a brand's contract. The brand funds its own points alone. */
export function contractTerms(brand: string, contract: ContractPrices): ContractTerms {
  const before = known.get(contract);
  if (before?.brand === brand) return before;
  const terms = identified({
    brand,
    contractVersion: contract.version,
    currency: contract.currency,
    fundingMode: contract.fundingMode,
    funders: [{ party: brand, shareBp: 10_000 }],
    accrualMicro: micro(contract.accrualPrice),
    operatorFeeMicro: micro(contract.operatorFee),
    feeOnOwn: contract.feeOnOwn,
    reimbursementMicro: micro(contract.reimbursementPrice),
  });
  known.set(contract, terms);
  return terms;
}

/** The terms of points that the operator funds: it pays whoever accepts them, and no fee to itself. */
export function operatorTerms(currency: string): ContractTerms {
  return identified({
    brand: OPERATOR,
    contractVersion: 0,
    currency,
    fundingMode: 'pay_at_redemption',
    funders: [{ party: OPERATOR, shareBp: 10_000 }],
    accrualMicro: 0n,
    operatorFeeMicro: 0n,
    feeOnOwn: false,
    reimbursementMicro: 0n,
  });
}

/** Terms as the database keeps them, column by column. */
export function termsRow(terms: ContractTerms): Record<string, unknown> {
  return {
    id: `${terms.id}`,
    brand: terms.brand,
    contract_version: terms.contractVersion,
    currency: terms.currency,
    funding_mode: terms.fundingMode,
    funders: fundersText(terms.funders),
    accrual_micro: `${terms.accrualMicro}`,
    operator_fee_micro: `${terms.operatorFeeMicro}`,
    fee_on_own: terms.feeOnOwn,
    reimbursement_micro: `${terms.reimbursementMicro}`,
  };
}

/** `aurora:7000,operator:3000` */
function fundersText(funders: readonly Funder[]): string {
  return funders.map(({ party, shareBp }) => `${party}:${shareBp}`).join(',');
}

/** The inverse of what {@link termsRow} writes. */
export function fundersFromText(text: string): Funder[] {
  return text.split(',').map((part) => {
    const [party = '', shareBp] = part.split(':');
    return { party, shareBp: Number(shareBp) };
  });
}

/** The first eight bytes of a digest of the content; the table checks the same. */
function identified(content: Omit<ContractTerms, 'id'>): ContractTerms {
  const { brand, contractVersion, currency, fundingMode, funders, feeOnOwn } = content;
  const { accrualMicro, operatorFeeMicro, reimbursementMicro } = content;
  const text = [
    ...[brand, contractVersion, currency, fundingMode, fundersText(funders)],
    ...[accrualMicro, operatorFeeMicro, feeOnOwn, reimbursementMicro],
  ].join('|');
  return { id: BigInt.asIntN(64, BigInt(`0x${sha256Hex(text).slice(0, 16)}`)), ...content };
}

function micro(price: string): bigint {
  return Decimal.parse(price).toScaled(MICRO_SCALE);
}
