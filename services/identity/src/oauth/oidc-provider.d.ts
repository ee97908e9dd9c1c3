/** The part of oidc-provider 9 that is used here; the package ships no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface ProviderClient {
    clientId: string;
    scope?: string;
    [metadata: string]: unknown;
  }

  export interface ProviderContext {
    oidc: { params: Record<string, unknown>; client?: ProviderClient; secretId?: string };
  }

  export class Provider {
    static readonly ctx: ProviderContext | undefined;
    constructor(issuer: string, configuration: Record<string, unknown>);
    proxy: boolean;
    readonly Client: { prototype: { compareClientSecret(secret: string): boolean | Promise<boolean> } };
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    on(event: 'server_error' | 'grant.error', listener: (context: unknown, error: Error) => void): this;
  }

  type Refusal = new (detail?: string, more?: string) => Error;

  export const errors: {
    InvalidClientAuth: Refusal;
    InvalidScope: Refusal;
    InvalidTarget: Refusal;
    UnauthorizedClient: Refusal;
  };
}
