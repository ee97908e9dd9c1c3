import { brandParty, isBrand } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import { isFee, isRedemption } from './line.js';
import type { Line } from './line.js';

/**
 * The one brand that reads a line in full: the redeemer its own captures, a brand what its own tills and sales did. Everybody else whom
 * it concerns finds it in a total. Null: nobody, as with points that expire: how many of a member's points expire, and when, follows from
 * what the member did elsewhere.
 */
export function readerOf({ type, actor, payer, issuer, redeemer }: Line): Party | null {
  if (isRedemption(type)) return redeemer !== null && isBrand(redeemer) ? redeemer : null;
  if (type === 'expiry' || actor === '') return null;
  const own = brandParty(actor);
  if (redeemer !== null && redeemer !== own) return null;
  // a fee is the business of its payer alone
  return payer === own || (issuer === own && !isFee(type)) ? own : null;
}

/** Brands that find a line in a total of its day: who pays or is paid, and whose points they are. */
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

/** What the reader reads as one line: of a capture all lots at one price, as whose points they were is none of its business. Else a line. */
export function ownKey(line: Line, reader: Party | null): string {
  if (line.redeemer === null) return line.id;
  return redemptionKey(line.type, line.postingId, line.originalPostingId, line, reader);
}

/** The {@link ownKey} of what a line undoes; null when it undoes nothing. */
export function originalKey(
  line: Pick<Line, 'type' | 'redeemer' | 'originalPostingId' | 'originalLineId' | 'payer' | 'priceMicro'>,
  reader: Party | null,
): string | null {
  if (line.redeemer === null) return line.originalLineId;
  if (line.originalPostingId === null) return null;
  return redemptionKey(line.type.replace('_reversal', ''), line.originalPostingId, null, line, reader);
}
