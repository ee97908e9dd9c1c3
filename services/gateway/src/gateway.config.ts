import { defineConfig, field, flag, integer, processFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';

const RATE = integer(1, 10_000_000);

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
  upstreamTimeoutMs: field(
    'UPSTREAM_TIMEOUT_MS',
    integer(100, 600_000),
    'Milliseconds after which a service that has not answered is given up; the outcome is then unknown.',
    { default: '30000' },
  ),
  upstreamConnections: field('UPSTREAM_CONNECTIONS', integer(1, 4_096), 'Most connections to each service.', {
    default: '256',
  }),
  trustProxy: field(
    'TRUST_PROXY',
    flag,
    'Whether a proxy in front sets X-Forwarded-*; else what callers send is dropped.',
    {
      default: 'false',
    },
  ),
  exposeMetrics: field(
    'EXPOSE_METRICS',
    flag,
    'Whether /metrics answers on the public port; only behind a door that hides it.',
    {
      default: 'false',
    },
  ),
});

export type GatewayConfig = ConfigOf<typeof gatewayConfig>;

/** Injection token of the configuration. */
export const GATEWAY_CONFIG = Symbol('GATEWAY_CONFIG');
