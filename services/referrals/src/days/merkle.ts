import { canonicalJson, sha256Hex } from '#libs/kernel';

/** A leg as it stands in the tree of its day: made of nothing but what the API shows of it. */
export interface Leaf {
  readonly id: string;
  readonly party: string;
  readonly payee: string;
  /** Minor units. */
  readonly amount: bigint;
  readonly currency: string;
  readonly day: string;
  readonly postedAt: string;
}

/** Leaves and inner nodes are hashed apart, so that no node can pass for a leaf. */
function leafHash({ id, party, payee, amount, currency, day, postedAt }: Leaf): string {
  return sha256Hex(`leaf:${canonicalJson({ id, party, payee, amount, currency, day, postedAt })}`);
}

/**
 * Root over a day's legs in order of their ids (RFC 6962 in spirit: a lone node moves up unchanged). It proves to one who may not see
 * the legs that nobody exchanges them later. Null for no legs.
 */
export function merkleRoot(leaves: readonly Leaf[]): string | null {
  let level = [...leaves].sort((a, b) => (a.id < b.id ? -1 : 1)).map(leafHash);
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
