import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '#libs/servers';
import type { Compose, ComposeService } from './compose.js';

/** Delay before an exited process is started again. */
const AGAIN_MS = 500;

/** Local addresses that replace the names of the compose network. */
export interface Addresses {
  ports: Map<string, number>;
  /** `host:port` of the compose network to the local `host:port`. */
  servers: Map<string, string>;
}

/**
 * The environment of a container, with the addresses of the compose network replaced by local ones; a container engine does the same in its
 * own way. Nothing else is added, not even the PATH.
 */
export function environmentHere(service: ComposeService, name: string, addresses: Addresses): Record<string, string> {
  const translate = (value: string): string => {
    let text = value;
    for (const [there, here] of addresses.servers) text = text.replaceAll(there, here);
    for (const [other, port] of addresses.ports) text = text.replaceAll(`//${other}:8080`, `//127.0.0.1:${port}`);
    return text;
  };
  const here = Object.fromEntries(
    Object.entries(service.environment ?? {}).map(([key, value]) => [key, translate(value)]),
  );
  // inside its container a service binds every address
  if (here['HOST'] !== undefined) here['HOST'] = '127.0.0.1';
  if (here['PORT'] !== undefined) here['PORT'] = String(addresses.ports.get(name) ?? 0);
  if (here['OPS_PORT'] !== undefined) here['OPS_PORT'] = String(addresses.ports.get(opsOf(name)) ?? 0);
  return here;
}

/** Key of the port of a service's metrics and probes. */
function opsOf(name: string): string {
  return `${name} ops`;
}

export async function portsFor(compose: Compose): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  for (const [name, { environment }] of Object.entries(compose.services)) {
    if (environment?.['PORT'] !== undefined) ports.set(name, await freePort());
    if (environment?.['OPS_PORT'] !== undefined) ports.set(opsOf(name), await freePort());
  }
  return ports;
}

/** One container's command as a separate process. */
export class Container {
  private child: ChildProcess | null = null;
  private ended = false;
  private failures = 0;

  constructor(
    readonly name: string,
    private readonly command: readonly string[],
    private readonly env: Record<string, string>,
    private readonly image: string,
    private readonly logs: string,
    /** Most consecutive restarts when it exits during its start, because its database went away at that moment. */
    private readonly restarts = 0,
  ) {}

  get logFile(): string {
    return join(this.logs, `${this.name}.log`);
  }

  get url(): string {
    return `http://127.0.0.1:${this.env['PORT'] ?? ''}`;
  }

  /** Base URL of metrics and probes. */
  get opsUrl(): string {
    return `http://127.0.0.1:${this.env['OPS_PORT'] ?? ''}`;
  }

  get log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get running(): boolean {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
  }

  start(): void {
    if (this.ended) throw new Error(`${this.name} has been ended`);
    const log = openSync(this.logFile, 'a');
    const [program = '', ...args] = this.command;
    if (program !== 'node') throw new Error(`${this.name} is started by ${program}, not by node`);
    this.child = spawn(process.execPath, args, { cwd: this.image, env: this.env, stdio: ['ignore', log, log] });
    closeSync(log);
    if (this.restarts === 0) return;
    const from = this.log.length;
    this.child.once('exit', (code) => {
      if (code !== 1 || this.log.slice(from).includes(' listens on ')) this.failures = 0;
      else if ((this.failures += 1) <= this.restarts) setTimeout(() => this.again(), AGAIN_MS);
    });
  }

  private again(): void {
    if (!this.ended && !this.running) this.start();
  }

  async run(ms = 120_000): Promise<number | null> {
    this.start();
    await this.gone(ms);
    return this.child?.exitCode ?? null;
  }

  /** Kills it like a power failure, and starts it again after a while. */
  async crash(pauseMs: number): Promise<void> {
    if (this.pid > 1 && this.running) process.kill(this.pid, 'SIGKILL');
    await this.gone(10_000);
    await sleep(pauseMs);
    this.start();
  }

  /** Kills it and prevents a restart. */
  end(): void {
    this.ended = true;
    if (this.pid > 1 && this.running) process.kill(this.pid, 'SIGKILL');
  }

  async stop(): Promise<number | null> {
    if (this.pid > 1 && this.running) process.kill(this.pid, 'SIGTERM');
    await this.gone(60_000);
    return this.child?.exitCode ?? null;
  }

  private async gone(ms: number): Promise<void> {
    for (const end = performance.now() + ms; this.running; await sleep(30)) {
      if (performance.now() < end) continue;
      if (this.pid > 1) process.kill(this.pid, 'SIGKILL');
      throw new Error(`${this.name} did not end within ${ms} ms: ${this.log.slice(-2_000)}`);
    }
  }

  /** Waits until its own readiness check succeeds. */
  async ready(ms = 240_000): Promise<void> {
    const url = `${this.opsUrl}/health/ready`;
    let last = 'no answer';
    for (const end = performance.now() + ms; performance.now() < end; await sleep(150)) {
      if (!this.running && this.failures >= this.restarts)
        throw new Error(`${this.name} ended: ${this.log.slice(-2_000)}`);
      const response = await fetch(url).catch(() => null);
      if (response === null) continue;
      last = await response.text();
      if (response.status === 200) return;
    }
    throw new Error(`${this.name} is not ready after ${ms} ms: ${last}`);
  }
}
