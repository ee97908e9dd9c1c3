import type { SigningKeyView } from './signing-keys.answers.js';

/** `next` is published but does not sign yet; `current` signs; `retired` is published until its last token has expired. */
export type KeyStatus = 'next' | 'current' | 'retired';

export interface SigningKey {
  kid: string;
  status: KeyStatus;
  createdAt: Date;
  retiredUntil: Date | null;
  privateJwk: Record<string, unknown>;
}

/** Lifetime of an access token, in seconds. */
export const ACCESS_TOKEN_TTL_S = 600;

/** How long a retired key stays published: the lifetime of its tokens plus a minute of clock skew. */
export const RETIRED_FOR_S = ACCESS_TOKEN_TTL_S + 60;

/** A key without its private half. */
export function keyView(key: SigningKey): SigningKeyView {
  return {
    kid: key.kid,
    status: key.status,
    createdAt: key.createdAt.toISOString(),
    retiredUntil: key.retiredUntil?.toISOString() ?? null,
  };
}
