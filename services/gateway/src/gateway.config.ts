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
    'Calls per second of one client for orders, quotes, authorizations and grants.',
    {
      default: '10000',
    },
  ),
  rateOther: field('RATE_OTHER_PER_SECOND', RATE, 'Calls per second of one client for everything else.', {
    default: '2000',
  }),
  rateAnonymous: field('RATE_ANONYMOUS_PER_SECOND', RATE, 'Calls per second from one address without a valid token.', {
    default: '500',
  }),
  rateToken: field('RATE_TOKEN_PER_SECOND', RATE, 'Access token requests per second from one address.', {
    default: '200',
  }),
  rateClick: field(
    'RATE_CLICK_PER_SECOND',
    RATE,
    'Clicks and touches per second reported by one client or coming from one address.',
    { default: '1000' },
  ),
  upstreamTimeoutMs: field(
    'UPSTREAM_TIMEOUT_MS',
    integer(100, 600_000),
    'Milliseconds to wait for a service’s answer; after that the outcome is unknown.',
    { default: '30000' },
  ),
  upstreamConnections: field(
    'UPSTREAM_CONNECTIONS',
    integer(1, 4_096),
    'Maximum number of connections to each service.',
    {
      default: '256',
    },
  ),
  bodyBytesOfCaller: field(
    'BODY_BYTES_PER_CALLER',
    BYTES,
    'Maximum bytes of request bodies in flight per client, or per address without a valid token.',
    { default: String(8 * 1024 * 1024) },
  ),
  bodyBytes: field('BODY_BYTES', BYTES, 'Maximum bytes of request bodies in flight in total.', {
    default: String(64 * 1024 * 1024),
  }),
  trustedProxies: field(
    'TRUSTED_PROXIES',
    list.refine((networks) => networks.every(isNetwork), 'must be addresses or networks such as 10.0.0.0/8'),
    'Addresses and networks of trusted proxies, separated by commas; X-Forwarded-* is accepted only from them.',
    { default: '' },
  ),
});

export type GatewayConfig = ConfigOf<typeof gatewayConfig>;

export const GATEWAY_CONFIG = Symbol('GATEWAY_CONFIG');
