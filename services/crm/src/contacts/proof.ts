import { fail } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';
import { saidAtFault } from '../consents/said-at.js';
import { CONTACT_KINDS } from './contact.js';
import type { ContactKind } from './contact.js';

/** How a brand can have proven that a contact point is its member's. */
export const PROOF_METHODS = {
  phone: ['sms_code', 'voice_code', 'carrier', 'platform', 'in_person'],
  email: ['email_code', 'email_link', 'platform', 'in_person'],
} as const satisfies Record<ContactKind, readonly string[]>;

/** The method of a contact point that the brand's contract attests. */
const BY_CONTRACT = 'contract';

export interface Proof {
  readonly method: string;
  readonly at: Date;
}

/** Proofs of a call's contact points; null if it states none. */
export type Proofs = Readonly<Record<ContactKind, Proof | null>>;

/**
 * Proof of a contact point of a call: the one stated in the call, else the attestation in the brand's contract, else none. Only a
 * proven contact point identifies a person: anybody can type another person's address into a form.
 */
export function proofOf(kind: ContactKind, said: Proofs, attests: readonly string[], now: Date): Proof | null {
  return said[kind] ?? (attests.includes(kind) ? { method: BY_CONTRACT, at: now } : null);
}

/**
 * Refuses proofs of contact points that are not in the call, and impossible times.
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
