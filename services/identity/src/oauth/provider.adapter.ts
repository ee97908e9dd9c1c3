import type { AuthenticatableClient } from '../clients/client.js';
import type { AssertionsRepository } from './assertions.repository.js';

/** Client members in addition to the standard ones. */
export const CLIENT_MEMBERS = ['hezong_brand', 'hezong_kind', 'hezong_secrets', 'hezong_stands_still'] as const;

export interface AdapterParts {
  findClient: (clientId: string) => Promise<AuthenticatableClient | null>;
  assertions: AssertionsRepository;
  /** Creates the error for a second use of an assertion. */
  alreadyUsed: () => Error;
}

/** Storage for oidc-provider: clients (read only) and used assertions. Access tokens are not stored. */
export function providerAdapter(parts: AdapterParts): new (model: string) => object {
  return class ProviderAdapter {
    constructor(private readonly model: string) {}

    async find(id: string): Promise<Record<string, unknown> | undefined> {
      if (this.model !== 'Client') return undefined;
      const client = await parts.findClient(id);
      return client === null ? undefined : metadataOf(client);
    }

    /** Records the assertion in one statement; a separate look-up would let two instances accept the same assertion. */
    async upsert(id: string, _payload: unknown, lifetimeS: number): Promise<void> {
      if (this.model !== 'ReplayDetection') throw new Error(`identity stores no ${this.model}`);
      if (!(await parts.assertions.take(id, lifetimeS))) throw parts.alreadyUsed();
    }

    async consume(): Promise<void> {}

    async destroy(): Promise<void> {}

    async revokeByGrantId(): Promise<void> {}
  };
}

function metadataOf(client: AuthenticatableClient): Record<string, unknown> {
  const shared = {
    client_id: client.clientId,
    client_name: client.name,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope: client.scopes.join(' '),
    hezong_kind: client.kind,
    hezong_stands_still: client.standsStill,
    ...(client.brand === null ? {} : { hezong_brand: client.brand }),
  };
  if (client.jwks !== null) {
    return { ...shared, token_endpoint_auth_method: 'private_key_jwt', jwks: client.jwks };
  }
  return {
    ...shared,
    token_endpoint_auth_method: 'client_secret_basic',
    // the library requires a secret; ours are compared by hash, so this value is never used
    client_secret: 'kept as a hash',
    hezong_secrets: client.secrets,
  };
}
