import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import type { GenericContainer } from 'testcontainers';
import { freePort } from '#libs/servers';
import type { ServerRecord } from './server-record.js';

/** Label with the name of the run on every container: `tools/sweep.mjs` uses it to find even those that never started. */
const RUN_LABEL = 'hezong.test-run';

/** The image of a server in docker-compose.yml: tests use the versions of a deployment. */
export function imageOf(server: 'postgres' | 'kafka'): string {
  const compose = parse(readFileSync(join(process.cwd(), 'docker-compose.yml'), 'utf8')) as {
    services: Record<string, { image: string }>;
  };
  const image = compose.services[server]?.image;
  if (image === undefined) throw new Error(`docker-compose.yml has no ${server}`);
  return image;
}

/** A container definition for the run with this state directory. The use of containers is recorded before the first is created. */
async function containerOf(state: string, image: string): Promise<GenericContainer> {
  const { GenericContainer } = await import('testcontainers');
  writeFileSync(join(state, 'containers'), RUN_LABEL);
  return new GenericContainer(image).withLabels({ [RUN_LABEL]: basename(state) });
}

/**
 * Whether a container engine answers, so that servers can be started from images. `HEZONG_TEST_SERVERS=embedded` skips the check.
 * Loading testcontainers takes a second, so a machine without an engine's socket is recognized first.
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

export async function startPostgresContainer(state: string): Promise<ServerRecord> {
  const { Wait } = await import('testcontainers');
  const image = imageOf('postgres');
  const made = await containerOf(state, image);
  const container = await made
    .withEnvironment({ POSTGRES_PASSWORD: 'test' })
    .withCommand(['postgres', '-c', 'max_connections=300', '-c', 'shared_buffers=256MB'])
    .withExposedPorts(5432)
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  const address = `postgresql://postgres:test@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
  return { says: `${image} in a container`, address };
}

export async function startKafkaContainer(state: string): Promise<ServerRecord> {
  const { Wait } = await import('testcontainers');
  const image = imageOf('kafka');
  // The broker sends its own address to clients, so the host's port must be known before it starts.
  const port = await freePort();
  const container = await containerOf(state, image);
  await container
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
  return { says: `${image} in a container`, address: `127.0.0.1:${port}` };
}
