/** Purposes of consent. Each names receiver, purpose and kinds of data in its policy text. */
export const CONSENT_PURPOSES = [
  'join_pool',
  'profile_tags',
  'share_order_lines',
  'marketing_by_brand',
  'marketing_by_alliance',
] as const;
export type ConsentPurpose = (typeof CONSENT_PURPOSES)[number];

/** A member's consent or withdrawal at a brand. Consents are never changed, only followed by later ones. */
export interface Consent {
  readonly purpose: ConsentPurpose;
  readonly granted: boolean;
  readonly policyVersion: string;
  readonly channel: string;
  readonly at: Date;
}

/** The consent that lets a brand contribute a person, or null. */
export function joinConsent(consents: readonly Consent[]): Consent | null {
  return consents.find((consent) => consent.purpose === 'join_pool' && consent.granted) ?? null;
}

export function repeatedPurposes(consents: readonly Consent[]): number[] {
  return consents.flatMap((consent, index) =>
    consents.findIndex((other) => other.purpose === consent.purpose) < index ? [index] : [],
  );
}
