import { Decimal, MICRO_SCALE, sha256Hex } from '#libs/kernel';

import { OPERATOR } from './issuer.js';

/** A party that pays for points, and its share. */
export interface Funder {
  /** A brand's slug, or `operator`. */
  readonly party: string;
  /** Basis points; the shares of all funders sum to 10,000. */
  readonly shareBp: number;
}

/**
 * The money terms of one version of a brand's contract. They are stamped on every lot that the brand issues and on every capture
 * that it makes, so that settlement never has to look up an ended contract or a changed price. `micro`: millionths of a minor unit
 * per point.
 */
export interface ContractTerms {
  /** Derived from all fields below, so it is the same on every node. */
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
  /** Whether the operator's fee is due when points are redeemed at their own issuer. */
  readonly feeOnOwn: boolean;
  readonly reimbursementMicro: bigint;
}

/** A contract, reduced to the input for its terms. Prices are decimal strings in minor units per point. */
export interface ContractPrices {
  readonly version: number;
  readonly currency: string;
  readonly fundingMode: string;
  readonly accrualPrice: string;
  readonly operatorFee: string;
  readonly feeOnOwn: boolean;
  readonly reimbursementPrice: string;
}

/** Cache by contract object: contracts are shared by all requests and immutable. */
const known = new WeakMap<ContractPrices, ContractTerms>();

/** The terms of one version of a brand's contract. The brand is the only funder of its points. */
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

/** The terms of points funded by the operator: it pays the redeemer, and no fee to itself. */
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

/** Terms as stored in the database, column by column. */
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

/** The inverse of {@link termsRow}. */
export function fundersFromText(text: string): Funder[] {
  return text.split(',').map((part) => {
    const [party = '', shareBp] = part.split(':');
    return { party, shareBp: Number(shareBp) };
  });
}

/** The first eight bytes of a digest of the content; the table checks the same value. */
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
