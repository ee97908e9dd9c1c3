import { field } from './config.js';
import type { ConfigOf, ConfigSchema } from './config.js';
import { kafkaFields } from './kafka-fields.js';
import {
  currency,
  databaseUrl,
  firstUrl,
  flag,
  integer,
  oneOf,
  port,
  portOrNone,
  privateKey,
  publicKeys,
  text,
  url,
  urlList,
  zone,
} from './types.js';

/** Variables that every process of the network reads, with or without a database. */
export function processFields() {
  return {
    host: field('HOST', text, 'Address to listen on.', { default: '127.0.0.1' }),
    port: field('PORT', port, 'Port to listen on. 0: a free port.', { default: '0' }),
    opsPort: field(
      'OPS_PORT',
      portOrNone,
      'Port of metrics and probes, for the operator of the service. 0: a free port. none: no port.',
      {
        default: 'none',
      },
    ),
    requestTimeoutMs: field(
      'REQUEST_TIMEOUT_MS',
      integer(100, 600_000),
      'Milliseconds within which a call must have arrived, headers and body; then the connection is closed.',
      { default: '15000' },
    ),
    instance: field('INSTANCE', integer(0, 255), 'Number of this instance among those of its service, from 0.', {
      default: '0',
    }),
    logLevel: field(
      'LOG_LEVEL',
      oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
      'Minimum log level.',
      {
        default: 'info',
      },
    ),
    zone: field('ALLIANCE_ZONE', zone, 'IANA time zone of the alliance: its days, months and expiries.', {
      default: 'Asia/Shanghai',
    }),
    testClock: field('TEST_CLOCK', flag, 'Sandbox only: whether the operator may set the clock.', { default: 'false' }),
    issuer: field('ISSUER_URL', url, 'Public URL of the network: issuer of its access tokens.'),
    jwksUrl: field('JWKS_URL', url, 'URL of the issuer’s public keys.'),
    internalSigningKey: field(
      'INTERNAL_SIGNING_KEY',
      privateKey,
      'The service’s own key for its calls to others: a private P-256 JWK whose kid is `<service>.<number>`.',
      { secret: true },
    ),
    internalKeys: field(
      'INTERNAL_JWKS',
      publicKeys,
      'Public keys of all services, a JWKS; a service that is changing its key has two.',
    ),
    identityUrl: field(
      'IDENTITY_URL',
      firstUrl,
      'Base URL of the identity service; several instances separated by commas.',
    ),
    partnersUrl: field(
      'PARTNERS_URL',
      firstUrl,
      'Base URL of the partners service; several instances separated by commas.',
    ),
    crmUrl: field('CRM_URL', firstUrl, 'Base URL of the crm service; several instances separated by commas.'),
    ledgerUrl: field('LEDGER_URL', firstUrl, 'Base URL of the ledger service; several instances separated by commas.'),
    settlementUrl: field(
      'SETTLEMENT_URL',
      firstUrl,
      'Base URL of the settlement service; several instances separated by commas.',
    ),
    membershipUrl: field(
      'MEMBERSHIP_URL',
      firstUrl,
      'Base URL of the membership service; several instances separated by commas.',
    ),
    referralsUrl: field(
      'REFERRALS_URL',
      firstUrl,
      'Base URL of the referrals service; several instances separated by commas.',
    ),
    // the same variables with every instance, for readers that need them all
    identityUrls: field('IDENTITY_URL', urlList, 'Every instance.'),
    partnersUrls: field('PARTNERS_URL', urlList, 'Every instance.'),
    crmUrls: field('CRM_URL', urlList, 'Every instance.'),
    ledgerUrls: field('LEDGER_URL', urlList, 'Every instance.'),
    settlementUrls: field('SETTLEMENT_URL', urlList, 'Every instance.'),
    membershipUrls: field('MEMBERSHIP_URL', urlList, 'Every instance.'),
    referralsUrls: field('REFERRALS_URL', urlList, 'Every instance.'),
  };
}

/** Variables of every service that owns a database and uses the event log. */
export function serviceFields() {
  return {
    ...processFields(),
    allianceCurrency: field(
      'ALLIANCE_CURRENCY',
      currency,
      'The alliance’s own currency: the operator funds points in it, and its cycles are named by month only.',
      { default: 'CNY' },
    ),
    databaseUrl: field(
      'DATABASE_URL',
      databaseUrl,
      'The service’s own database, as its non-owner role; `?sslmode=verify-full&sslrootcert=FILE` for TLS.',
      { secret: true },
    ),
    migrationUrl: field(
      'MIGRATION_DATABASE_URL',
      databaseUrl,
      'The same database as its owner role; only migrations use it.',
      {
        secret: true,
        default: 'postgres://unset',
      },
    ),
    databasePool: field('DATABASE_POOL', integer(1, 200), 'Maximum number of connections in the service’s pool.', {
      default: '10',
    }),
    broker: field('BROKER', oneOf('kafka', 'postgres'), 'Event log to use.', { default: 'kafka' }),
    ...kafkaFields(),
    readyBacklog: field(
      'READY_BACKLOG',
      integer(0, 1_000_000_000),
      'Number of unsent events above which readiness reports a backlog; the service stays ready.',
      { default: '100000' },
    ),
    readyLag: field(
      'READY_LAG',
      integer(0, 1_000_000_000),
      'Number of unhandled events above which readiness reports a lag; the service stays ready.',
      { default: '1000000' },
    ),
    logDatabaseUrl: field(
      'LOG_DATABASE_URL',
      databaseUrl,
      'Database of the event log; needed when BROKER is postgres.',
      {
        secret: true,
        default: 'postgres://unset',
      },
    ),
  };
}

export type ServiceName = keyof ServiceUrls | 'gateway';

/** All services, for routes that any of them may use. */
export const EVERY_SERVICE: readonly [ServiceName, ...ServiceName[]] = [
  'identity',
  'partners',
  'crm',
  'ledger',
  'settlement',
  'membership',
  'referrals',
  'gateway',
];

export interface ServiceUrls {
  identity: string;
  partners: string;
  crm: string;
  ledger: string;
  settlement: string;
  membership: string;
  referrals: string;
}

export type ProcessConfig = ConfigOf<ConfigSchema<ReturnType<typeof processFields>>>;
export type ServiceConfig = ConfigOf<ConfigSchema<ReturnType<typeof serviceFields>>>;

export function serviceUrls(config: ProcessConfig): ServiceUrls {
  return {
    identity: config.identityUrl,
    partners: config.partnersUrl,
    crm: config.crmUrl,
    ledger: config.ledgerUrl,
    settlement: config.settlementUrl,
    membership: config.membershipUrl,
    referrals: config.referralsUrl,
  };
}

export function instanceUrls(config: ProcessConfig): Readonly<Record<keyof ServiceUrls, readonly string[]>> {
  return {
    identity: config.identityUrls,
    partners: config.partnersUrls,
    crm: config.crmUrls,
    ledger: config.ledgerUrls,
    settlement: config.settlementUrls,
    membership: config.membershipUrls,
    referrals: config.referralsUrls,
  };
}
