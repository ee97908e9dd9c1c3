import { domainToASCII } from 'node:url';
import { parsePhoneNumberFromString } from 'libphonenumber-js/core';
import metadata from 'libphonenumber-js/min/metadata';

export const CONTACT_KINDS = ['phone', 'email'] as const;
export type ContactKind = (typeof CONTACT_KINDS)[number];

/** A contact point in its normalized spelling. Never logged, never put into an event, an error or an answer. */
export interface Contact {
  readonly kind: ContactKind;
  readonly value: string;
}

const LOCAL = /^[^\s@"(),:;<>[\\\]]{1,64}$/;
/** Excludes characters that delimit parts of a URL, before the domain is parsed as the host of one. */
const DOMAIN = /^[^\s@/?#%:[\\\]]{1,253}$/;
const HOST = /^[^\s@]{1,190}\.[^\s@.]{2,63}$/;

/** E.164, or null. The country must be given (`+86…`): guessing it would tie a number to the wrong person. */
export function normalisePhone(text: string): string | null {
  const trimmed = text.trim();
  if (trimmed.length > 40 || !/^[+＋]/.test(trimmed)) return null;
  const parsed = parsePhoneNumberFromString(trimmed, { extract: false }, metadata);
  if (parsed === undefined || parsed.ext !== undefined || !parsed.isPossible()) return null;
  return parsed.number;
}

/**
 * Lower-cases the address and writes the domain as in URLs (ASCII); null if it is invalid. Without this, one mailbox has many
 * spellings in Unicode. Dots and plus tags stay: only the mail host knows their meaning.
 */
export function normaliseEmail(text: string): string | null {
  const [local = '', domain = '', ...more] = text.trim().normalize('NFKC').toLowerCase().split('@');
  if (more.length > 0 || !LOCAL.test(local) || !DOMAIN.test(domain)) return null;
  const host = domainToASCII(domain);
  const email = `${local}@${host}`;
  return email.length <= 254 && HOST.test(host) ? email : null;
}

/** The normalized spelling of a contact point, or null if it is invalid. */
export function normaliseContact(kind: ContactKind, text: string): string | null {
  return kind === 'phone' ? normalisePhone(text) : normaliseEmail(text);
}
