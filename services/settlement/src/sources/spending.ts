import { brandParty, OPERATOR, partyOf } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import { fundersText } from '../entries/posting-fact.js';
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

/** Points at one price between two parties. */
export interface PricedPoints {
  readonly kind: 'reimbursement' | 'fee';
  readonly issuer: Party;
  readonly redeemer: Party;
  readonly payer: Party;
  readonly payee: Party;
  readonly asset: string;
  readonly priceMicro: bigint;
  /** As on the line, `brand:aurora=7000,operator=3000`, where several share the cost; else null. */
  readonly funders: string | null;
  /** The number of lines, each of whole points. */
  readonly lines: bigint;
  readonly points: bigint;
  /** Points that all funders pay for, told with the first of them; 0 with others. Default: the points. */
  readonly all?: bigint;
}

/** The sums that lines of a currency must have, given this spending, by the pricing rules. */
export function pricedOf(spent: SpentPoints, currency: string): PricedPoints[] {
  const redeemer = brandParty(spent.redeemer);
  const points = BigInt(spent.points);
  const common = { issuer: partyOf(spent.issuer), redeemer, asset: spent.asset, lines: 1n };
  const funders = spent.funders.split(',').map((funder) => {
    const at = funder.lastIndexOf(':');
    return { party: partyOf(funder.slice(0, at)), shareBp: Number(funder.slice(at + 1)) };
  });
  const shared = funders.length > 1 ? fundersText(funders) : null;
  return funders.flatMap(({ party: payer, shareBp }, i) => {
    const priced: PricedPoints[] = [];
    const own = payer === redeemer;
    const share = shared === null ? points : (points * BigInt(shareBp)) / 10_000n;
    const of = { ...common, payer, funders: shared, points: share, all: i === 0 ? points : 0n };
    if (spent.currency === currency) {
      const priceMicro = own ? 0n : BigInt(spent.reimbursementMicro);
      priced.push({ ...of, kind: 'reimbursement', payee: redeemer, priceMicro });
    }
    const feeMicro = BigInt(spent.operatorFeeMicro);
    if (spent.feeCurrency === currency && feeMicro !== 0n && payer !== OPERATOR && (!own || spent.feeOnOwn)) {
      priced.push({ ...of, kind: 'fee', payee: OPERATOR, priceMicro: feeMicro });
    }
    return priced;
  });
}

/**
 * Figures keyed by all fields that distinguish them. Where several share the cost, whole points are split line by line: all that they pay for is
 * exact, and the share of each may be off by a point a line.
 */
export function spendingFigures({
  kind,
  issuer,
  redeemer,
  payer,
  payee,
  asset,
  priceMicro,
  funders,
  lines,
  points,
  all = points,
}: PricedPoints): Figure[] {
  const of = `${kind} of points of ${issuer} at ${redeemer}`;
  const paid = `${of}, ${payer} to ${payee}, ${asset} at ${microToText(priceMicro)}`;
  if (funders === null) return [{ id: paid, count: points, amountMicro: points * priceMicro }];
  const split = { of: `${of}, ${asset}, ${funders}`, lines };
  const share = { id: `${paid}, funded by ${funders}`, count: points, amountMicro: points * priceMicro, split };
  return kind === 'fee'
    ? [share]
    : [share, { id: `${of}, ${asset}, funded by ${funders}`, count: all, amountMicro: 0n }];
}
