import { availableParallelism } from 'node:os';
import { publicPart } from '#libs/auth';
import type { ProvisionedDatabase } from '#libs/postgres';
import type { Broker } from './broker.js';
import type { Secrets } from './secrets.js';

export interface Plan {
  /** Loopback ports by service name. */
  ports: ReadonlyMap<string, number>;
  databases: ReadonlyMap<string, ProvisionedDatabase>;
  logUrl: string;
  broker: Broker;
  secrets: Secrets;
  logLevel: string;
}

const ON_LOOPBACK = '127.0.0.1';
/** All processes share the cores here, so the ledger posts on half of them: fewer and larger batches. */
const LANES = Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));

export function urlOf(plan: Pick<Plan, 'ports'>, service: string): string {
  const port = plan.ports.get(service);
  if (port === undefined) throw new Error(`no port for ${service}`);
  return `http://${ON_LOOPBACK}:${port}`;
}

export function environmentOf(plan: Plan, service: string): Record<string, string> {
  const database = plan.databases.get(service);
  const { secrets, broker } = plan;
  return {
    HOST: ON_LOOPBACK,
    PORT: String(plan.ports.get(service) ?? 0),
    LOG_LEVEL: plan.logLevel,
    TEST_CLOCK: 'true',
    ISSUER_URL: urlOf(plan, 'gateway'),
    JWKS_URL: `${urlOf(plan, 'identity')}/.well-known/jwks.json`,
    INTERNAL_SIGNING_KEY: JSON.stringify(secrets.internalKeys[service]),
    INTERNAL_JWKS: JSON.stringify({ keys: Object.values(secrets.internalKeys).map(publicPart) }),
    IDENTITY_URL: urlOf(plan, 'identity'),
    PARTNERS_URL: urlOf(plan, 'partners'),
    CRM_URL: urlOf(plan, 'crm'),
    LEDGER_URL: urlOf(plan, 'ledger'),
    SETTLEMENT_URL: urlOf(plan, 'settlement'),
    MEMBERSHIP_URL: urlOf(plan, 'membership'),
    REFERRALS_URL: urlOf(plan, 'referrals'),
    BROKER: broker.kind,
    KAFKA_BROKERS: broker.kafkaBrokers,
    LOG_DATABASE_URL: plan.logUrl,
    KEY_ENCRYPTION_KEY: secrets.keyEncryptionKey,
    LEDGER_LANES: String(LANES),
    VAULT_KEYS: secrets.vaultKeys,
    VAULT_PEPPERS: secrets.vaultPeppers,
    ...(database === undefined
      ? {}
      : { DATABASE_URL: database.databaseUrl, MIGRATION_DATABASE_URL: database.migrationUrl }),
  };
}
