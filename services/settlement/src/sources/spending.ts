import { largestRemainder } from '#libs/kernel';
import { brandParty, OPERATOR, partyOf } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import { givenBack } from '../entries/pricing.js';
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
  /** Where several funders pay: equal movements, because the points of each are split by themselves. */
  readonly each: {
    /** Negative if they came back. */
    readonly points: string;
    readonly movements: string;
    readonly captured: string | null;
    readonly returned: string | null;
  } | null;
}

/** The ledger's answer about points given less taken back, or expired. */
export interface IssuedPoints {
  readonly issuer: string;
  readonly expired: boolean;
  readonly asset: string;
  readonly currency: string;
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
  readonly points: bigint;
}

/** The sums that lines of a currency must have, given this spending, by the pricing rules. */
export function pricedOf(spent: SpentPoints, currency: string): PricedPoints[] {
  const redeemer = brandParty(spent.redeemer);
  const common = { issuer: partyOf(spent.issuer), redeemer, asset: spent.asset };
  const funders = spent.funders.split(',').map((funder) => {
    const at = funder.lastIndexOf(':');
    return { payer: partyOf(funder.slice(0, at)), shareBp: BigInt(funder.slice(at + 1)) };
  });
  const shares = sharesOf(
    spent,
    funders.map(({ shareBp }) => shareBp),
  );
  return funders.flatMap(({ payer }, i) => {
    const priced: PricedPoints[] = [];
    const own = payer === redeemer;
    const of = { ...common, payer, points: shares[i] ?? 0n };
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

/** The sums that lines of a currency must have that come to no money: all funders of an issuer's points together. */
export function issuedFigures(issued: readonly IssuedPoints[], currency: string): Figure[] {
  return issued
    .filter((row) => row.currency === currency)
    .map(({ issuer, expired, asset, points }) => ({
      id: `points of ${partyOf(issuer)} ${expired ? 'expired' : 'given'}, ${asset}`,
      count: BigInt(points),
      amountMicro: 0n,
    }));
}

function sharesOf({ points, each }: SpentPoints, shareBp: readonly bigint[]): bigint[] {
  if (each === null) return [BigInt(points)];
  const one = BigInt(each.points);
  const shares =
    one > 0n
      ? largestRemainder(one, shareBp)
      : givenBack(-one, largestRemainder(BigInt(each.captured ?? 0), shareBp), BigInt(each.returned ?? 0)).map(
          (part) => -part,
        );
  return shares.map((share) => share * BigInt(each.movements));
}

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
  return {
    id: `${kind} of points of ${issuer} at ${redeemer}, ${payer} to ${payee}, ${asset} at ${microToText(priceMicro)}`,
    count: points,
    amountMicro: points * priceMicro,
  };
}
