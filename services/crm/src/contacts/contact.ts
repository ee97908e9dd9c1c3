import { parsePhoneNumberFromString } from 'libphonenumber-js/core';
import metadata from 'libphonenumber-js/min/metadata';

export const CONTACT_KINDS = ['phone', 'email'] as const;
export type ContactKind = (typeof CONTACT_KINDS)[number];

/** A way to reach a person, in its one spelling. Never logged, never put into an event, an error or an answer. */
export interface Contact {
  readonly kind: ContactKind;
  readonly value: string;
}

const EMAIL = /^[^\s@"(),:;<>[\\\]]{1,64}@[^\s@]{1,190}\.[^\s@.]{2,63}$/;

/** E.164, or null. The country must be given (`+86…`): guessing it would tie a number to the wrong person. */
export function normalisePhone(text: string): string | null {
  const trimmed = text.trim();
  if (trimmed.length > 40 || !/^[+＋]/.test(trimmed)) return null;
  const parsed = parsePhoneNumberFromString(trimmed, { extract: false }, metadata);
  if (parsed === undefined || parsed.ext !== undefined || !parsed.isPossible()) return null;
  return parsed.number;
}

/** Trimmed and lower-cased, or null. Dots and plus tags stay: only the mail's host knows what they mean. */
export function normaliseEmail(text: string): string | null {
  const email = text.trim().normalize('NFC').toLowerCase();
  return email.length <= 254 && EMAIL.test(email) ? email : null;
}

/** The one spelling of a contact point, or null when it is none. */
export function normaliseContact(kind: ContactKind, text: string): string | null {
  return kind === 'phone' ? normalisePhone(text) : normaliseEmail(text);
}
