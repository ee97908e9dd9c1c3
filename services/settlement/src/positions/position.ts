import { fail } from '#libs/kernel';
import { brandParty, isBrand, MEMBERS, OPERATOR, RESERVE, ROUNDING } from '../parties/party.js';
import type { Party } from '../parties/party.js';

/** A party's amount for a cycle in minor units: positive receives, negative pays. */
export interface Position {
  readonly party: Party;
  readonly net: bigint;
}

/** A confirmed position: the net of undisputed lines, and the amount of disputed lines. */
export interface ConfirmedPosition extends Position {
  readonly disputed: bigint;
}

const OTHERS: readonly Party[] = [OPERATOR, MEMBERS, RESERVE, ROUNDING];

/** Brands by name, then the single parties. */
export function inOrder<P extends { readonly party: Party }>(positions: readonly P[]): P[] {
  const rank = (party: Party): string => (isBrand(party) ? `0${party}` : `1${OTHERS.indexOf(party)}`);
  return [...positions].sort((a, b) => (rank(a.party) < rank(b.party) ? -1 : 1));
}

/**
 * Positions of all parties of a cycle. Includes the parties that are always listed, even at zero.
 * @param brands slugs of brands that are listed even without a line
 */
export function positionsOf(nets: ReadonlyMap<Party, bigint>, brands: readonly string[]): Position[] {
  const parties = new Set([...brands.map(brandParty), ...nets.keys(), ...OTHERS]);
  const positions = inOrder([...parties].map((party) => ({ party, net: nets.get(party) ?? 0n })));
  if (positions.reduce((sum, { net }) => sum + net, 0n) !== 0n) {
    fail('internal_error', { detail: 'Positions do not balance.' });
  }
  return positions;
}
