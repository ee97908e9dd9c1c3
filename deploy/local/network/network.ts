import { mkdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startService } from '#libs/http';
import { freePort, openDoor, portOf, startPostgres, type RunningPostgres } from '#libs/servers';
import { bootstrapOperator } from '../../../services/identity/src/index.js';
import { checkDatabase } from './checks.js';
import { chooseBroker, type Broker } from './broker.js';
import { LOG, prepare, provisionAll, resendOnChange } from './databases.js';
import { DEFINITIONS, FOLLOWERS } from './definitions.js';
import { environmentOf, urlOf, type Plan } from './environment.js';
import { readSandboxFile, writeSandboxFile, type SandboxFile } from './sandbox-file.js';
import { openServiceThread, type NetworkService, type ServiceThread } from './service-thread.js';
import { loadSecrets, saveSecrets, type Secrets } from './secrets.js';

/** Runs the services in place of the network's own threads. */
export interface ServiceHost {
  /** Starts all services with their environments, and calls `free` before it takes their ports; resolves when they serve. */
  serve(envOf: (name: string) => Record<string, string>, free: () => void): Promise<void>;
  close(): Promise<void>;
}

export interface NetworkOptions {
  dataDir: string;
  /** Server that holds the gateway's port. */
  door: Server;
  broker: 'kafka' | 'postgres' | undefined;
  /** Superuser URL of the user's own PostgreSQL; empty: embedded. */
  databaseUrl: string;
  kafkaBrokers: string;
  logLevel: string;
  /** Progress, one line per step. */
  say: (text: string) => void;
  /** Notices for the user: fallbacks, servers that exited and were restarted. */
  notice: (text: string) => void;
  host?: ServiceHost | undefined;
}

/** A network that is starting, running or stopping. `stop` and `kill` work in all these states. */
export class Network {
  private readonly services: NetworkService[] = [];
  /** Ports of the services in this thread, held until they take them over. */
  private readonly doors = new Map<string, Server>();
  private thread: ServiceThread | null = null;
  private postgres: RunningPostgres | null = null;
  private broker: Broker | null = null;
  private stopped = false;
  readonly file: string;

  constructor(private readonly options: NetworkOptions) {
    this.doors.set('gateway', options.door);
    this.file = join(options.dataDir, 'sandbox.json');
  }

  /** Starts servers, databases, migrations, topics, services and operator in the order of a deployment. */
  async start(): Promise<SandboxFile> {
    const { dataDir, say, notice } = this.options;
    mkdirSync(dataDir, { recursive: true, mode: 0o711 });
    const [adminUrl, broker, ports] = await this.servers();
    const names = DEFINITIONS.filter((definition) => definition.migrations !== undefined).map(
      (definition) => definition.name,
    );
    const secrets = loadSecrets(dataDir, [...names, LOG]);
    const databases = await provisionAll(adminUrl, [...names, LOG], secrets);
    const log = databases.get(LOG);
    if (log === undefined) throw new Error('no database for the event log');
    const plan: Plan = {
      ports,
      databases,
      logUrl: log.databaseUrl,
      broker,
      secrets,
      logLevel: this.options.logLevel,
    };
    await prepare(DEFINITIONS, (name) => environmentOf(plan, name), broker, log.migrationUrl);
    databases.delete(LOG);
    await resendOnChange(dataDir, broker, databases.values(), notice);
    say('databases migrated, topics declared');
    const sandbox = await this.operator(plan, secrets);
    await this.serve(plan);
    await this.healthy(sandbox.gateway);
    say(`services ready: ${DEFINITIONS.map(({ name }) => name).join(', ')}`);
    return sandbox;
  }

  /** Runs all services in this process: those that consume the event log in a separate thread. */
  private async serve(plan: Plan): Promise<void> {
    const env = (name: string): Record<string, string> => environmentOf(plan, name);
    const { host } = this.options;
    if (host !== undefined)
      return host.serve(env, () => {
        for (const door of this.doors.values()) door.close();
      });
    const following = this.thread?.serve(env) ?? Promise.resolve();
    // awaited below; until then its failure must not count as unhandled
    following.catch(() => undefined);
    try {
      for (const definition of DEFINITIONS.filter(({ name }) => !FOLLOWERS.has(name))) {
        if (this.stopped) throw new Error('stopped');
        this.services.push(await startService(definition, env(definition.name), this.doors.get(definition.name)));
      }
    } finally {
      await following;
    }
  }

