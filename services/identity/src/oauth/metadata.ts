import { BRAND_SCOPES, OPERATOR_SCOPE } from '#libs/auth';

/** Algorithms with which a client may sign its assertions. */
export const ASSERTION_ALGORITHMS: readonly string[] = ['ES256', 'PS256', 'RS256', 'EdDSA'];

/**
 * Authorization server metadata (RFC 8414). There is no authorization endpoint because users do not log in here. All addresses are
 * under the issuer, whatever host name the caller used.
 */
export function metadataOf(issuer: string): Record<string, unknown> {
  const base = issuer.replace(/\/$/, '');
  return {
    issuer,
    token_endpoint: `${base}/oauth/token`,
    jwks_uri: `${base}/.well-known/jwks.json`,
    grant_types_supported: ['client_credentials'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    scopes_supported: [...BRAND_SCOPES, OPERATOR_SCOPE],
  };
}
