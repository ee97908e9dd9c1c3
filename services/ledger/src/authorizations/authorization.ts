import type { AuthorizationStatus } from '../postings/posting.js';

/** What never changes about an authorization. */
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

/** An authorization as it stands now. */
export interface AuthorizationState extends AuthorizationFacts {
  status: AuthorizationStatus;
  open: boolean;
  captured: bigint;
  returned: bigint;
}

/** What a direct authorization asks for: no quote says it. */
export interface DirectAsk {
  memberRef: string;
  storeRef: string | null;
  points: bigint;
}
