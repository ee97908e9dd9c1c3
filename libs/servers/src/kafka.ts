import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { javaAvailable } from './java.js';
import { kafkaJars } from './kafka-jars.js';
import { freePort, onFreePort } from './port.js';
import { commandLine, endProcess, exited, signal, started, tail } from './process.js';

export interface KafkaOptions {
  /** Directory of log and metadata; default: a temporary one, removed by `stop()`. */
  dataDir?: string;
  /** Loopback port; default: a free one. */
  port?: number;
  /** Advertised loopback port, such as that of a proxy in front of the broker; default: its own. */
  advertised?: number;
  /** Directory of the jars; default: the user's cache. */
  cacheDir?: string;
  /** Restart the broker, on the same port, when it exits unexpectedly. */
  restart?: boolean;
  /** Let it outlive this process: the caller must stop it by its pid. */
  detach?: boolean;
  onEvent?: (text: string) => void;
  /** When aborted, the broker is killed at any stage and not restarted; for data that are no longer needed. */
  signal?: AbortSignal;
  /** TLS, authentication and authorization instead of open access; needs a new data directory. */
  secured?: KafkaSecurity;
}

/** A broker that authenticates its clients: SASL_SSL with SCRAM-SHA-512, and an authorizer that denies everything without a rule. */
export interface KafkaSecurity {
  /** PEM of the authority, and of the broker's certificate for 127.0.0.1 with its key. */
  ca: string;
  cert: string;
  key: string;
  /** Common name in that certificate: the broker's identity towards its controller. */
  name: string;
  /** Passwords by user. */
  users: Readonly<Record<string, string>>;
  /** The user among these who may do everything. */
  superUser: string;
  /** Also accepts access tokens (OAUTHBEARER): address of the issuer's keys, and required claims. */
  oauth?: { jwksUrl: string; issuer: string; audience: string };
}

export interface RunningKafka {
  /** `127.0.0.1:port` */
  broker: string;
  port: number;
  readonly pid: number;
  logFile: string;
  stop(): Promise<void>;
}

/** One Apache Kafka node (KRaft, broker and controller in one JVM) on 127.0.0.1. Topics are not created automatically. */
export async function startKafka(options: KafkaOptions = {}): Promise<RunningKafka> {
  const java = javaAvailable();
  if (!java.ok) throw new Error(`Kafka needs a working Java 17 or later: ${java.reason}`);
  const jars = await kafkaJars(options.cacheDir);
  const temporary = options.dataDir === undefined;
  const dataDir = resolve(options.dataDir ?? mkdtempSync(join(tmpdir(), 'hezong-kafka-')));
  mkdirSync(dataDir, { recursive: true });
  const pidFile = join(dataDir, 'kafka.pid');
  await stopOrphan(pidFile, dataDir);
  const properties = join(dataDir, 'server.properties');
  const logFile = join(dataDir, 'kafka.log');

  let stopping = false;
  const launch = async (port: number): Promise<ChildProcess> => {
    const { secured } = options;
    const doors =
      secured === undefined
        ? openDoors(port, options.advertised ?? port, await freePort())
        : securedDoors(secured, dataDir, port, await freePort());
    writeFileSync(properties, serverProperties(dataDir, doors), { mode: 0o600 });
    if (!existsSync(metaFile(dataDir))) await format(jars, properties, dataDir, logFile, options);
    const child = run(jars, ['kafka.Kafka', properties], dataDir, logFile, options);
    writeFileSync(pidFile, String(child.pid ?? ''));
    await ready(child, port, clusterOf(dataDir), logFile, secured);
    return child;
  };
  const [port, first] = await onFreePort(options.port, async (at) => [at, await launch(at)] as const);
  let child = first;
  const watch = (): void => {
    child.once('exit', () => {
      if (stopping || options.signal?.aborted === true || options.restart !== true) return;
      options.onEvent?.('Kafka has stopped; starting it again');
      launch(port).then(
        (next) => {
          child = next;
          if (stopping) signal(child.pid ?? 0, 'SIGTERM');
          else watch();
          options.onEvent?.('Kafka is back');
        },
        (error: unknown) => options.onEvent?.(`Kafka does not come back: ${String(error)}`),
      );
    });
  };
  watch();
  if (options.detach === true) child.unref();

  return {
    broker: `127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    logFile,
    async stop() {
      stopping = true;
      if (!exited(child) && child.pid !== undefined) await endProcess(child.pid, 'SIGTERM', 15_000);
      rmSync(pidFile, { force: true });
      if (temporary) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function openDoors(port: number, advertised: number, controllerPort: number): string[] {
  return [
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${advertised}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
  ];
}

function securedDoors(secured: KafkaSecurity, dataDir: string, port: number, controllerPort: number): string[] {
  const { ca, cert, key, name, users, superUser, oauth } = secured;
  const [own, authority] = [join(dataDir, 'broker.pem'), join(dataDir, 'ca.pem')];
  writeFileSync(own, `${key}${cert}`, { mode: 0o600 });
  writeFileSync(authority, ca);
  const login = 'org.apache.kafka.common.security';
  return [
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=SASL_SSL://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=SASL_SSL://127.0.0.1:${port}`,
    'listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:SSL',
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=SASL_SSL',
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${own}`,
    'ssl.truststore.type=PEM',
    `ssl.truststore.location=${authority}`,
    'listener.name.controller.ssl.client.auth=required',
    `sasl.enabled.mechanisms=SCRAM-SHA-512${oauth === undefined ? '' : ',OAUTHBEARER'}`,
    'sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512',
    `listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=${login}.scram.ScramLoginModule required username="${superUser}" password="${users[superUser] ?? ''}";`,
    'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found=false',
    `super.users=User:${superUser};User:CN=${name}`,
    ...(oauth === undefined
      ? []
      : [
          `listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=${login}.oauthbearer.OAuthBearerLoginModule required;`,
          `listener.name.sasl_ssl.oauthbearer.sasl.server.callback.handler.class=${login}.oauthbearer.OAuthBearerValidatorCallbackHandler`,
          `sasl.oauthbearer.jwks.endpoint.url=${oauth.jwksUrl}`,
          `sasl.oauthbearer.expected.issuer=${oauth.issuer}`,
          `sasl.oauthbearer.expected.audience=${oauth.audience}`,
        ]),
  ];
}

function serverProperties(dataDir: string, doors: readonly string[]): string {
  return `${[
    'process.roles=broker,controller',
    'node.id=1',
    ...doors,
    `log.dirs=${join(dataDir, 'logs')}`,
    'auto.create.topics.enable=false',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=4',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=4',
    'group.initial.rebalance.delay.ms=0',
    'group.min.session.timeout.ms=1000',
    'log.cleaner.dedupe.buffer.size=16777216',
    'num.network.threads=2',
    'num.io.threads=4',
    'broker.heartbeat.interval.ms=500',
    // A killed broker can register again only after its old session has expired.
    'broker.session.timeout.ms=4000',
  ].join('\n')}\n`;
}

function run(
  jars: string,
  args: string[],
  dataDir: string,
  logFile: string,
  { secured, signal }: Pick<KafkaOptions, 'secured' | 'signal'>,
): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  try {
    const jvm = [
      '-Xmx256m',
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      `-Dhezong.kafka=${dataDir}`,
      // Kafka fetches keys only from addresses allowed on its command line
      ...(secured?.oauth === undefined
        ? []
        : [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${secured.oauth.jwksUrl}`]),
      '-cp',
      join(jars, '*'),
    ];
    // Own process group: the terminal's Ctrl-C must reach the services first and the broker last.
    return started(
      spawn('java', [...jvm, ...args], {
        cwd: dataDir,
        detached: true,
        stdio: ['ignore', log, log],
        ...(signal === undefined ? {} : { signal, killSignal: 'SIGKILL' as const }),
      }),
    );
  } finally {
    closeSync(log);
  }
}

