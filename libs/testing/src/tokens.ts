import { createServer } from 'node:http';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import {
  API_AUDIENCE,
  BRAND_SCOPES,
  OPERATOR_SCOPE,
  drawInternalKey,
  internalToken,
  publicPart,
  type BrandScope,
} from '#libs/auth';
import { EVERY_SERVICE, type PrivateKey, type PublicKey } from '#libs/config';

/** Services that exist only in specs. */
const MADE_UP = ['echo'] as const;

export interface TestTokens {
  /** Configuration fields that make libs/auth trust this issuer. */
  config: { issuer: string; jwksUrl: string; internalKeys: { keys: PublicKey[] } };
  /** The same as environment variables of one service, with its own key. */
  env(service: string): Record<string, string>;
  /** A token of one service for calls to another. */
  internal(from: string, to: string): Promise<string>;
  brand(slug: string, scopes?: readonly BrandScope[], clientId?: string): Promise<string>;
  operator(clientId?: string): Promise<string>;
  /** A token with arbitrary claims, for refusal tests. */
  sign(
    claims: Record<string, unknown>,
    options?: { audience?: string; issuer?: string; expires?: string },
  ): Promise<string>;
  close(): Promise<void>;
}

/** A token issuer with its JWKS on a loopback port, so that a service verifies tokens without the identity service. */
export async function testTokens(): Promise<TestTokens> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES256', use: 'sig' }] });
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(jwks),
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  server.unref();
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port for the JWKS');
  const issuer = `http://127.0.0.1:${address.port}`;
  const sign: TestTokens['sign'] = (claims, options = {}) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'test', typ: 'at+jwt' })
      .setIssuer(options.issuer ?? issuer)
      .setAudience(options.audience ?? API_AUDIENCE)
      .setIssuedAt()
      .setExpirationTime(options.expires ?? '10m')
      .sign(privateKey);
  const signing = new Map([...EVERY_SERVICE, ...MADE_UP].map((name) => [name as string, drawInternalKey(name)]));
  const keyOf = (service: string): PrivateKey => {
    const key = signing.get(service);
    if (key === undefined) throw new Error(`no key for a service named ${service}`);
    return key;
  };
  const internalKeys = { keys: [...signing.values()].map(publicPart) };
  const config = { issuer, jwksUrl: `${issuer}/jwks`, internalKeys };
  return {
    config,
    env: (service) => ({
      ISSUER_URL: config.issuer,
      JWKS_URL: config.jwksUrl,
      INTERNAL_SIGNING_KEY: JSON.stringify(keyOf(service)),
      INTERNAL_JWKS: JSON.stringify(internalKeys),
    }),
    internal: (from, to) => internalToken({ internalSigningKey: keyOf(from) }, [to]),
    sign,
    brand: (slug, scopes = BRAND_SCOPES, clientId = `cl_${slug}`) =>
      sign({ client_id: clientId, sub: clientId, brand: slug, scope: scopes.join(' ') }),
    operator: (clientId = 'cl_operator') =>
      sign({ client_id: clientId, sub: clientId, role: 'operator', scope: OPERATOR_SCOPE }),
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}
