import { brandParty, isBrand } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import { isFee, isRedemption } from './line.js';
import type { Line } from './line.js';

/**
 * The one brand that reads a line in full: the redeemer reads its own captures, a brand the acts of its own tills and sales. Every
 * other party concerned sees it in a total. Null: nobody.
 */
export function readerOf({ type, actor, payer, issuer, redeemer }: Line): Party | null {
  if (isRedemption(type)) return redeemer !== null && isBrand(redeemer) ? redeemer : null;
  if (actor === '') return null;
  const own = brandParty(actor);
  if (redeemer !== null && redeemer !== own) return null;
  // only its payer sees a fee
  return payer === own || (issuer === own && !isFee(type)) ? own : null;
}

/** Brands that see a line in a total of its day: payer, payee, and issuer of the points. */
export function totalReaders({ type, payer, issuer, payee }: Line, reader: Party | null): Party[] {
  const concerned = isFee(type) ? [payer] : [payer, issuer, payee];
  return [...new Set(concerned)].filter((party) => isBrand(party) && party !== reader);
}

const redemptionKey = (
  type: string,
  postingId: string,
  originalPostingId: string | null,
  { payer, priceMicro }: Pick<Line, 'payer' | 'priceMicro'>,
  reader: Party | null,
): string => [type, postingId, originalPostingId ?? '', priceMicro, payer === reader ? 'own' : 'paid'].join('|');

/**
 * Key of lines that the reader sees as one: all lots of a capture at one price, because their issuers are hidden from it.
 * Otherwise a single line.
 */
export function ownKey(line: Line, reader: Party | null): string {
  if (line.redeemer === null) return line.id;
  return redemptionKey(line.type, line.postingId, line.originalPostingId, line, reader);
}

/** The {@link ownKey} of the line being reversed; null if none. */
export function originalKey(
  line: Pick<Line, 'type' | 'redeemer' | 'originalPostingId' | 'originalLineId' | 'payer' | 'priceMicro'>,
  reader: Party | null,
): string | null {
  if (line.redeemer === null) return line.originalLineId;
  if (line.originalPostingId === null) return null;
  return redemptionKey(line.type.replace('_reversal', ''), line.originalPostingId, null, line, reader);
}
