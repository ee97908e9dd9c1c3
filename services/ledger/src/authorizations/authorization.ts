import type { AuthorizationStatus } from '../postings/posting.js';

/** The fields of an authorization that never change. */
export interface AuthorizationFacts {
  id: string;
  brand: string;
  walletId: string;
  memberRef: string;
  store: string | null;
  externalId: string;
  points: bigint;
  authorizedAt: Date;
  expiresAt: Date;
}

export interface AuthorizationState extends AuthorizationFacts {
  status: AuthorizationStatus;
  open: boolean;
  captured: bigint;
  returned: bigint;
}

/** The fields of a direct authorization, made without a quote. */
export interface DirectAsk {
  memberRef: string;
  storeRef: string | null;
  points: bigint;
}
