import { brandParty, OPERATOR, partyOf } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import { microToText } from '../statements/money.js';
import type { Figure } from './sums.js';

/** The ledger's answer about points spent minus give-backs, as stamped on lots and captures. Prices in millionths of a minor unit. */
export interface SpentPoints {
  readonly issuer: string;
  /** `aurora:7000,operator:3000` */
  readonly funders: string;
  readonly redeemer: string;
  readonly asset: string;
  readonly currency: string;
  readonly reimbursementMicro: string;
  readonly feeCurrency: string;
  readonly operatorFeeMicro: string;
  readonly feeOnOwn: boolean;
  readonly points: string;
}

/** Points at one price between two parties. For points with several funders, payer and price are null. */
export interface PricedPoints {
  readonly kind: 'reimbursement' | 'fee';
  readonly issuer: Party;
  readonly redeemer: Party;
  readonly payer: Party | null;
  readonly payee: Party;
  readonly asset: string;
  readonly priceMicro: bigint | null;
  readonly points: bigint;
}

/**
 * The sums that lines of a currency must have, given this spending, by the pricing rules. Fees of points with several funders are
 * separate.
 */
export function pricedOf(spent: SpentPoints, currency: string): PricedPoints[] {
  const issuer = partyOf(spent.issuer);
  const redeemer = brandParty(spent.redeemer);
  const points = BigInt(spent.points);
  const common = { issuer, redeemer, asset: spent.asset, points };
  const priced: PricedPoints[] = [];
  const [funder = '', second] = spent.funders.split(',');
  if (second !== undefined) {
    if (spent.currency !== currency) return [];
    return [{ ...common, kind: 'reimbursement', payer: null, payee: redeemer, priceMicro: null }];
  }
  const payer = partyOf(funder.slice(0, funder.lastIndexOf(':')));
  const own = payer === redeemer;
  if (spent.currency === currency) {
    const priceMicro = own ? 0n : BigInt(spent.reimbursementMicro);
    priced.push({ ...common, kind: 'reimbursement', payer, payee: redeemer, priceMicro });
  }
  const feeMicro = BigInt(spent.operatorFeeMicro);
  if (spent.feeCurrency === currency && feeMicro !== 0n && payer !== OPERATOR && (!own || spent.feeOnOwn)) {
    priced.push({ ...common, kind: 'fee', payer, payee: OPERATOR, priceMicro: feeMicro });
  }
  return priced;
}

/** A figure keyed by all fields that distinguish it. */
export function spendingFigure({
  kind,
  issuer,
  redeemer,
  payer,
  payee,
  asset,
  priceMicro,
  points,
}: PricedPoints): Figure {
  const price = priceMicro === null ? 'any price' : microToText(priceMicro);
  return {
    id: `${kind} of points of ${issuer} at ${redeemer}, ${payer ?? 'its funders'} to ${payee}, ${asset} at ${price}`,
    count: points,
    amountMicro: points * (priceMicro ?? 0n),
  };
}
