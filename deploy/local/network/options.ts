import { Command, InvalidArgumentError, Option } from 'commander';
import { resolve } from 'node:path';

export interface StartOptions {
  broker: 'kafka' | 'postgres' | undefined;
  empty: boolean;
  port: number;
  data: string;
  once: boolean;
  fresh: boolean;
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535) throw new InvalidArgumentError('a port from 1 to 65535');
  return value;
}

export function parseOptions(argv: readonly string[]): StartOptions {
  const options = new Command('npm start --')
    .description('Runs the whole network on this machine, with a sandbox alliance filled from real orders.')
    .addOption(
      new Option(
        '--broker <kind>',
        'event log; default: KAFKA_BROKERS, else Kafka on the local Java, else postgres',
      ).choices(['kafka', 'postgres']),
    )
    .option('--empty', 'an operator without an alliance', false)
    .option('--no-empty', 'an alliance filled from real orders')
    .option('--port <n>', 'port of the gateway; all others are free ones', portNumber, 8080)
    .option('--data <dir>', 'where data and credentials are kept', '.hezong')
    .option('--once', 'end after the demonstration', false)
    .option('--fresh', 'delete the data and start again', false)
    .parse(argv)
    .opts<Omit<StartOptions, 'broker'> & { broker?: 'kafka' | 'postgres' }>();
  return { ...options, broker: options.broker, data: resolve(options.data) };
}
