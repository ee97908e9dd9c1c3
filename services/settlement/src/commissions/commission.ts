import { MICRO_SCALE } from '#libs/kernel';

import { lineId } from '../entries/line.js';
import type { Line, LineType } from '../entries/line.js';
import { brandParty, isBrand, MEMBERS, OPERATOR, partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';

/** Part of a commission that one party gets or gives back. */
export interface CommissionLeg {
  readonly legId: string;
  readonly party: string;
  /** `brand:<slug>`, `members` or `operator`. */
  readonly payee: string;
  /** Whole minor units; negative takes back. */
  readonly amount: bigint;
  /** The leg whose amount this one takes back; empty if none. */
  readonly reversesLegId: string;
}

/** A commission, or a part of it, that became due or was reversed after a refund. */
export interface CommissionFact {
  readonly entryId: string;
  readonly orderExternalId: string;
  readonly seller: string;
  readonly store: string;
  readonly walletId: string;
  readonly currency: string;
  readonly occurredAt: Date;
  readonly postedAt: Date;
  readonly legs: readonly CommissionLeg[];
}

type LegTerms = Pick<CommissionLeg, 'party' | 'payee' | 'amount'>;

const MICRO = 10n ** BigInt(MICRO_SCALE);

/** Line types by party. The buyer's rebate makes no line: the seller funds its points when they are spent. */
const TYPES: Readonly<Record<string, 'contributor' | 'referral' | 'fee' | null>> = {
  contributor: 'contributor',
  distributor: 'referral',
  introducer: 'referral',
  store: 'referral',
  guide: 'referral',
  operator: 'fee',
  memberRebate: null,
};

function partOf(leg: LegTerms): LineType | null {
  const type = TYPES[leg.party];
  if (type === undefined) throw new Error(`no line is known for the party ${leg.party}`);
  if (type === null || leg.amount === 0n) return null;
  return leg.amount < 0n ? `${type}_reversal` : type;
}

function payeeOf({ payee, party }: LegTerms): Party {
  if (party === 'operator' || payee === OPERATOR) return OPERATOR;
  if (payee === MEMBERS || (isBrand(payee) && partyName(payee) !== '')) return payee;
  throw new Error(`a commission names the payee ${payee}`);
}

/** Line type and payee of a leg; null if it makes no line. */
export function legTerms(leg: LegTerms): { type: LineType; payee: Party } | null {
  const type = partOf(leg);
  if (type === null) return null;
  const payee = payeeOf(leg);
  // every amount to the operator is a fee in the books
  return { type: payee === OPERATOR ? (leg.amount < 0n ? 'fee_reversal' : 'fee') : type, payee };
}

/** Converts minor units to millionths of a minor unit. */
export function legMicro(amount: bigint): bigint {
  return amount * MICRO;
}

/** The lines of a posted commission, one per leg. The seller pays. */
export function commissionLines(fact: CommissionFact, lineOfLeg: ReadonlyMap<string, string>): Line[] {
  const seller = brandParty(fact.seller);
  return fact.legs.flatMap((leg): Line[] => {
    const terms = legTerms(leg);
    if (terms === null) return [];
    const { type, payee } = terms;
    return [
      {
        id: lineId(type, fact.entryId, leg.legId),
        type,
        postingId: fact.entryId,
        lotId: leg.legId,
        originalLineId: lineOfLeg.get(leg.reversesLegId) ?? null,
        originalPostingId: null,
        walletId: fact.walletId,
        actor: fact.seller,
        actorMemberRef: '',
        occurredAt: fact.occurredAt,
        postedAt: fact.postedAt,
        payer: seller,
        payee,
        issuer: seller,
        redeemer: null,
        store: fact.store === '' ? null : fact.store,
        asset: null,
        points: 0n,
        priceMicro: 0n,
        fixedMicro: legMicro(leg.amount),
        currency: fact.currency,
        reference: fact.orderExternalId === '' ? null : fact.orderExternalId,
        stamps: null,
      },
    ];
  });
}
