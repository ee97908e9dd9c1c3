/** A machine that may get tokens. */
export interface Client {
  clientId: string;
  kind: 'brand' | 'operator';
  /** Slug; null for the operator's clients. */
  brand: string | null;
  name: string;
  scopes: readonly string[];
  /** Public keys, when the client signs assertions instead of sending a secret. */
  jwks: PublicJwks | null;
  createdAt: Date;
}

/** Whose clients a call is about, a brand's or (null) the operator's own, and which of the operator's clients makes it. */
export interface ClientOwner {
  readonly brand: string | null;
  readonly asker: string;
}

export interface PublicJwks {
  keys: Record<string, unknown>[];
}

/** What a live secret is known by: its id, and its SHA-256 in hex. */
export interface LiveSecret {
  secretId: string;
  hash: string;
}

/** A client with the hashes of its live secrets, as the token endpoint needs it. */
export interface AuthenticatableClient extends Client {
  secrets: LiveSecret[];
  /** Its brand may not act: it gets tokens for what a brand keeps then, and only when it asks for no more. */
  standsStill: boolean;
}

/** A secret as its owner may see it after creation. */
export interface SecretInfo {
  secretId: string;
  createdAt: Date;
}

/** A second secret may live beside the first while a client is moved from one to the other. */
export const MOST_LIVE_SECRETS = 2;
