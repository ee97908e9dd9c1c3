/** What a brand's client may be allowed. */
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

/** What the alliance operator's clients are allowed. */
export const OPERATOR_SCOPE = 'operator';

export type BrandScope = (typeof BRAND_SCOPES)[number];
export type OperatorScope = typeof OPERATOR_SCOPE;

/** Audience of the access tokens that the identity service issues for the partner and operator API. */
export const API_AUDIENCE = 'hezong:api';

/** Type of the tokens that services make for calls among themselves. */
export const INTERNAL_TYPE = 'internal+jwt';

/** Audience of such a token: the one service it is for, so that who receives it can use it nowhere else. */
export function internalAudience(service: string): string {
  return `hezong:internal:${service}`;
}
