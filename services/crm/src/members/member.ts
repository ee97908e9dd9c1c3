import { fail, formatInstant, sha256Hex } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';
import { CONTACT_KINDS, normaliseContact } from '../contacts/contact.js';
import type { ContactKind } from '../contacts/contact.js';
import type { Proofs } from '../contacts/proof.js';
import type { Consent } from '../consents/consent.js';
import type { MemberLink } from '../links/link.js';
import type { MemberCreatedView, MemberView } from './members.answers.js';

/** A contribution in its normalized spelling. */
export interface Contribution {
  readonly externalId: string;
  readonly phone: string | null;
  readonly email: string | null;
  readonly verified: Proofs;
  readonly consents: readonly Consent[];
  readonly attributes: Readonly<Record<string, string>>;
}

/** The answer to a contribution. It does not depend on what the alliance knew before. */
export function createdView(link: Pick<MemberLink, 'memberRef' | 'externalId' | 'createdAt'>): MemberCreatedView {
  return {
    memberRef: link.memberRef,
    externalId: link.externalId,
    status: 'active',
    createdAt: formatInstant(link.createdAt),
  };
}

/**
 * A member as its brand reads it. Of contact points it contains only the kinds that the brand sent. The brand has the values, and
 * values here, masked or not, would be a common part of the answers to two brands.
 */
export function memberView(link: MemberLink): MemberView {
  return {
    memberRef: link.memberRef,
    externalId: link.externalId,
    status: link.status,
    createdAt: formatInstant(link.createdAt),
    updatedAt: formatInstant(link.updatedAt),
    contacts: CONTACT_KINDS.filter((kind) => (kind === 'phone' ? link.phoneId : link.emailId) !== null),
    attributes: link.attributes,
  };
}

/**
 * The content of the ETag. It distinguishes versions of one member and has nothing in common with the same person's ETag at
 * another brand.
 */
export function versionTag(link: MemberLink): string {
  return sha256Hex(`${link.memberRef}:${link.version}`).slice(0, 24);
}

/** The content by which two contributions are compared: every field, in fixed order and spelling. */
export function contentOf(contribution: Contribution): unknown {
  const consents = [...contribution.consents].sort((a, b) => (a.purpose < b.purpose ? -1 : 1));
  return { ...contribution, consents: consents.map((consent) => ({ ...consent, at: consent.at.toISOString() })) };
}

/**
 * Normalizes the contact points of a body; an absent or null contact point is null.
 * @throws DomainError `validation_failed` with a pointer, never with the value
 */
export function spelling(body: { phone?: string | null; email?: string | null }): Record<ContactKind, string | null> {
  const faults: FieldFault[] = [];
  const spell = (kind: ContactKind): string | null => {
    const text = body[kind];
    if (text === undefined || text === null) return null;
    const value = normaliseContact(kind, text);
    if (value === null) faults.push({ pointer: `/${kind}`, code: `${kind}_invalid`, detail: DETAILS[kind] });
    return value;
  };
  const spelt = { phone: spell('phone'), email: spell('email') };
  if (faults.length > 0) fail('validation_failed', { errors: faults });
  return spelt;
}

const DETAILS: Record<ContactKind, string> = {
  phone: 'Must be a phone number with its country code, such as +8613800138000.',
  email: 'Must be an e-mail address.',
};