const metaFile = (dataDir: string): string => join(dataDir, 'logs', 'meta.properties');

function clusterOf(dataDir: string): string {
  const id = /^cluster\.id=(.+)$/m.exec(readFileSync(metaFile(dataDir), 'utf8'))?.[1];
  if (id === undefined) throw new Error(`${metaFile(dataDir)} names no cluster`);
  return id.trim();
}

/** 16 random bytes in Kafka's notation; it refuses ids that begin with a dash. */
function newClusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? newClusterId() : id;
}

async function format(
  jars: string,
  properties: string,
  dataDir: string,
  logFile: string,
  { secured, signal }: Pick<KafkaOptions, 'secured' | 'signal'>,
): Promise<void> {
  const users = Object.entries(secured?.users ?? {}).flatMap(([name, password]) => [
    '--add-scram',
    `SCRAM-SHA-512=[name=${name},password=${password}]`,
  ]);
  const child = run(
    jars,
    [
      'kafka.tools.StorageTool',
      'format',
      '--cluster-id',
      newClusterId(),
      '--config',
      properties,
      '--ignore-formatted',
      ...users,
    ],
    dataDir,
    logFile,
    signal === undefined ? {} : { signal },
  );
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', fail);
    child.once('exit', done);
  });
  if (code !== 0) throw new Error(`Kafka could not format ${dataDir}: ${tail(logFile)}`);
}

async function ready(
  child: ChildProcess,
  port: number,
  cluster: string,
  logFile: string,
  secured?: KafkaSecurity,
): Promise<void> {
  let failed: Error | undefined;
  child.once('error', (error) => (failed = error));
  const kafka = new Kafka({
    clientId: 'hezong-ready',
    brokers: [`127.0.0.1:${port}`],
    ...(secured === undefined
      ? {}
      : {
          ssl: { ca: secured.ca },
          sasl: {
            mechanism: 'scram-sha-512' as const,
            username: secured.superUser,
            password: secured.users[secured.superUser] ?? '',
          },
        }),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 2_000,
    retry: { retries: 0 },
  });
  for (let waited = 0; waited < 60_000; waited += 150) {
    if (failed !== undefined || exited(child))
      throw new Error(`Kafka did not start: ${failed?.message ?? tail(logFile)}`);
    const admin = kafka.admin();
    try {
      await admin.connect();
      const { brokers, clusterId } = await admin.describeCluster();
      // another process may answer on this port while ours finds it taken
      if (brokers.length > 0 && clusterId === cluster) return;
    } catch {
      // Not yet.
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
    await sleep(150);
  }
  if (child.pid !== undefined) await endProcess(child.pid, 'SIGTERM', 5_000);
  throw new Error(`Kafka was not ready after 60 s: ${tail(logFile)}`);
}

async function stopOrphan(pidFile: string, dataDir: string): Promise<void> {
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const line = Number.isInteger(pid) && pid > 1 ? commandLine(pid) : null;
  if (line !== null && line.includes(`-Dhezong.kafka=${dataDir}`)) await endProcess(pid, 'SIGTERM', 15_000);
  rmSync(pidFile, { force: true });
}
