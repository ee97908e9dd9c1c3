import { accessSync, constants, mkdirSync, readdirSync, readFileSync, readlinkSync, statfsSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import pg from 'pg';
import { openDoor } from '#libs/servers';

/** A reason not to start that the user can fix; shown without a stack. */
export class CannotStart extends Error {}

const DISK_NEEDED = 1.5 * 1024 ** 3;

export function checkDisk(directory: string): void {
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  if (free < DISK_NEEDED) {
    throw new CannotStart(
      `${directory} has ${(free / 1024 ** 2).toFixed(0)} MB of free disk space; PostgreSQL and the event log need 1.5 GB. Free some, or use --data DIR on another disk.`,
    );
  }
}

/** @throws CannotStart when the directory does not exist and cannot be created, or is not a directory */
export function makeDataDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code;
    if (why === 'EEXIST' || why === 'ENOTDIR')
      throw new CannotStart(`--data ${directory} is a file, or is below one. Name a directory.`);
    if (why === 'EACCES' || why === 'EPERM' || why === 'EROFS')
      throw new CannotStart(`--data ${directory} is not writable for this user. Name a writable directory.`);
    throw error;
  }
}

/** PostgreSQL's codes for an unknown name or password. */
const NO_ENTRY = new Set(['28000', '28P01']);
const PATIENCE_MS = 5_000;

/** @throws CannotStart when no server answers at the URL, or its user is not a superuser; the password is not shown */
export async function checkDatabase(url: string): Promise<void> {
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol))
    throw new CannotStart(
      'DATABASE_URL is not a URL of PostgreSQL. Write postgres://USER:PASSWORD@HOST:PORT/DATABASE.',
    );
  const place = new URL(url).host;
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: PATIENCE_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ super: boolean }>(
      'select rolsuper as super from pg_roles where rolname = current_user',
    );
    if (rows[0]?.super !== true)
      throw new CannotStart(
        `the user of DATABASE_URL is not a superuser at ${place}. Name a superuser: it creates the databases and roles.`,
      );
  } catch (error) {
    if (error instanceof CannotStart) throw error;
    const { code, message } = error as { code?: string; message: string };
    if (code !== undefined && NO_ENTRY.has(code))
      throw new CannotStart(`PostgreSQL at ${place} refuses the user or password of DATABASE_URL. Correct them.`);
    throw new CannotStart(
      `no PostgreSQL answers at ${place} (${code ?? message}), which DATABASE_URL names. Start it, correct the URL, or unset DATABASE_URL to use the embedded one.`,
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** @throws CannotStart when no server listens at any of the addresses */
export async function checkKafka(brokers: string): Promise<void> {
  const faults = await Promise.all(brokers.split(',').map((address) => silence(address.trim())));
  if (faults.includes(null)) return;
  throw new CannotStart(
    `no Kafka answers at ${brokers} (${faults[0]}), which KAFKA_BROKERS names. Start it, correct the addresses, or unset KAFKA_BROKERS to use one on the local Java.`,
  );
}

/** Error of connecting to HOST:PORT; null when it succeeds. */
function silence(address: string): Promise<string | null> {
  const at = address.lastIndexOf(':');
  const port = Number(address.slice(at + 1));
  if (at < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) return Promise.resolve('not HOST:PORT');
  return new Promise((resolve) => {
    const socket = connect({ host: address.slice(0, at), port, timeout: PATIENCE_MS });
    const say = (fault: string | null): void => {
      socket.destroy();
      resolve(fault);
    };
    socket.once('connect', () => say(null));
    socket.once('timeout', () => say('no answer'));
    socket.once('error', (error: NodeJS.ErrnoException) => say(error.code ?? error.message));
  });
}

/** Takes the port of the gateway before anything else is started. */
export async function takePort(port: number): Promise<Server> {
  try {
    return await openDoor(port);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code;
    if (why === 'EADDRINUSE')
      throw new CannotStart(`port ${port} is taken${listenerOf(port)}. Stop that, or start with --port N.`);
    if (why === 'EACCES') throw new CannotStart(`port ${port} may not be used by this user. Start with --port N.`);
    throw error;
  }
}

/** The process that listens on a port, from /proc (Linux only); an empty text where that is unknown. */
function listenerOf(port: number): string {
  try {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    const inodes = new Set(
      ['tcp', 'tcp6']
        .flatMap((name) => readFileSync(`/proc/net/${name}`, 'utf8').split('\n').slice(1))
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[1]?.endsWith(`:${hex}`) === true && fields[3] === '0A')
        .map((fields) => `socket:[${fields[9]}]`),
    );
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (!opens(pid, inodes)) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return ` by process ${pid} (${command.slice(0, 80)})`;
    }
  } catch {
    // Not Linux, or not permitted: the message names only the port.
  }
  return '';
}

function opens(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}
