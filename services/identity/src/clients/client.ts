/** A machine that may obtain tokens. */
export interface Client {
  clientId: string;
  kind: 'brand' | 'operator';
  /** Slug of the brand; null for the operator's clients. */
  brand: string | null;
  name: string;
  scopes: readonly string[];
  /** Public keys, if the client signs assertions instead of sending a secret. */
  jwks: PublicJwks | null;
  createdAt: Date;
}

/** The owner of the clients that a call concerns (a brand, or null for the operator), and the operator client that calls. */
export interface ClientOwner {
  readonly brand: string | null;
  readonly asker: string;
}

export interface PublicJwks {
  keys: Record<string, unknown>[];
}

/** Id of a live secret and its SHA-256 in hex. */
export interface LiveSecret {
  secretId: string;
  hash: string;
}

/** A client with the hashes of its live secrets, for the token endpoint. */
export interface AuthenticatableClient extends Client {
  secrets: LiveSecret[];
  /** The brand is suspended or closed: the client gets tokens only for the scopes that such a brand keeps. */
  standsStill: boolean;
}

/** A secret as its owner sees it after creation. */
export interface SecretInfo {
  secretId: string;
  createdAt: Date;
}

/** Live secrets per client: two, so that a client can be moved from one to the other. */
export const MOST_LIVE_SECRETS = 2;
