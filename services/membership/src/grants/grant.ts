import type { Grant } from '../standings/ranks.js';

export interface GrantEnd {
  readonly by: string;
  readonly at: Date;
}

/** A rank given by the operator: by status match with another programme, or by hand. It always has an end and a reason. */
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
  readonly approvedBy: string;
  readonly revoked: GrantEnd | null;
}

export type GrantState = 'approved' | 'revoked' | 'expired';

export function stateOf(grant: TierGrant, now: Date): GrantState {
  if (grant.revoked !== null) return 'revoked';
  return grant.to <= now ? 'expired' : 'approved';
}

/** The period in which the grant lifts the member: not before its creation, not after its revocation. Null if there is none. */
export function liveGrant(grant: TierGrant): Grant | null {
  const from = Math.max(grant.from.getTime(), grant.madeAt.getTime());
  const to = Math.min(grant.to.getTime(), grant.revoked?.at.getTime() ?? Infinity);
  return from < to ? { id: grant.id, source: grant.source, rank: grant.rank, from, to } : null;
}
