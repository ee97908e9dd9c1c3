/** Deployment step: gives every service's user on Kafka the rights of deploy/kafka/acls.yaml and revokes all others. Can be repeated. */
import { join } from 'node:path';
import { defineConfig, kafkaFields, loadConfig } from '#libs/config';
import { declareAcls } from '#libs/messaging';
import { projectRoot } from '../local/network/root.js';
import { step } from './step.js';

step(async () => {
  const config = loadConfig(defineConfig('acls', kafkaFields()));
  if (config.kafkaBrokers.length === 0) throw new Error('acls cannot run: KAFKA_BROKERS is missing');
  const changes = await declareAcls(config, { file: join(projectRoot(), 'deploy/kafka/acls.yaml') });
  return changes.length === 0 ? ['the rights on Kafka are as declared'] : changes;
});
