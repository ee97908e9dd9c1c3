import { merkleLeaf, merkleProof } from '#libs/kernel';
import type { MerkleStep } from '#libs/kernel';
import { leafOf } from '../days/day-total.js';
import type { FiledLine } from '../entries/line.js';
import { isBrand } from '../parties/party.js';
import type { Party } from '../parties/party.js';

/** An opened leg of a total: the content of its leaf, and the steps to the root that was published before. */
export type OpenedLeg = ReturnType<typeof leafOf> & { readonly proof: readonly MerkleStep[] };

export interface Decision {
  readonly verdict: 'opened' | 'refused';
  readonly by: string;
  readonly at: Date;
  readonly reason: string;
  readonly leg: OpenedLeg | null;
}

/** A brand's request to open one leg of a total that it reads. */
export interface Opening {
  readonly id: string;
  readonly cycle: string;
  readonly day: string;
  readonly asker: Party;
  readonly totalId: string;
  /** From 1, in order of the leaves' hashes, which reveals nothing of their times. */
  readonly leg: number;
  readonly lineId: string;
  /** The brand whose customer made the purchase; null if it is no other brand's. */
  readonly counterparty: Party | null;
  /** The counterparty's id of the line; null if it reads no line of its own. */
  readonly counterpartyLineId: string | null;
  readonly counterpartyOpeningId: string;
  readonly reason: string;
  readonly askedBy: string;
  readonly askedAt: Date;
  readonly decision: Decision | null;
}

/** The brand whose customer's purchase a leg discloses: the reader of the line in full; for a fee, the redeemer. */
export function discloserOf({ reader, redeemer }: FiledLine, asker: Party): Party | null {
  const party = reader ?? redeemer;
  return party !== null && isBrand(party) && party !== asker ? party : null;
}

interface Leaf {
  readonly line: FiledLine;
  readonly hash: string;
}

/** Legs of a reader's total in their order. */
export function legsInOrder(lines: readonly FiledLine[], saltOf: (lineId: string) => string): Leaf[] {
  return lines
    .map((line) => ({ line, hash: merkleLeaf(JSON.stringify(leafOf(line, saltOf(line.id)))) }))
    .sort((a, b) => (a.hash < b.hash ? -1 : 1));
}

/** A leg with its proof; null if the line is not among the legs. */
export function openedLeg(legs: readonly Leaf[], lineId: string, saltOf: (lineId: string) => string): OpenedLeg | null {
  const leg = legs.find(({ line }) => line.id === lineId);
  if (leg === undefined) return null;
  const proof = merkleProof(
    legs.map(({ hash }) => hash),
    leg.hash,
  );
  return proof === null ? null : { ...leafOf(leg.line, saltOf(lineId)), proof };
}
