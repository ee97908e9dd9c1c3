import type { Grant } from '../standings/ranks.js';

export interface GrantEnd {
  readonly by: string;
  readonly at: Date;
}

/** A rank given by the operator: a match of another programme's status, or by hand. It always ends, and says why. */
export interface TierGrant {
  readonly id: string;
  readonly walletId: string;
  readonly memberRef: string;
  readonly source: 'match' | 'manual';
  readonly rank: number;
  readonly from: Date;
  readonly to: Date;
  readonly reason: string;
  readonly proof: string | null;
  readonly madeBy: string;
  readonly madeAt: Date;
  /** Of a grant by hand: who approved it. */
  readonly approvedBy: string;
  readonly revoked: GrantEnd | null;
}

export type GrantState = 'approved' | 'revoked' | 'expired';

export function stateOf(grant: TierGrant, now: Date): GrantState {
  if (grant.revoked !== null) return 'revoked';
  return grant.to <= now ? 'expired' : 'approved';
}

/** The time in which it lifts the member, or null: not before it was made, not after its revocation. */
export function liveGrant(grant: TierGrant): Grant | null {
  const from = Math.max(grant.from.getTime(), grant.madeAt.getTime());
  const to = Math.min(grant.to.getTime(), grant.revoked?.at.getTime() ?? Infinity);
  return from < to ? { id: grant.id, source: grant.source, rank: grant.rank, from, to } : null;
}
