import { fail } from '#libs/kernel';
import { brandParty, OPERATOR } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import { lineId } from './line.js';
import type { Line, LineStamps, LineTerms, LineType } from './line.js';
import type { Movement, PostingFact, RedeemerTerms } from './posting-fact.js';

/** A line written earlier, by its id. */
export type EarlierLines = (id: string) => LineTerms | undefined;

type OfPosting = 'postingId' | 'walletId' | 'actor' | 'actorMemberRef' | 'occurredAt' | 'postedAt' | 'reference';
type OfMovement = 'lotId' | 'issuer' | 'asset' | 'fixedMicro' | 'stamps';

function commonOf(
  fact: PostingFact,
  movement: Movement,
  redeemerContract: number | null,
): Pick<Line, OfPosting | OfMovement> {
  const { terms } = movement;
  const stamps: LineStamps = {
    issuerContract: terms.contractVersion,
    redeemerContract,
    fundingMode: terms.fundingMode,
    funders: terms.funders,
    campaign: textOrNull(movement.campaign),
    earnedAt: movement.earnedAt,
    expiresAt: movement.expiresAt,
  };
  return {
    postingId: fact.postingId,
    walletId: fact.walletId,
    actor: fact.actor,
    actorMemberRef: fact.actorMemberRef,
    occurredAt: fact.occurredAt,
    postedAt: fact.postedAt,
    reference: textOrNull(fact.reference),
    lotId: movement.lotId,
    issuer: movement.issuer,
    asset: fact.asset,
    fixedMicro: 0n,
    stamps,
  };
}

const textOrNull = (text: string): string | null => (text === '' ? null : text);

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
 * Who pays for the points of a lot.
 * @throws DomainError `funding_mode_unsupported` for what cannot be priced yet: other modes, and several funders
 */
function payerOf({ issuer, lotId, terms }: Movement): Party {
  const [funder, ...others] = terms.funders;
  if (terms.fundingMode !== 'pay_at_redemption') {
    fail('funding_mode_unsupported', { detail: `Lot ${lotId} of ${issuer} has funding mode ${terms.fundingMode}.` });
  }
  if (funder === undefined || others.length > 0) {
    fail('funding_mode_unsupported', { detail: `Lot ${lotId} of ${issuer} has ${terms.funders.length} funders.` });
  }
  return funder.party;
}

/**
 * A line that only counts points. Under `pay_at_redemption` giving points and letting them expire moves no money: they are
 * paid for when they are spent, and never if nobody spends them.
 */
function unpaidLine(fact: PostingFact, movement: Movement, type: LineType, points: bigint): Line {
  return {
    ...commonOf(fact, movement, null),
    id: lineId(type, fact.postingId, movement.lotId, movement.originalPostingId),
    type,
    originalLineId: null,
    originalPostingId: null,
    payer: payerOf(movement),
    payee: OPERATOR,
    redeemer: null,
    store: textOrNull(fact.store),
    points,
    priceMicro: 0n,
    currency: movement.terms.currency,
  };
}

function redemptionLines(fact: PostingFact, movement: Movement, redeemer: Party, terms: RedeemerTerms): Line[] {
  const payer = payerOf(movement);
  const own = payer === redeemer;
  const points = -movement.points;
  const base = {
    ...commonOf(fact, movement, terms.contractVersion),
    originalLineId: null,
    originalPostingId: null,
    redeemer,
    store: textOrNull(fact.store),
    payer,
    points,
  };
  const redemption: Line = {
    ...base,
    id: lineId('redemption', fact.postingId, movement.lotId),
    type: 'redemption',
    payee: redeemer,
    priceMicro: own ? 0n : terms.reimbursementMicro,
    currency: terms.currency,
  };
  // the operator charges itself nothing
  const { operatorFeeMicro, feeOnOwn, currency } = movement.terms;
  if (payer === OPERATOR || operatorFeeMicro === 0n || (own && !feeOnOwn)) return [redemption];
  const id = lineId('fee', fact.postingId, movement.lotId);
  return [redemption, { ...base, id, type: 'fee', payee: OPERATOR, priceMicro: operatorFeeMicro, currency }];
}

function reversalLines(fact: PostingFact, movement: Movement, earlier: EarlierLines): Line[] {
  const undo = (type: 'redemption' | 'fee'): Line | null => {
    const original = earlier(lineId(type, movement.originalPostingId, movement.lotId));
    if (original === undefined) return null;
    const reversal: LineType = type === 'fee' ? 'fee_reversal' : 'redemption_reversal';
    return {
      ...commonOf(fact, movement, original.redeemerContract),
      id: lineId(reversal, fact.postingId, movement.lotId, movement.originalPostingId),
      type: reversal,
      originalLineId: original.id,
      originalPostingId: movement.originalPostingId,
      payer: original.payer,
      payee: original.payee,
      issuer: original.issuer,
      redeemer: original.redeemer,
      store: original.store ?? textOrNull(fact.store),
      points: -movement.points,
      priceMicro: original.priceMicro,
      currency: original.currency,
    };
  };
  const redemption = undo('redemption');
  if (redemption === null) {
    throw new Error(`posting ${fact.postingId} undoes ${movement.originalPostingId}, which has no line yet`);
  }
  const fee = undo('fee');
  return fee === null ? [redemption] : [redemption, fee];
}

/** Ids of the earlier lines whose prices a posting needs. */
export function originalLineIds(fact: PostingFact): string[] {
  if (fact.kind !== 'redemption_return') return [];
  return fact.movements.flatMap((movement) => [
    lineId('redemption', movement.originalPostingId, movement.lotId),
    lineId('fee', movement.originalPostingId, movement.lotId),
  ]);
}

/**
 * The lines of one posting (mode `pay_at_redemption`). Prices are those that the ledger stamped: the operator's fee as agreed
 * when the points were issued, the reimbursement as agreed when they were captured or promised by a quote before. A give-back
 * carries the prices of what it undoes.
 */
export function priceLines(fact: PostingFact, earlier: EarlierLines): Line[] {
  return merged(fact.movements).flatMap((movement) => {
    switch (fact.kind) {
      case 'accrual':
      case 'accrual_reversal': {
        const type = movement.points > 0n ? 'accrual' : 'accrual_reversal';
        return [unpaidLine(fact, movement, type, movement.points)];
      }
      case 'expiry':
        return [unpaidLine(fact, movement, 'expiry', -movement.points)];
      case 'capture':
        return redemptionLines(fact, movement, brandParty(fact.actor), fact.redeemerTerms);
      case 'redemption_return':
        return reversalLines(fact, movement, earlier);
    }
  });
}
