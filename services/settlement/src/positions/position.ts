import { fail } from '#libs/kernel';
import { brandParty, isBrand, MEMBERS, OPERATOR, RESERVE, ROUNDING } from '../parties/party.js';
import type { Party } from '../parties/party.js';

/** What a party receives (positive) or pays for a cycle, in minor units. */
export interface Position {
  readonly party: Party;
  readonly net: bigint;
}

/** A position as it was confirmed: the net of what nobody disputes, and what the disputed lines would add. */
export interface ConfirmedPosition extends Position {
  readonly disputed: bigint;
}

const OTHERS: readonly Party[] = [OPERATOR, MEMBERS, RESERVE, ROUNDING];

/** Brands by name, then the parties there is one of. */
export function inOrder<P extends { readonly party: Party }>(positions: readonly P[]): P[] {
  const rank = (party: Party): string => (isBrand(party) ? `0${party}` : `1${OTHERS.indexOf(party)}`);
  return [...positions].sort((a, b) => (rank(a.party) < rank(b.party) ? -1 : 1));
}

/**
 * Positions of all parties of a cycle, and of those that stay at zero while there is nothing to hold for them.
 * @param brands slugs of brands that are told even where they have no line
 */
export function positionsOf(nets: ReadonlyMap<Party, bigint>, brands: readonly string[]): Position[] {
  const parties = new Set([...brands.map(brandParty), ...nets.keys(), ...OTHERS]);
  const positions = inOrder([...parties].map((party) => ({ party, net: nets.get(party) ?? 0n })));
  if (positions.reduce((sum, { net }) => sum + net, 0n) !== 0n) {
    fail('internal_error', { detail: 'Positions do not balance.' });
  }
  return positions;
}
