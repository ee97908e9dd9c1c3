/** Deploy step: creates the topics of deploy/kafka/topics.yaml that are missing; never changes one. Services create none. Safe to repeat. */
import { join } from 'node:path';
import { defineConfig, field, list, loadConfig, oneOf } from '#libs/config';
import { declareTopics, readTopics } from '#libs/messaging';
import { projectRoot } from '../local/network/root.js';
import { step } from './step.js';

const schema = defineConfig('topics', {
  broker: field('BROKER', oneOf('kafka', 'postgres'), 'Event log to use.', { default: 'kafka' }),
  kafkaBrokers: field('KAFKA_BROKERS', list, 'Bootstrap servers, comma-separated; needed when BROKER is kafka.', {
    default: '',
  }),
  logDatabaseUrl: field(
    'LOG_DATABASE_URL',
    list,
    'Database of the event log as its owner; needed when BROKER is postgres.',
    { default: '', secret: true },
  ),
});

step(async () => {
  const { broker, kafkaBrokers, logDatabaseUrl } = loadConfig(schema);
  if (broker === 'kafka' && kafkaBrokers.length === 0) throw new Error('topics cannot run: KAFKA_BROKERS is missing');
  if (broker === 'postgres' && logDatabaseUrl.length === 0)
    throw new Error('topics cannot run: LOG_DATABASE_URL is missing');
  const file = join(projectRoot(), 'deploy/kafka/topics.yaml');
  await declareTopics({ broker, kafkaBrokers, logDatabaseUrl: logDatabaseUrl[0] ?? '' }, { file });
  return readTopics(file).map(({ name, partitions }) => `${name}: ${partitions} partitions`);
});
