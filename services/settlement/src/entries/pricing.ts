import { fail, largestRemainder, splitInTurn } from '#libs/kernel';
import { brandParty, OPERATOR } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import { lineId } from './line.js';
import type { Line, LineStamps, LineTerms, LineType } from './line.js';
import type { Movement, PostingFact, RedeemerTerms } from './posting-fact.js';

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

/** Merges movements of one posting with the same lot and the same original into one. */
function merged(movements: readonly Movement[]): Movement[] {
  const byKey = new Map<string, Movement>();
  for (const movement of movements) {
    const key = `${movement.lotId}|${movement.originalPostingId}`;
    const known = byKey.get(key);
    byKey.set(key, known === undefined ? movement : { ...movement, points: known.points + movement.points });
  }
  return [...byKey.values()].filter((movement) => movement.points !== 0n);
}

/** Points that one funder of a lot pays for. */
interface Part {
  readonly payer: Party;
  readonly points: bigint;
  /** Distinguishes the lines of several funders; null if there is one funder. */
  readonly funder: Party | null;
}

/** The funders of a lot as distinguished by its lines. */
function fundersOfLot({ terms }: Movement): Pick<Part, 'payer' | 'funder'>[] {
  const [, second] = terms.funders;
  return terms.funders.map(({ party }) => ({ payer: party, funder: second === undefined ? null : party }));
}

/**
 * Payers of a lot's points, with their shares by largest remainder, which sum to the points exactly. A payer with no points has no
 * part.
 * @throws DomainError `funding_mode_unsupported` for modes that cannot be priced yet
 */
function partsOf(movement: Movement, points: bigint): Part[] {
  const { issuer, lotId, terms } = movement;
  if (terms.fundingMode !== 'pay_at_redemption') {
    fail('funding_mode_unsupported', { detail: `Lot ${lotId} of ${issuer} has funding mode ${terms.fundingMode}.` });
  }
  const shares = largestRemainder(
    points,
    terms.funders.map(({ shareBp }) => BigInt(shareBp)),
  );
  return fundersOfLot(movement)
    .map((of, i) => ({ ...of, points: shares[i] ?? 0n }))
    .filter((part) => part.points !== 0n);
}

/**
 * A line that only counts points. Under `pay_at_redemption`, issuing points and their expiry move no money: points are paid for
 * when they are spent, or never.
 */
function unpaidLines(fact: PostingFact, movement: Movement, type: LineType, points: bigint): Line[] {
  return partsOf(movement, points).map((part) => ({
    ...commonOf(fact, movement, null),
    id: lineId(type, fact.postingId, movement.lotId, movement.originalPostingId, part.funder),
    type,
    originalLineId: null,
    originalPostingId: null,
    payer: part.payer,
    payee: OPERATOR,
    redeemer: null,
    store: textOrNull(fact.store),
    points: part.points,
    priceMicro: 0n,
    currency: movement.terms.currency,
  }));
}

function redemptionLines(fact: PostingFact, movement: Movement, redeemer: Party, terms: RedeemerTerms): Line[] {
  return partsOf(movement, -movement.points).flatMap((part) => partLines(fact, movement, part, redeemer, terms));
}

function partLines(
  fact: PostingFact,
  movement: Movement,
  { payer, points, funder }: Part,
  redeemer: Party,
  terms: RedeemerTerms,
): Line[] {
  const own = payer === redeemer;
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
    id: lineId('redemption', fact.postingId, movement.lotId, '', funder),
    type: 'redemption',
    payee: redeemer,
    priceMicro: own ? 0n : terms.reimbursementMicro,
    currency: terms.currency,
  };
  // the operator charges itself nothing
  const { operatorFeeMicro, feeOnOwn, currency } = movement.terms;
  if (payer === OPERATOR || operatorFeeMicro === 0n || (own && !feeOnOwn)) return [redemption];
  const id = lineId('fee', fact.postingId, movement.lotId, '', funder);
  return [redemption, { ...base, id, type: 'fee', payee: OPERATOR, priceMicro: operatorFeeMicro, currency }];
}

