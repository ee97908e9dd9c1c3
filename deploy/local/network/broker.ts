import { join } from 'node:path';
import { javaAvailable, startKafka, type RunningKafka } from '#libs/servers';
import { CannotStart, checkKafka } from './checks.js';

export interface Broker {
  kind: 'kafka' | 'postgres';
  kafkaBrokers: string;
  /** The node started here. */
  server: RunningKafka | null;
  says: string;
}

interface Wish {
  forced: 'kafka' | 'postgres' | undefined;
  kafkaBrokers: string;
  dataDir: string;
  notice: (text: string) => void;
}

const POSTGRES: Broker = { kind: 'postgres', kafkaBrokers: '', server: null, says: 'event log in PostgreSQL' };

/** `KAFKA_BROKERS` if set; else Kafka on the local Java; else the log in PostgreSQL, with a notice. A forced choice never falls back. */
export async function chooseBroker(wish: Wish): Promise<Broker> {
  if (wish.forced === 'postgres') return POSTGRES;
  if (wish.kafkaBrokers !== '') {
    await checkKafka(wish.kafkaBrokers);
    return { kind: 'kafka', kafkaBrokers: wish.kafkaBrokers, server: null, says: `Kafka at ${wish.kafkaBrokers}` };
  }
  const fallBack = (reason: string): Broker => {
    if (wish.forced === 'kafka')
      throw new CannotStart(
        `--broker kafka is not possible here: ${reason}. Fix that, set KAFKA_BROKERS, or use --broker postgres.`,
      );
    wish.notice(`no Kafka here (${reason}): the event log runs in PostgreSQL instead`);
    return POSTGRES;
  };
  const java = javaAvailable();
  if (!java.ok) return fallBack(java.reason);
  try {
    const server = await startKafka({ dataDir: join(wish.dataDir, 'kafka'), restart: true, onEvent: wish.notice });
    return {
      kind: 'kafka',
      kafkaBrokers: server.broker,
      server,
      says: `Apache Kafka on Java ${java.version ?? ''} (${server.broker})`,
    };
  } catch (error) {
    return fallBack(error instanceof Error ? error.message : String(error));
  }
}