  private async servers(): Promise<[string, Broker, Map<string, number>]> {
    const { dataDir, databaseUrl, kafkaBrokers, broker: forced, say, notice } = this.options;
    const database = async (): Promise<string> => {
      if (databaseUrl !== '') {
        await checkDatabase(databaseUrl);
        say('PostgreSQL of DATABASE_URL');
        return databaseUrl;
      }
      this.postgres = await startPostgres({ dataDir: join(dataDir, 'postgres'), restart: true, onEvent: notice });
      say(`PostgreSQL 18 (127.0.0.1:${this.postgres.port})`);
      return this.postgres.adminUrl;
    };
    const log = async (): Promise<Broker> => {
      this.broker = await chooseBroker({ forced, kafkaBrokers, dataDir, notice });
      say(this.broker.says);
      return this.broker;
    };
    // All must be settled before an error is thrown, or a server that starts late would be left running.
    const [one, two, three] = await Promise.allSettled([database(), log(), this.ports()]);
    if (one.status === 'rejected') throw one.reason;
    if (two.status === 'rejected') throw two.reason;
    if (three.status === 'rejected') throw three.reason;
    return [one.value, two.value, three.value];
  }

  /** Every service gets the ports of all before any serves, so its thread holds each port until the service takes it over. */
  private async ports(): Promise<Map<string, number>> {
    if (this.options.host !== undefined) {
      for (const { name } of DEFINITIONS)
        if (!this.doors.has(name)) this.doors.set(name, await openDoor(await freePort()));
      return new Map([...this.doors].map(([name, door]) => [name, portOf(door)]));
    }
    const thread = openServiceThread([...FOLLOWERS], (error) => {
      throw error;
    });
    for (const { name } of DEFINITIONS)
      if (!FOLLOWERS.has(name) && !this.doors.has(name)) this.doors.set(name, await openDoor());
    this.thread = await thread;
    return new Map([...[...this.doors].map(([name, door]) => [name, portOf(door)] as const), ...this.thread.ports]);
  }

  private async operator(plan: Plan, secrets: Secrets): Promise<SandboxFile> {
    const identity = plan.databases.get('identity');
    if (identity === undefined) throw new Error('identity has no database');
    const operator = await bootstrapOperator(identity.migrationUrl, secrets.operator);
    saveSecrets(this.options.dataDir, { ...secrets, operator });
    const gateway = urlOf(plan, 'gateway');
    const sandbox: SandboxFile = {
      gateway,
      tokenUrl: `${gateway}/oauth/token`,
      operator,
      services: Object.fromEntries(DEFINITIONS.map(({ name }) => [name, urlOf(plan, name)])),
      brands: readSandboxFile(this.file)?.brands ?? [],
    };
    writeSandboxFile(this.file, sandbox);
    return sandbox;
  }

  private async healthy(gateway: string): Promise<void> {
    let last = 'no answer';
    for (const end = performance.now() + 60_000; performance.now() < end; await sleep(50)) {
      const response = await fetch(`${gateway}/health`).catch(() => null);
      if (response?.status === 200) return;
      last = response === null ? 'no answer' : await response.text();
      if (this.stopped) throw new Error('stopped');
    }
    throw new Error(`the network is not ready after a minute: ${last}`);
  }

  /** Stops the gateway first and the servers last; running work is finished. */
  async stop(): Promise<void> {
    this.stopped = true;
    const services = this.services.splice(0).reverse();
    for (const service of services.filter((one) => one.name === 'gateway')) await service.close().catch(this.grumble);
    const { host } = this.options;
    const others = [
      ...(host === undefined ? [] : [host]),
      ...services.filter((one) => one.name !== 'gateway'),
      ...(this.thread === null ? [] : [this.thread]),
    ];
    await Promise.all(others.map((one) => one.close().catch(this.grumble)));
    for (const door of this.doors.values()) door.close();
    await Promise.all([this.broker?.server?.stop(), this.postgres?.stop()]);
  }

  /** Stops immediately, for a second Ctrl-C or an exiting process: the servers recover at the next start. */
  kill(): void {
    this.stopped = true;
    for (const [pid, signal] of [
      [this.broker?.server?.pid, 'SIGKILL'],
      [this.postgres?.pid, 'SIGQUIT'],
    ] as const) {
      if (pid === undefined || pid === 0) continue;
      try {
        process.kill(pid, signal);
      } catch {
        // Gone already.
      }
    }
  }

  private readonly grumble = (error: unknown): void => this.options.notice(`while stopping: ${String(error)}`);
}

/** Removes data and credentials of a stopped network; other files in the same directory stay. */
export function forgetData(dataDir: string, removePostgres: (directory: string) => void): void {
  removePostgres(join(dataDir, 'postgres'));
  for (const name of ['kafka', 'sandbox.json', 'secrets.json', 'network.json', 'progress.json'])
    rmSync(join(dataDir, name), { recursive: true, force: true });
}
