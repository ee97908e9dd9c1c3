import { join } from 'node:path';
import { defineConfig, field, loadConfig } from '#libs/config';
import { removePostgresData } from '#libs/servers';
import { z } from 'zod';
import { demonstrate } from '../sandbox/demonstrate.js';
import { CannotStart, checkDisk, makeDataDirectory, takePort } from './checks.js';
import { lockData } from './lock.js';
import { forgetData, Network, type ServiceHost } from './network.js';
import { parseOptions } from './options.js';

const localConfig = defineConfig('start', {
  databaseUrl: field('DATABASE_URL', z.string(), 'Superuser URL of a PostgreSQL to use instead of the embedded one.', {
    default: '',
    secret: true,
  }),
  kafkaBrokers: field('KAFKA_BROKERS', z.string(), 'Kafka to use instead of one on the local Java.', { default: '' }),
  logLevel: field('LOG_LEVEL', z.string(), 'Minimum log level.', { default: 'error' }),
});

/** npm sends a terminal's Ctrl-C a second time a moment later: a signal within this time counts as the same one. */
const SAME_PRESS_MS = 700;

const say = (text: string): void => console.log(`  ${text}`);
const notice = (text: string): void => console.log(`\n  ! ${text}\n`);

export interface Started {
  host?: ServiceHost;
  /** Called after all start messages have been shown. */
  ready?: () => void;
}

export async function main({ host, ready }: Started = {}): Promise<void> {
  const options = parseOptions(process.argv);
  const began = performance.now();
  const abort = new AbortController();
  let network: Network | null = null;
  let unlock = (): void => undefined;
  let ending = false;

  /** Ends only once; the first exit code counts. */
  const end = async (code: number): Promise<void> => {
    if (ending) return;
    ending = true;
    abort.abort();
    try {
      await network?.stop();
    } finally {
      unlock();
      network = null;
      process.exit(code);
    }
  };
  let pressed = 0;
  const onSignal = (): void => {
    const now = performance.now();
    if (pressed !== 0 && now - pressed < SAME_PRESS_MS) return;
    if (ending) {
      console.log('\n  stopping at once');
      process.exit(130);
    }
    pressed = now;
    console.log('\n  stopping …');
    void end(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  const crash = (error: unknown): void => {
    if (ending) return;
    console.error(error);
    void end(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  process.on('exit', () => network?.kill());

  try {
    const env = loadConfig(localConfig);
    makeDataDirectory(options.data);
    unlock = lockData(options.data);
    const door = await takePort(options.port);
    checkDisk(options.data);
    if (options.fresh) forgetData(options.data, removePostgresData);
    console.log('\nHezong: starting the network');
    network = new Network({ ...env, dataDir: options.data, door, broker: options.broker, say, notice, host });
    const sandbox = await network.start();
    await demonstrate({
      sandbox,
      file: network.file,
      stateFile: join(options.data, 'progress.json'),
      empty: options.empty,
      abort: abort.signal,
      say,
      notice,
      seconds: () => (performance.now() - began) / 1_000,
    });
    if (options.once) return await end(0);
    console.log('\n  Ctrl-C stops it; the next npm start continues with this data.\n');
    ready?.();
  } catch (error) {
    // a signal may have come meanwhile
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
    if (ending) return;
    if (error instanceof CannotStart) console.error(`\nHezong cannot start: ${error.message}\n`);
    else console.error('\nHezong could not start:', error);
    await end(1);
  }
}
