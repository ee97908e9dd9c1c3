import { sha256Hex } from './json.js';

/** One step from a leaf to its root: the neighbour's hash and its side. */
export interface MerkleStep {
  readonly side: 'left' | 'right';
  readonly hash: string;
}

/**
 * Hash of a leaf with this content, as canonical JSON. Leaves and inner nodes are hashed differently, so that no node can pass for a leaf.
 */
export function merkleLeaf(canonical: string): string {
  return sha256Hex(`leaf:${canonical}`);
}

function nodeOf(left: string, right: string): string {
  return sha256Hex(`node:${left}${right}`);
}

function levelAbove(level: readonly string[]): string[] {
  const above: string[] = [];
  for (let i = 0; i < level.length; i += 2) {
    const [left = '', right] = level.slice(i, i + 2);
    above.push(right === undefined ? left : nodeOf(left, right));
  }
  return above;
}

/**
 * `sha256:…` over leaves in order of their hashes, so that a place in the tree does not reveal which came first (similar to RFC 6962: a
 * lone node moves up unchanged). It lets a reader without access to the leaves verify that they are not changed later. Null for no leaves.
 */
export function merkleRoot(leaves: readonly string[]): string | null {
  let level = [...leaves].sort();
  if (level.length === 0) return null;
  while (level.length > 1) level = levelAbove(level);
  return `sha256:${level[0] ?? ''}`;
}

/** The steps from one of the leaves to the root; null when the leaf is not among them. */
export function merkleProof(leaves: readonly string[], leaf: string): MerkleStep[] | null {
  let level = [...leaves].sort();
  let index = level.indexOf(leaf);
  if (index < 0) return null;
  const steps: MerkleStep[] = [];
  while (level.length > 1) {
    const left = index % 2 === 1;
    const neighbour = level[left ? index - 1 : index + 1];
    if (neighbour !== undefined) steps.push({ side: left ? 'left' : 'right', hash: neighbour });
    level = levelAbove(level);
    index = Math.floor(index / 2);
  }
  return steps;
}
