import { emptyDatabase } from './database.js';
import { testServers } from './servers.js';

export type BrokerKind = 'kafka' | 'postgres';

export interface TestBroker {
  kind: BrokerKind;
  /** The configuration fields that choose this broker. */
  config: { broker: BrokerKind; kafkaBrokers: string[]; logDatabaseUrl: string };
  /** The same as environment variables. */
  env: Record<string, string>;
  /** A prefix for topics and groups on a shared Kafka that no other spec file of this run uses. */
  prefix: string;
  drop(): Promise<void>;
}

/**
 * A broker for one spec file. Kafka is one node shared by the whole run, started at first use; the postgres log gets its own database.
 * Without Java the Kafka suites fail, unless `HEZONG_TEST_BROKER=postgres` excludes them on this machine.
 */
export async function testBroker(kind: BrokerKind): Promise<TestBroker> {
  const prefix = `t${Math.random().toString(36).slice(2, 10)}`;
  if (kind === 'kafka') {
    if (process.env['HEZONG_TEST_BROKER'] === 'postgres')
      throw new Error(
        'this spec needs Kafka, and HEZONG_TEST_BROKER=postgres rules it out; ask brokersUnderTest() first',
      );
    const { address } = await testServers().kafka();
    return {
      kind,
      prefix,
      config: { broker: 'kafka', kafkaBrokers: [address], logDatabaseUrl: 'postgres://unset' },
      env: { BROKER: 'kafka', KAFKA_BROKERS: address },
      drop: () => Promise.resolve(),
    };
  }
  const database = await emptyDatabase('test_log');
  return {
    kind,
    prefix,
    config: { broker: 'postgres', kafkaBrokers: [], logDatabaseUrl: database.url },
    env: { BROKER: 'postgres', LOG_DATABASE_URL: database.url },
    drop: () => database.drop(),
  };
}

/** The brokers this run covers: both, unless `HEZONG_TEST_BROKER=postgres` excludes Kafka, which is logged. */
export function brokersUnderTest(): BrokerKind[] {
  if (process.env['HEZONG_TEST_BROKER'] !== 'postgres') return ['postgres', 'kafka'];
  process.stderr.write('\n*** HEZONG_TEST_BROKER=postgres: the Kafka suites are NOT run ***\n');
  return ['postgres'];
}
