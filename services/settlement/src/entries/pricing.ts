import { fail } from '#libs/kernel';
import { isBrand, lineId, OPERATOR } from './line.js';
import type { Line, LineTerms, LineType } from './line.js';
import type { Movement, PostingFact } from './posting-fact.js';

/** The prices of one brand's contract that matter for a line, in millionths of a minor unit per point. */
export interface PriceTerms {
  readonly fundingMode: string;
  readonly currency: string;
  readonly reimbursementMicro: bigint;
  readonly operatorFeeMicro: bigint;
  /** Whether the operator's fee is due when points are redeemed at the brand that issued them. */
  readonly feeOnOwn: boolean;
}

export interface PriceBook {
  /** Currency an issuer's points are accounted in, contract or not. */
  currencyOf(brand: string): string;
  /** The contract in force at the instant; throws when there is none. */
  termsAt(brand: string, at: Date): PriceTerms;
  /** A line written earlier, by its id. */
  lineTerms(id: string): LineTerms | undefined;
}

type Common = Omit<
  Line,
  | 'id'
  | 'type'
  | 'lotId'
  | 'originalLineId'
  | 'payer'
  | 'payee'
  | 'issuer'
  | 'redeemer'
  | 'points'
  | 'priceMicro'
  | 'currency'
>;

function commonOf(fact: PostingFact): Common {
  return {
    postingId: fact.postingId,
    walletId: fact.walletId,
    actor: fact.actor,
    actorMemberRef: fact.actorMemberRef,
    occurredAt: fact.occurredAt,
    postedAt: fact.postedAt,
    store: fact.store === '' ? null : fact.store,
    reference: fact.reference === '' ? null : fact.reference,
    fixedMicro: 0n,
  };
}

/** Movements of one posting that name the same lot and the same original are one line. */
function merged(movements: readonly Movement[]): Movement[] {
  const byKey = new Map<string, Movement>();
  for (const movement of movements) {
    const key = `${movement.lotId}|${movement.originalPostingId}`;
    const known = byKey.get(key);
    byKey.set(key, known === undefined ? movement : { ...movement, points: known.points + movement.points });
  }
  return [...byKey.values()].filter((movement) => movement.points !== 0n);
}

/**
 * A line that only counts points. Under `pay_at_redemption` giving points and letting them expire moves no money: the
 * issuer pays when they are spent, and never for those that nobody spends.
 */
function unpaidLine(fact: PostingFact, movement: Movement, type: LineType, points: bigint, book: PriceBook): Line {
  return {
    ...commonOf(fact),
    id: lineId(type, fact.postingId, movement.lotId, movement.originalPostingId),
    type,
    lotId: movement.lotId,
    originalLineId: null,
    payer: movement.issuer,
    payee: OPERATOR,
    issuer: movement.issuer,
    redeemer: null,
    points,
    priceMicro: 0n,
    currency: book.currencyOf(movement.issuer),
  };
}

function redemptionLines(fact: PostingFact, movement: Movement, book: PriceBook): Line[] {
  const redeemer = fact.actor;
  const { issuer } = movement;
  const own = issuer === redeemer;
  // the operator has no contract with itself: for its points it pays the redeemer and no fee
  const issuerTerms = isBrand(issuer) ? book.termsAt(issuer, fact.postedAt) : null;
  const redeemerTerms = own && issuerTerms !== null ? issuerTerms : book.termsAt(redeemer, fact.postedAt);
  if (issuerTerms !== null && issuerTerms.fundingMode !== 'pay_at_redemption') {
    fail('funding_mode_unsupported', { detail: `${issuer} has funding mode ${issuerTerms.fundingMode}.` });
  }
  const points = -movement.points;
  const priceMicro = own ? 0n : (fact.quotedReimbursementMicro ?? redeemerTerms.reimbursementMicro);
  const base = { ...commonOf(fact), lotId: movement.lotId, originalLineId: null, issuer, redeemer, points };
  const lines: Line[] = [
    {
      ...base,
      id: lineId('redemption', fact.postingId, movement.lotId),
      type: 'redemption',
      payer: issuer,
      payee: redeemer,
      priceMicro,
      currency: redeemerTerms.currency,
    },
  ];
  if (issuerTerms !== null && issuerTerms.operatorFeeMicro !== 0n && (!own || issuerTerms.feeOnOwn)) {
    lines.push({
      ...base,
      id: lineId('fee', fact.postingId, movement.lotId),
      type: 'fee',
      payer: issuer,
      payee: OPERATOR,
      priceMicro: issuerTerms.operatorFeeMicro,
      currency: issuerTerms.currency,
    });
  }
  return lines;
}

function reversalLines(fact: PostingFact, movement: Movement, book: PriceBook): Line[] {
  const undo = (type: 'redemption' | 'fee'): Line | null => {
    const original = book.lineTerms(lineId(type, movement.originalPostingId, movement.lotId));
    if (original === undefined) return null;
    const reversal: LineType = type === 'fee' ? 'fee_reversal' : 'redemption_reversal';
    return {
      ...commonOf(fact),
      payer: original.payer,
      payee: original.payee,
      issuer: original.issuer,
      redeemer: original.redeemer,
      priceMicro: original.priceMicro,
      currency: original.currency,
      id: lineId(reversal, fact.postingId, movement.lotId, movement.originalPostingId),
      type: reversal,
      lotId: movement.lotId,
      originalLineId: original.id,
      store: original.store ?? (fact.store === '' ? null : fact.store),
      points: -movement.points,
    };
  };
  const redemption = undo('redemption');
  if (redemption === null) {
    throw new Error(`posting ${fact.postingId} undoes ${movement.originalPostingId}, which has no line yet`);
  }
  const fee = undo('fee');
  return fee === null ? [redemption] : [redemption, fee];
}

/** Ids of the earlier lines whose prices a posting may need. */
export function originalLineIds(fact: PostingFact): string[] {
  if (fact.kind !== 'redemption_return') return [];
  return fact.movements.flatMap((movement) => [
    lineId('redemption', movement.originalPostingId, movement.lotId),
    lineId('fee', movement.originalPostingId, movement.lotId),
  ]);
}

/** Brands whose contract or currency a posting needs. */
export function brandsOf(fact: PostingFact): string[] {
  const issuers = fact.movements.map((movement) => movement.issuer).filter(isBrand);
  return fact.kind === 'capture' ? [fact.actor, ...issuers] : issuers;
}

/**
 * The lines of one posting (mode `pay_at_redemption`): the redeemer's contract gives the reimbursement price, unless a quote
 * promised one, and the issuer's the operator's fee, both as in force when the posting was made. A give-back carries the
 * prices of what it undoes.
 */
export function priceLines(fact: PostingFact, book: PriceBook): Line[] {
  return merged(fact.movements).flatMap((movement) => {
    switch (fact.kind) {
      case 'accrual':
      case 'accrual_reversal': {
        const type = movement.points > 0n ? 'accrual' : 'accrual_reversal';
        return [unpaidLine(fact, movement, type, movement.points, book)];
      }
      case 'expiry':
        return [unpaidLine(fact, movement, 'expiry', -movement.points, book)];
      case 'capture':
        return redemptionLines(fact, movement, book);
      case 'redemption_return':
        return reversalLines(fact, movement, book);
    }
  });
}
