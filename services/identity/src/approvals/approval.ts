export type ApprovalState = 'pending' | 'approved' | 'refused' | 'used' | 'expired';

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

/** For so long a client counts as one with whoever made it or gave it a secret. */
export const KIN_FOR_DAYS = 30;
