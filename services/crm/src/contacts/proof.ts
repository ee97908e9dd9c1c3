import { fail } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';
import { saidAtFault } from '../consents/said-at.js';
import { CONTACT_KINDS } from './contact.js';
import type { ContactKind } from './contact.js';

/** How a brand may have proven that a contact point is its member's. */
export const PROOF_METHODS = {
  phone: ['sms_code', 'voice_code', 'carrier', 'platform', 'in_person'],
  email: ['email_code', 'email_link', 'platform', 'in_person'],
} as const satisfies Record<ContactKind, readonly string[]>;

/** The method of a contact point that the brand's contract vouches for. */
const BY_CONTRACT = 'contract';

export interface Proof {
  readonly method: string;
  readonly at: Date;
}

/** What a call says about its contact points; null where it says nothing. */
export type Proofs = Readonly<Record<ContactKind, Proof | null>>;

/**
 * How a contact point of a call is proven: by what the call says, else by what the brand's contract attests, else not at all. Only
 * a proven one finds a person: anybody may type another's address into a form.
 */
export function proofOf(kind: ContactKind, said: Proofs, attests: readonly string[], now: Date): Proof | null {
  return said[kind] ?? (attests.includes(kind) ? { method: BY_CONTRACT, at: now } : null);
}

/**
 * Refuses proofs of what the call does not bring, and of times that cannot be.
 * @throws DomainError `validation_failed` with a pointer
 */
export function checkProofs(
  said: Proofs,
  contacts: Readonly<Record<ContactKind, string | null>>,
  allianceNow: Date,
  realNow: Date,
): void {
  const errors: FieldFault[] = [];
  for (const kind of CONTACT_KINDS) {
    const proof = said[kind];
    if (proof === null) continue;
    const pointer = `/verified/${kind}`;
    if (contacts[kind] === null) errors.push({ pointer, code: 'not_allowed', detail: `There is no ${kind} to it.` });
    const fault = saidAtFault(proof.at, allianceNow, realNow);
    if (fault !== null) errors.push({ pointer: `${pointer}/at`, ...fault });
  }
  if (errors.length > 0) fail('validation_failed', { errors });
}
