import { canonicalJson, sha256Hex } from '#libs/kernel';

/** A leg as it stands in the tree of its day. */
export interface Leaf {
  readonly legId: string;
  readonly orderId: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly postedAt: string;
}

/** Leaves and inner nodes are hashed apart, so that no node can pass for a leaf. */
function leafHash(leaf: Leaf): string {
  return sha256Hex(`leaf:${canonicalJson(leaf)}`);
}

/**
 * Root over a day's legs in order of their ids (RFC 6962 in spirit: a lone node moves up unchanged). It proves to one who may not see
 * the legs that nobody exchanges them later. Null for no legs.
 */
export function merkleRoot(leaves: readonly Leaf[]): string | null {
  let level = [...leaves].sort((a, b) => (a.legId < b.legId ? -1 : 1)).map(leafHash);
  if (level.length === 0) return null;
  while (level.length > 1) {
    const next: string[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left = '', right] = level.slice(i, i + 2);
      next.push(right === undefined ? left : sha256Hex(`node:${left}${right}`));
    }
    level = next;
  }
  return `sha256:${level[0] ?? ''}`;
}
