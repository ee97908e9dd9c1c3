import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startKafka, startPostgres, type RunningKafka, type RunningPostgres } from '#libs/servers';
import { testProxy, type TestProxy } from '#libs/testing';
import { bootstrapOperator } from '../../services/identity/src/index.js';
import { LOG, prepare, provisionAll } from '../local/network/databases.js';
import { DEFINITIONS } from '../local/network/definitions.js';
import { environmentOf, type Plan } from '../local/network/environment.js';
import { compileCache, projectRoot } from '../local/network/root.js';
import { writeSandboxFile, type SandboxFile } from '../local/network/sandbox-file.js';
import { loadSecrets } from '../local/network/secrets.js';
import { Container } from '../processes/machine.js';

export interface StageOptions {
  /** Whether all services of one row share one process, a machine: this starts about six times fewer processes. */
  readonly shared: boolean;
  say(text: string): void;
}

const ROWS = [1, 2] as const;
/** Restart limit, as in `docker-compose.yml`. */
const RESTARTS = 5;

/**
 * A network of processes on loopback: real PostgreSQL and Kafka, a proxy in front of each service's database and of Kafka, and two
 * processes per service. It uses real time, as a production network does.
 */
export class Stage {
  readonly processes = new Map<string, Container>();
  /** Address of each service's metrics, by its name and number. */
  readonly ops = new Map<string, string>();
  kafkaProxy: TestProxy | null = null;
  readonly proxies = new Map<string, TestProxy>();
  /** One for each gateway: a till always uses the same one. */
  sandboxes: SandboxFile[] = [];
  /** URLs of the databases without the proxies, for checks. */
  readonly owners = new Map<string, string>();
  readonly file: string;
  private servers: { postgres: RunningPostgres; kafka: RunningKafka } | null = null;
  private starting: Promise<unknown> = Promise.resolve();
  private readonly over = new AbortController();

  private constructor(
    readonly directory: string,
    private readonly options: StageOptions,
  ) {
    this.file = join(directory, 'sandbox.json');
  }

  static make(options: StageOptions): Stage {
    const directory = mkdtempSync(join(tmpdir(), 'hezong-chaos-'));
    // root runs PostgreSQL under another account, which must be able to enter
    chmodSync(directory, 0o711);
    mkdirSync(join(directory, 'logs'));
    return new Stage(directory, options);
  }

  get postgres(): RunningPostgres {
    if (this.servers === null) throw new Error('no PostgreSQL');
    return this.servers.postgres;
  }

  get kafka(): RunningKafka {
    if (this.servers === null) throw new Error('no Kafka');
    return this.servers.kafka;
  }

  of(service: string): string[] {
    return ROWS.map((row) => (this.options.shared ? `machine-${row}` : `${service}-${row}`));
  }

  /** Number of the gateway in a process; null when there is none. */
  gatewayIn(name: string): number | null {
    const at = this.of('gateway').indexOf(name);
    return at < 0 ? null : at;
  }

