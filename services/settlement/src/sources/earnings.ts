import { legMicro, legTerms } from '../commissions/commission.js';
import { conversionType } from '../conversions/conversion.js';
import type { LineType } from '../entries/line.js';
import { brandParty, MEMBERS, OPERATOR } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { Figure } from './sums.js';

/** Referrals' answer about posted commissions and conversions; given and taken-back amounts are separate. */
export interface PostedEarnings {
  readonly legs: readonly {
    readonly seller: string;
    readonly party: string;
    readonly payee: string;
    readonly currency: string;
    readonly legs: string;
    /** Minor units. */
    readonly amount: string;
  }[];
  readonly conversions: readonly {
    readonly currency: string;
    readonly conversions: string;
    /** Millionths of a minor unit. */
    readonly costMicro: string;
  }[];
}

/** Lines of money without points, between two parties. */
export interface EarningLines {
  readonly type: LineType;
  readonly payer: Party;
  readonly payee: Party;
  readonly issuer: Party;
  readonly redeemer: Party | null;
  readonly currency: string;
  readonly lines: bigint;
  readonly amountMicro: bigint;
}

/** A figure keyed by all fields that distinguish it. Unexpected parties of the line are part of the id. */
export function earningFigure({
  type,
  payer,
  payee,
  issuer,
  redeemer,
  currency,
  lines,
  amountMicro,
}: EarningLines): Figure {
  const own = issuer === (payer === MEMBERS ? OPERATOR : payer) && redeemer === null;
  const besides = own ? '' : `, of ${issuer} at ${redeemer ?? 'nobody'}`;
  return { id: `${type} of ${payer} to ${payee}, ${currency}${besides}`, count: lines, amountMicro };
}

/** The sums that lines of a currency must have, given these postings. */
export function earningsOf({ legs, conversions }: PostedEarnings, currency: string): Figure[] {
  const common = { redeemer: null, currency };
  return [
    ...legs.flatMap((row): Figure[] => {
      const amount = BigInt(row.amount);
      const terms = legTerms({ ...row, amount });
      if (terms === null || row.currency !== currency) return [];
      const payer = brandParty(row.seller);
      const counted = { lines: BigInt(row.legs), amountMicro: legMicro(amount) };
      return [earningFigure({ ...common, ...terms, ...counted, payer, issuer: payer })];
    }),
    ...conversions
      .filter((row) => row.currency === currency)
      .map((row) => {
        const amountMicro = BigInt(row.costMicro);
        const type = conversionType(amountMicro);
        const counted = { lines: BigInt(row.conversions), amountMicro };
        return earningFigure({ ...common, ...counted, type, payer: MEMBERS, payee: OPERATOR, issuer: OPERATOR });
      }),
  ];
}
