import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, removePostgresData } from '#libs/servers';
import { compileCache } from '../network/root.js';
import type { SandboxFile } from '../network/sandbox-file.js';

const READY_MS = 120_000;

/** The network as its users run it: `dist/deploy/local/start.js` in a separate process, with its own port and directory. */
export class LocalNetwork {
  private child: ChildProcess | null = null;
  /** Offset in bytes at which the log of this start begins. */
  private begun = 0;

  private constructor(
    readonly dataDir: string,
    readonly port: number,
    private broker: string,
  ) {}

  static async start(broker: string): Promise<LocalNetwork> {
    const dataDir = mkdtempSync(join(tmpdir(), 'hezong-e2e-'));
    // root runs PostgreSQL under another account, which must be able to enter
    chmodSync(dataDir, 0o711);
    const network = new LocalNetwork(dataDir, await freePort(), broker);
    await network.up();
    return network;
  }

  get gateway(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get file(): string {
    return join(this.dataDir, 'sandbox.json');
  }

  get sandbox(): SandboxFile {
    return JSON.parse(readFileSync(this.file, 'utf8')) as SandboxFile;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get postmaster(): number {
    return Number(readFileSync(join(this.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
  }

  /** One of its databases, as superuser. */
  adminUrl(database: string): string {
    const [, , , port = ''] = readFileSync(join(this.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
    const password = readFileSync(join(this.dataDir, 'postgres', 'hezong.password'), 'utf8').trim();
    return `postgresql://postgres:${password}@127.0.0.1:${port}/${database}`;
  }

  /** Starts it, or starts it again with its existing data. */
  async up(broker = this.broker): Promise<void> {
    this.broker = broker;
    const log = openSync(this.log, 'a');
    this.begun = statSync(this.log).size;
    const child = spawn(
      process.execPath,
      [
        '--enable-source-maps',
        'dist/deploy/local/start.js',
        '--empty',
        '--broker',
        broker,
        '--port',
        String(this.port),
        '--data',
        this.dataDir,
      ],
      { stdio: ['ignore', log, log], env: { ...process.env, NODE_COMPILE_CACHE: compileCache() } },
    );
    closeSync(log);
    this.child = child;
    for (const end = performance.now() + READY_MS; performance.now() < end; await sleep(100)) {
      if (child.exitCode !== null) throw new Error(`the network ended with ${child.exitCode}: ${this.output()}`);
      const health = await fetch(`${this.gateway}/health`).catch(() => null);
      if (health?.status === 200) return;
    }
    throw new Error(`the network was not ready after ${READY_MS} ms: ${this.output()}`);
  }

  private get log(): string {
    return join(this.dataDir, 'network.log');
  }

  /** Waits until this start is complete, including its final report; a failed start ends before that. */
  async started(): Promise<void> {
    for (const end = performance.now() + READY_MS; performance.now() < end; await sleep(100)) {
      if (readFileSync(this.log).subarray(this.begun).includes('Ctrl-C stops it')) return;
    }
    throw new Error(`the network did not end its start within ${READY_MS} ms: ${this.output()}`);
  }

  output(): string {
    return readFileSync(this.log, 'utf8').slice(-4_000);
  }

  /** SIGKILL, like a power failure; optionally of PostgreSQL too. */
  async kill(also?: 'postgres'): Promise<void> {
    const postmaster = also === 'postgres' ? this.postmaster : 0;
    await this.end('SIGKILL');
    if (postmaster > 1) process.kill(postmaster, 'SIGKILL');
  }

  /** Ctrl-C. Returns the exit code. */
  stop(): Promise<number | null> {
    return this.end('SIGINT');
  }

  private async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.child;
    this.child = null;
    if (child === null || child.exitCode !== null) return child?.exitCode ?? null;
    const gone = new Promise<number | null>((exit) => child.once('exit', exit));
    child.kill(signal);
    return gone;
  }

  /** Stops it and removes its data. */
  async destroy(): Promise<void> {
    await this.stop();
    if (!existsSync(this.dataDir)) return;
    removePostgresData(join(this.dataDir, 'postgres'));
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
