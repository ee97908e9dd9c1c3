/** Scopes that a brand's client may have. */
export const BRAND_SCOPES = [
  'members:read',
  'members:write',
  'wallet:read',
  'orders:read',
  'orders:write',
  'spend:read',
  'spend:write',
  'grants:write',
  'settlement:read',
  'referrals:read',
  'referrals:write',
] as const;

/** Scopes that the alliance operator's clients have. */
export const OPERATOR_SCOPE = 'operator';

export type BrandScope = (typeof BRAND_SCOPES)[number];
export type OperatorScope = typeof OPERATOR_SCOPE;

/** Audience of the access tokens that the identity service issues for the partner and operator API. */
export const API_AUDIENCE = 'hezong:api';

/** Type of the tokens for calls between services. */
export const INTERNAL_TYPE = 'internal+jwt';

/** Audience of such a token: one service, so that the receiver cannot use it elsewhere. */
export function internalAudience(service: string): string {
  return `hezong:internal:${service}`;
}
