/**
 * Deployment step: creates missing topics of deploy/kafka/topics.yaml and changes those that differ. Services create none. Can be repeated.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { defineConfig, field, flag, integer, kafkaFields, list, loadConfig, oneOf } from '#libs/config';
import { declareTopics } from '#libs/messaging';
import { projectRoot } from '../local/network/root.js';
import { step } from './step.js';

const perhaps = z.union([z.literal('').transform(() => null), integer(1, 99)]);

const schema = defineConfig('topics', {
  broker: field('BROKER', oneOf('kafka', 'postgres'), 'Event log to use.', { default: 'kafka' }),
  ...kafkaFields(),
  replication: field('KAFKA_REPLICATION', perhaps, 'Copies of each partition; empty: as many as the brokers make.', {
    default: '',
  }),
  minInsyncReplicas: field(
    'KAFKA_MIN_INSYNC_REPLICAS',
    perhaps,
    'Copies that must have a record before it counts as written; empty: as the brokers are set.',
    { default: '' },
  ),
  grow: field(
    'TOPICS_GROW',
    flag,
    'Whether topics with records may get more partitions: true only while no service runs.',
    { default: 'false' },
  ),
  logDatabaseUrl: field(
    'LOG_DATABASE_URL',
    list,
    'Database of the event log as its owner; needed when BROKER is postgres.',
    { default: '', secret: true },
  ),
});

step(async () => {
  const config = loadConfig(schema);
  const { broker, kafkaBrokers, logDatabaseUrl, replication, minInsyncReplicas, grow } = config;
  if (broker === 'kafka' && kafkaBrokers.length === 0) throw new Error('topics cannot run: KAFKA_BROKERS is missing');
  if (broker === 'postgres' && logDatabaseUrl.length === 0)
    throw new Error('topics cannot run: LOG_DATABASE_URL is missing');
  const notes = await declareTopics(
    { ...config, logDatabaseUrl: logDatabaseUrl[0] ?? '' },
    {
      file: join(projectRoot(), 'deploy/kafka/topics.yaml'),
      grow,
      ...(replication === null ? {} : { replication }),
      ...(minInsyncReplicas === null ? {} : { minInsyncReplicas }),
    },
  );
  return notes.length === 0 ? ['the topics are as declared'] : notes;
});