/** What each funder gets back of points given back, given what each paid for and what had come back before. */
export function givenBack(points: bigint, paid: readonly bigint[], returned: bigint): bigint[] {
  const before = splitInTurn(returned, paid);
  return splitInTurn(returned + points, paid).map((part, i) => part - (before[i] ?? 0n));
}

/**
 * Reverses parts of a redemption in proportion. No part gets back more than it paid, and partial returns, in whatever portions, add up to the
 * same result as one.
 */
function reversalLines(fact: PostingFact, movement: Movement, earlier: EarlierLines): Line[] {
  const ids = partIds(fact, movement);
  // handled before: the parts left now would give another split
  if (ids.length > 1 && ids.some(({ reversal }) => earlier(reversal) !== undefined)) return [];
  const originals = ids.flatMap(({ redemption, fee, funder }) => {
    const line = earlier(redemption);
    return line === undefined ? [] : [{ line, fee: earlier(fee), funder }];
  });
  if (originals.length === 0) {
    throw new Error(`posting ${fact.postingId} undoes ${movement.originalPostingId}, which has no line yet`);
  }
  const [only, second] = originals;
  const paid = originals.map(({ line }) => line.points);
  const returned = originals.reduce((sum, { line }) => sum + line.returned, 0n);
  const points =
    only !== undefined && second === undefined ? [movement.points] : givenBack(movement.points, paid, returned);
  return originals.flatMap(({ line, fee, funder }, i) => {
    const part = points[i] ?? 0n;
    if (part === 0n) return [];
    const undo = (type: 'redemption_reversal' | 'fee_reversal', original: LineTerms): Line => ({
      ...commonOf(fact, movement, original.redeemerContract),
      id: lineId(type, fact.postingId, movement.lotId, movement.originalPostingId, funder),
      type,
      originalLineId: original.id,
      originalPostingId: movement.originalPostingId,
      payer: original.payer,
      payee: original.payee,
      issuer: original.issuer,
      redeemer: original.redeemer,
      store: original.store ?? textOrNull(fact.store),
      points: -part,
      priceMicro: original.priceMicro,
      currency: original.currency,
    });
    const redemption = undo('redemption_reversal', line);
    return fee === undefined ? [redemption] : [redemption, undo('fee_reversal', fee)];
  });
}

/** Ids of the lines that a give-back reverses and of the lines it makes, by funder. */
function partIds(fact: PostingFact, movement: Movement) {
  const { lotId, originalPostingId } = movement;
  return fundersOfLot(movement).map(({ funder }) => ({
    funder,
    redemption: lineId('redemption', originalPostingId, lotId, '', funder),
    fee: lineId('fee', originalPostingId, lotId, '', funder),
    reversal: lineId('redemption_reversal', fact.postingId, lotId, originalPostingId, funder),
  }));
}

/** Ids of the earlier lines that a posting needs, for their prices and to detect that it was handled. */
export function originalLineIds(fact: PostingFact): string[] {
  if (fact.kind !== 'redemption_return') return [];
  return fact.movements.flatMap((movement) => {
    const parts = partIds(fact, movement);
    return parts.flatMap(({ redemption, fee, reversal }) =>
      parts.length > 1 ? [redemption, fee, reversal] : [redemption, fee],
    );
  });
}

/**
 * The lines of one posting (mode `pay_at_redemption`). Prices are those stamped by the ledger: the operator's fee as agreed when
 * the points were issued, the reimbursement as agreed at the capture or promised earlier by a quote. A give-back uses the prices
 * of its original. Points with several funders make one line per funder.
 */
export function priceLines(fact: PostingFact, earlier: EarlierLines): Line[] {
  return merged(fact.movements).flatMap((movement) => {
    switch (fact.kind) {
      case 'accrual':
      case 'accrual_reversal': {
        const type = movement.points > 0n ? 'accrual' : 'accrual_reversal';
        return unpaidLines(fact, movement, type, movement.points);
      }
      case 'expiry':
        return unpaidLines(fact, movement, 'expiry', -movement.points);
      case 'capture':
        return redemptionLines(fact, movement, brandParty(fact.actor), fact.redeemerTerms);
      case 'redemption_return':
        return reversalLines(fact, movement, earlier);
    }
  });
}
