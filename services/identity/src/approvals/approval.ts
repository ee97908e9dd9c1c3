export type ApprovalState = 'pending' | 'approved' | 'refused' | 'used' | 'expired';

export interface ApprovalFilter {
  readonly state: ApprovalState | null;
  readonly act: string | null;
  readonly maker: string | null;
  readonly brand: string | null;
}

/** One act that a second client was asked to approve. */
export interface Approval {
  readonly id: string;
  readonly act: string;
  readonly maker: string;
  readonly payload: unknown;
  readonly payloadHash: string;
  readonly state: ApprovalState;
  readonly checker: string | null;
  readonly reason: string | null;
  readonly askedAt: Date;
  readonly expiresAt: Date;
  readonly decidedAt: Date | null;
  readonly usedAt: Date | null;
}

/** Lifetime of an approval, from the request to the act. */
export const APPROVAL_LIVES_HOURS = 24;

/** Most approvals of one maker that may be pending or approved at the same time; more would bury those of other makers. */
export const OPEN_APPROVALS = 100;

/** How long a client counts as the same party as the client that created it or issued it a secret. */
export const KIN_FOR_DAYS = 30;