  async build(): Promise<void> {
    const { directory, options } = this;
    const onEvent = (text: string): void => {
      if (!signal.aborted) options.say(text);
    };
    const { signal } = this.over;
    // a broker sends its own address to its clients, so the proxy is created first
    const kafkaPort = await freePort();
    this.kafkaProxy = await testProxy(`127.0.0.1:${kafkaPort}`);
    const starting = Promise.all([
      startPostgres({
        dataDir: join(directory, 'postgres'),
        maxConnections: 600,
        sharedBuffers: '256MB',
        restart: true,
        onEvent,
        signal,
      }),
      startKafka({
        dataDir: join(directory, 'kafka'),
        port: kafkaPort,
        advertised: this.kafkaProxy.port,
        restart: true,
        onEvent,
        signal,
      }),
    ]);
    this.starting = starting.catch(() => undefined);
    const [postgres, kafka] = await starting;
    this.servers = { postgres, kafka };
    const names = DEFINITIONS.filter(({ migrations }) => migrations !== undefined).map(({ name }) => name);
    const secrets = loadSecrets(directory, [...names, LOG]);
    const databases = await provisionAll(postgres.adminUrl, [...names, LOG], secrets);
    const log = databases.get(LOG);
    if (log === undefined) throw new Error('no database for the event log');
    const broker = {
      kind: 'kafka',
      kafkaBrokers: this.kafkaProxy.through(kafka.broker),
      server: null,
      says: '',
    } as const;
    const ports = new Map<string, number>();
    for (const { name } of DEFINITIONS) {
      for (const row of ROWS) ports.set(`${name}-${row}`, await freePort());
      // calls to one instance of a service go to its first
      ports.set(name, ports.get(`${name}-1`) ?? 0);
    }
    const plan: Plan = { ports, databases, logUrl: log.databaseUrl, broker, secrets, logLevel: 'warn' };
    await prepare(DEFINITIONS, (name) => environmentOf(plan, name), broker, log.migrationUrl);
    const identity = databases.get('identity');
    if (identity === undefined) throw new Error('identity has no database');
    const operator = await bootstrapOperator(identity.migrationUrl, undefined);
    for (const [name, { databaseUrl, migrationUrl }] of databases) {
      this.owners.set(name, migrationUrl);
      this.proxies.set(name, await testProxy(databaseUrl));
    }
    const urlOf = (name: string): string => `http://127.0.0.1:${ports.get(name) ?? 0}`;
    const lists = Object.fromEntries(
      DEFINITIONS.map(({ name }) => [
        `${name.toUpperCase()}_URL`,
        ROWS.map((row) => urlOf(`${name}-${row}`)).join(','),
      ]),
    );
    for (const row of ROWS) {
      const hosted: [string, Record<string, string>][] = [];
      for (const { name } of DEFINITIONS) {
        const own = environmentOf(plan, name);
        const env: Record<string, string> = {
          ...own,
          ...lists,
          PORT: String(ports.get(`${name}-${row}`) ?? 0),
          OPS_PORT: String(await freePort()),
          INSTANCE: String(row - 1),
          TEST_CLOCK: 'false',
        };
        const proxy = this.proxies.get(name);
        if (proxy !== undefined) env['DATABASE_URL'] = proxy.through(own['DATABASE_URL'] ?? '');
        hosted.push([name, env]);
        this.ops.set(`${name}-${row}`, `http://127.0.0.1:${env['OPS_PORT'] ?? ''}`);
      }
      const last = hosted.at(-1)?.[1]['OPS_PORT'] ?? '';
      if (options.shared)
        this.add(`machine-${row}`, 'dist/deploy/chaos/host.js', { HOSTED: JSON.stringify(hosted), OPS_PORT: last });
      else for (const [name, env] of hosted) this.add(`${name}-${row}`, `dist/services/${name}/src/main.js`, env);
    }
    for (const process of this.processes.values()) process.start();
    for (const process of this.processes.values()) await process.ready();
    this.sandboxes = ROWS.map((row) => ({
      gateway: urlOf(`gateway-${row}`),
      tokenUrl: `${urlOf(`gateway-${row}`)}/oauth/token`,
      operator,
      services: {},
      brands: [],
    }));
    for (const sandbox of this.sandboxes.slice(0, 1)) writeSandboxFile(this.file, sandbox);
  }

  private add(name: string, program: string, own: Record<string, string>): void {
    const logs = join(this.directory, 'logs');
    const env = { ...own, NODE_COMPILE_CACHE: compileCache() };
    this.processes.set(name, new Container(name, ['node', program], env, projectRoot(), logs, RESTARTS));
  }

  /** Kills every process that was started, and starts no more. */
  kill(): void {
    this.over.abort();
    for (const process of this.processes.values()) process.end();
  }

  /** Ends all processes, and cleans up after their exit. */
  async end(keep: boolean): Promise<void> {
    this.kill();
    for (const proxy of this.proxies.values()) await proxy.close();
    await this.kafkaProxy?.close();
    await this.starting;
    await Promise.all([this.servers?.kafka.stop(), this.servers?.postgres.stop()]);
    if (keep) return this.options.say(`logs and data in ${this.directory}`);
    // ten thousand files: do not wait for a slow disk
    spawn('rm', ['-rf', this.directory], { detached: true, stdio: 'ignore' }).unref();
  }
}
