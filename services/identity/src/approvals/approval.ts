export type ApprovalState = 'pending' | 'approved' | 'refused' | 'used' | 'expired';

/** Which approvals are looked for. */
export interface ApprovalFilter {
  readonly state: ApprovalState | null;
  readonly act: string | null;
  readonly maker: string | null;
  /** The brand that the act is about. */
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

/** From the asking to the act. */
export const APPROVAL_LIVES_HOURS = 24;

/** Acts of one client that may wait or be approved at once: more would hide those of others. */
export const OPEN_APPROVALS = 100;

/** For so long a client counts as one with whoever made it or gave it a secret. */
export const KIN_FOR_DAYS = 30;
