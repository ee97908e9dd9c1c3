import { defineConfig, field, integer, list, processFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';
import { LARGEST_BODY } from './proxy/routes.js';
import { isNetwork } from './proxy/trusted-proxies.http.js';

const RATE = integer(1, 10_000_000);
const BYTES = integer(LARGEST_BODY, 4 * 1024 ** 3);

export const gatewayConfig = defineConfig('gateway', {
  ...processFields(),
  rateTill: field(
    'RATE_TILL_PER_SECOND',
    RATE,
    'Calls a second that one client may make for orders, quotes, authorizations and grants.',
    {
      default: '10000',
    },
  ),
  rateOther: field('RATE_OTHER_PER_SECOND', RATE, 'Calls a second that one client may make for everything else.', {
    default: '2000',
  }),
  rateAnonymous: field('RATE_ANONYMOUS_PER_SECOND', RATE, 'Calls a second from one address without a valid token.', {
    default: '500',
  }),
  rateToken: field('RATE_TOKEN_PER_SECOND', RATE, 'Access tokens a second that may be asked for from one address.', {
    default: '200',
  }),
  rateClick: field(
    'RATE_CLICK_PER_SECOND',
    RATE,
    'Clicks and touches a second that one client may tell of, or that come from one address.',
    { default: '1000' },
  ),
  upstreamTimeoutMs: field(
    'UPSTREAM_TIMEOUT_MS',
    integer(100, 600_000),
    'Milliseconds after which a service that has not answered is given up; the outcome is then unknown.',
    { default: '30000' },
  ),
  upstreamConnections: field('UPSTREAM_CONNECTIONS', integer(1, 4_096), 'Most connections to each service.', {
    default: '256',
  }),
  bodyBytesOfCaller: field(
    'BODY_BYTES_PER_CALLER',
    BYTES,
    'Most bytes of bodies that one client, or one address without a valid token, may have under way.',
    { default: String(8 * 1024 * 1024) },
  ),
  bodyBytes: field('BODY_BYTES', BYTES, 'Most bytes of bodies under way in all.', {
    default: String(64 * 1024 * 1024),
  }),
  trustedProxies: field(
    'TRUSTED_PROXIES',
    list.refine((networks) => networks.every(isNetwork), 'must be addresses or networks such as 10.0.0.0/8'),
    'Addresses and networks of the proxies in front, separated by commas: only their X-Forwarded-* counts.',
    { default: '' },
  ),
});

export type GatewayConfig = ConfigOf<typeof gatewayConfig>;

/** Injection token of the configuration. */
export const GATEWAY_CONFIG = Symbol('GATEWAY_CONFIG');
