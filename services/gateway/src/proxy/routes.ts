import { BODY_LIMIT } from '#libs/http';

export const UPSTREAMS = ['identity', 'partners', 'crm', 'ledger', 'settlement', 'membership', 'referrals'] as const;
export type Upstream = (typeof UPSTREAMS)[number];

/** The quota that a call draws from: a till must never wait because of reports, mass clicks, or attempts to guess secrets. */
export type Bucket = 'till' | 'click' | 'token' | 'health' | 'other';

export interface ProxyRoute {
  /** Fastify route pattern. */
  readonly path: string;
  readonly upstream: Upstream;
  readonly bucket: Bucket;
  /** Largest body, in bytes. */
  readonly bodyLimit: number;
  /** Whether a GET has an effect. It is then sent to one instance only, like a POST. */
  readonly getHasEffect?: true;
}

/** Largest body of an unproven caller, in bytes: enough for a client assertion at the token endpoint. */
export const UNPROVEN_BODY_LIMIT = 16 * 1024;

/** Routes with other body limits, taken from the largest that the service's own routes declare. */
const BODY_LIMITS: Readonly<Record<string, number>> = {
  '/oauth': UNPROVEN_BODY_LIMIT,
  '/.well-known': UNPROVEN_BODY_LIMIT,
  '/l/:code': UNPROVEN_BODY_LIMIT,
  '/v1/orders': 512 * 1024,
  '/v1/operator/brands': 2 * 1024 * 1024,
  '/v1/operator/earning-rules': 256 * 1024,
  '/v1/offers': 256 * 1024,
  '/v1/distributors': 256 * 1024,
};

/** The largest body of any route. */
export const LARGEST_BODY = Math.max(BODY_LIMIT, ...Object.values(BODY_LIMITS));

function routes(upstream: Upstream, bucket: Bucket, ...paths: string[]): ProxyRoute[] {
  return paths.map((path) => ({
    path,
    upstream,
    bucket,
    bodyLimit: BODY_LIMITS[path.replace(/\/\*$/, '')] ?? BODY_LIMIT,
  }));
}

/** A collection and everything below it. */
function tree(path: string): string[] {
  return [path, `${path}/*`];
}

/**
 * Routes and the services that answer them. The router prefers fixed segments to parameters and parameters to `*`, so the order of
 * lines does not matter. An unlisted path is 404: nothing under /internal can be reached from outside.
 */
export const PROXY_ROUTES: readonly ProxyRoute[] = [
  ...routes('identity', 'token', '/oauth/*'),
  ...routes(
    'identity',
    'other',
    '/.well-known/*',
    ...tree('/v1/operator/brands/:slug/clients'),
    ...tree('/v1/operator/clients'),
    ...tree('/v1/operator/approvals'),
    ...tree('/v1/operator/signing-keys'),
  ),
  ...routes('partners', 'other', ...tree('/v1/operator/brands'), '/v1/operator/test-clock'),
  ...routes('ledger', 'till', ...tree('/v1/orders'), ...tree('/v1/quotes'), ...tree('/v1/authorizations')),
  ...routes('ledger', 'till', ...tree('/v1/grants')),
  ...routes('ledger', 'other', ...tree('/v1/members/:ref/wallet'), ...tree('/v1/operator/earning-rules')),
  ...routes(
    'ledger',
    'other',
    '/v1/operator/expirations',
    '/v1/operator/draw-order',
    '/v1/operator/declined-rewards',
    '/v1/operator/debt-write-offs',
    '/v1/operator/unsettled-wallets',
    '/v1/operator/unsettled-wallets/:id/retry',
    '/v1/operator/members/:ref/lots',
  ),
  ...routes('crm', 'other', ...tree('/v1/members')),
  ...routes('settlement', 'other', ...tree('/v1/cycles'), ...tree('/v1/operator/cycles')),
  ...routes(
    'membership',
    'other',
    '/v1/members/:ref/tier',
    ...tree('/v1/tier-maps'),
    ...tree('/v1/operator/tier-ladders'),
  ),
  ...routes('membership', 'other', ...tree('/v1/operator/tier-grants'), '/v1/operator/members/:ref/tier'),
  ...routes('membership', 'other', '/v1/operator/members/:ref/tier-history'),
  // following a link counts as a click
  ...routes('referrals', 'click', '/l/:code').map((route) => ({ ...route, getHasEffect: true as const })),
  ...routes('referrals', 'click', ...tree('/v1/touches')),
  ...routes('referrals', 'other', ...tree('/v1/offers'), ...tree('/v1/links'), ...tree('/v1/commissions')),
  ...routes('referrals', 'other', ...tree('/v1/earnings'), ...tree('/v1/distributors'), ...tree('/v1/programmes')),
  ...routes('referrals', 'other', ...tree('/v1/operator/payouts'), ...tree('/v1/operator/referrals')),
  ...routes('referrals', 'other', ...tree('/v1/operator/referral-programmes')),
];
