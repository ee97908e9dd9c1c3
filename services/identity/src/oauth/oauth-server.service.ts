import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider, ProviderClient, ProviderContext } from 'oidc-provider';
import { API_AUDIENCE, BRAND_SCOPES, OPERATOR_SCOPE, STANDSTILL_SCOPES } from '#libs/auth';
import { systemNow } from '#libs/kernel';
import { matchesAny } from '../clients/client-secret.js';
import type { LiveSecret } from '../clients/client.js';
import { ClientsService } from '../clients/clients.service.js';
import { ACCESS_TOKEN_TTL_S } from '../keys/signing-key.js';
import type { SigningKey } from '../keys/signing-key.js';
import { SigningKeysService } from '../keys/signing-keys.service.js';
import { AssertionsRepository } from './assertions.repository.js';
import { loadProvider } from './load-provider.js';
import { ASSERTION_ALGORITHMS } from './metadata.js';
import { CLIENT_MEMBERS, providerAdapter } from './provider.adapter.js';

export const ISSUER: unique symbol = Symbol('identity.issuer');

const CLOCK_TOLERANCE_S = 10;
const ASSERTION_TTL_S = 60;
const STANDS_STILL = `the brand is suspended or closed: its clients may ask for ${STANDSTILL_SCOPES.join(' ')} only`;

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * The OAuth server: oidc-provider with one grant (client credentials) and everything else off. The library takes its keys at
 * construction, so each rotation creates a new provider; requests under way finish on the old one.
 */
@Injectable()
export class OauthServerService implements OnModuleInit {
  private readonly log = new Logger(OauthServerService.name);
  private handler: Handler | null = null;

  constructor(
    @Inject(ISSUER) private readonly issuer: string,
    private readonly clients: ClientsService,
    private readonly assertions: AssertionsRepository,
    private readonly keys: SigningKeysService,
  ) {}

  async onModuleInit(): Promise<void> {
    this.handler = await this.build(await this.keys.ensure());
    await this.keys.onChange(() => {
      this.reload().catch((error: unknown) => this.log.error(error));
    });
  }

  /** Rebuilds the provider with the current keys. */
  async reload(): Promise<void> {
    this.handler = await this.build(await this.keys.published());
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.handler === null) throw new Error('the OAuth server is not ready');
    await this.handler(request, response);
  }

  private async build(keys: readonly SigningKey[]): Promise<Handler> {
    const { Provider, errors } = await loadProvider();
    const current = keys.find((key) => key.status === 'current');
    if (current === undefined) throw new Error('there is no current signing key');
    const provider = new Provider(this.issuer, {
      adapter: providerAdapter({
        findClient: (clientId) => this.clients.findToAuthenticate(clientId),
        assertions: this.assertions,
        alreadyUsed: () => new errors.InvalidClientAuth('client assertion tokens must only be used once'),
      }),
      jwks: { keys: keys.map((key) => key.privateJwk) },
      routes: { token: '/oauth/token', jwks: '/.well-known/jwks.json' },
      clientAuthMethods: ['client_secret_basic', 'private_key_jwt'],
      enabledJWA: { clientAuthSigningAlgValues: ASSERTION_ALGORITHMS },
      extraClientMetadata: { properties: [...CLIENT_MEMBERS] },
      clientDefaults: {
        grant_types: ['client_credentials'],
        response_types: [],
        id_token_signed_response_alg: 'ES256',
      },
      scopes: [...BRAND_SCOPES, OPERATOR_SCOPE],
      responseTypes: [],
      claims: {},
      clockTolerance: CLOCK_TOLERANCE_S,
      ttl: { ClientCredentials: ACCESS_TOKEN_TTL_S },
      assertJwtClientAuthClaimsAndHeader: (_context: unknown, claims: { exp?: number }) => {
        const latest = systemNow().getTime() / 1_000 + ASSERTION_TTL_S + CLOCK_TOLERANCE_S;
        if ((claims.exp ?? Infinity) > latest) throw new errors.InvalidClientAuth('an assertion lives for 60 seconds');
      },
      features: {
        devInteractions: { enabled: false },
        userinfo: { enabled: false },
        rpInitiatedLogout: { enabled: false },
        pushedAuthorizationRequests: { enabled: false },
        dPoP: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => API_AUDIENCE,
          getResourceServerInfo: (context: ProviderContext, resource: string, client: ProviderClient) => {
            if (resource !== API_AUDIENCE) throw new errors.InvalidTarget();
            requireStanding(context, client, () => new errors.UnauthorizedClient(STANDS_STILL));
            requireScopes(context, client, (scope) => new errors.InvalidScope('requested scope is not allowed', scope));
            return {
              scope: client.scope,
              audience: API_AUDIENCE,
              accessTokenFormat: 'jwt',
              accessTokenTTL: ACCESS_TOKEN_TTL_S,
              jwt: { sign: { alg: 'ES256', kid: current.kid } },
            };
          },
        },
      },
      extraTokenClaims: (context: ProviderContext, token: { client: ProviderClient }) => ({
        ...claimsOf(token.client),
        ...(context.oidc.secretId === undefined ? {} : { secret_id: context.oidc.secretId }),
      }),
    });
    await this.prepare(provider);
    return provider.callback();
  }

  private async prepare(provider: Provider): Promise<void> {
    provider.proxy = true;
    const { Provider: Current } = await loadProvider();
    provider.Client.prototype.compareClientSecret = function compare(this: ProviderClient, secret: string): boolean {
      const secrets = (this['hezong_secrets'] ?? []) as readonly LiveSecret[];
      const matching = secrets.filter(({ hash }) => matchesAny(secret, [Buffer.from(hash, 'hex')]));
      // concurrent calls share the client object, so the id of the matching secret is stored on the call's own context
      if (matching[0] !== undefined && Current.ctx !== undefined) Current.ctx.oidc.secretId = matching[0].secretId;
      return matching.length > 0;
    };
    provider.on('server_error', (_context, error) => this.log.error(error));
  }
}

/** Refuses a suspended or closed brand any scope beyond those it keeps. The scopes are not reduced silently. */
function requireStanding(context: ProviderContext, client: ProviderClient, refusal: () => Error): void {
  if (client['hezong_stands_still'] !== true) return;
  const asked = context.oidc.params['scope'];
  const kept: readonly string[] = STANDSTILL_SCOPES;
  if (typeof asked !== 'string' || !asked.split(' ').every((scope) => kept.includes(scope))) throw refusal();
}

/** Grants all allowed scopes if the request names none; refuses a scope that is unknown or not allowed. */
function requireScopes(context: ProviderContext, client: ProviderClient, refusal: (scope: string) => Error): void {
  const allowed = (client.scope ?? '').split(' ');
  const asked = context.oidc.params['scope'];
  if (typeof asked !== 'string' || asked === '') {
    context.oidc.params['scope'] = allowed.join(' ');
    return;
  }
  for (const scope of asked.split(' ')) {
    if (!allowed.includes(scope)) throw refusal(scope);
  }
}

function claimsOf(client: ProviderClient): Record<string, unknown> {
  return client['hezong_kind'] === 'operator' ? { role: 'operator' } : { brand: client['hezong_brand'] };
}
