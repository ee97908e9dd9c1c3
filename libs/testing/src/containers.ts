import { existsSync } from 'node:fs';
import type { ServerRecord } from './server-record.js';
import { freePort } from '#libs/servers';

const POSTGRES_IMAGE = 'postgres:18-alpine';
const KAFKA_IMAGE = 'apache/kafka:4.1.1';

/**
 * Whether a container engine answers, so that the servers come from images. `HEZONG_TEST_SERVERS=embedded` says not to ask.
 * Loading testcontainers takes a second, so a machine without any engine's socket is told apart first.
 */
export async function engineAnswers(): Promise<boolean> {
  const choice = process.env['HEZONG_TEST_SERVERS'];
  if (choice === 'embedded') return false;
  const sockets = [
    '/var/run/docker.sock',
    '/run/docker.sock',
    `${process.env['XDG_RUNTIME_DIR'] ?? '/nonexistent'}/docker.sock`,
    `${process.env['XDG_RUNTIME_DIR'] ?? '/nonexistent'}/podman/podman.sock`,
  ];
  if (choice !== 'containers' && process.env['DOCKER_HOST'] === undefined && !sockets.some((path) => existsSync(path)))
    return false;
  try {
    const { getContainerRuntimeClient } = await import('testcontainers');
    await getContainerRuntimeClient();
    return true;
  } catch (error) {
    if (choice === 'containers') throw error;
    return false;
  }
}

export async function startPostgresContainer(): Promise<ServerRecord> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = await new GenericContainer(POSTGRES_IMAGE)
    .withEnvironment({ POSTGRES_PASSWORD: 'test' })
    .withCommand(['postgres', '-c', 'max_connections=300', '-c', 'shared_buffers=256MB'])
    .withExposedPorts(5432)
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  const address = `postgresql://postgres:test@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
  return { says: `${POSTGRES_IMAGE} in a container`, address, container: container.getId() };
}

export async function startKafkaContainer(): Promise<ServerRecord> {
  const { GenericContainer, Wait } = await import('testcontainers');
  // The broker tells clients its own address, so the host's port must be known before it starts.
  const port = await freePort();
  const container = await new GenericContainer(KAFKA_IMAGE)
    .withEnvironment({
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_LISTENERS: `PLAINTEXT://:${port},CONTROLLER://:9093`,
      KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    })
    .withExposedPorts({ container: port, host: port })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .start();
  return { says: `${KAFKA_IMAGE} in a container`, address: `127.0.0.1:${port}`, container: container.getId() };
}
