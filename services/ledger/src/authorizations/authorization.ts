import { fail } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';

import type { AuthorizationStatus } from '../posting/posting.js';

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

interface AskFields {
  quoteId?: string | null;
  memberRef?: string | null;
  storeRef?: string | null;
  points?: number | null;
}

/** Tells the two forms of asking apart: by quote (null) or directly; refuses a mixture of both. */
export function directAsk(body: AskFields): DirectAsk | null {
  const { quoteId, memberRef, storeRef, points } = body;
  if (typeof quoteId === 'string') {
    const said: [string, unknown][] = Object.entries({ memberRef, storeRef, points });
    const faults: FieldFault[] = said
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([field]) => ({ pointer: `/${field}`, code: 'not_allowed', detail: 'Already given by the quote.' }));
    if (faults.length > 0) fail('validation_failed', { errors: faults });
    return null;
  }
  if (typeof memberRef !== 'string' || typeof points !== 'number') {
    const missing = Object.entries({ memberRef, points }).filter(([, value]) => value === undefined || value === null);
    const detail = 'The field is missing, and there is no quoteId.';
    return fail('validation_failed', {
      errors: missing.map(([field]) => ({ pointer: `/${field}`, code: 'required', detail })),
    });
  }
  return { memberRef, storeRef: storeRef ?? null, points: BigInt(points) };
}
