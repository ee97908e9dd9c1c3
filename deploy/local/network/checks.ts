import { readdirSync, readFileSync, readlinkSync, statfsSync } from 'node:fs';
import type { Server } from 'node:net';
import { openDoor } from '#libs/servers';

/** A reason not to start that the reader can do something about; shown without a stack. */
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

/** Takes the port of the gateway, before anything is started for it. */
export async function takePort(port: number): Promise<Server> {
  try {
    return await openDoor(port);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code;
    if (why === 'EADDRINUSE')
      throw new CannotStart(`port ${port} is taken${listenerOf(port)}. Stop that, or start with --port N.`);
    if (why === 'EACCES') throw new CannotStart(`port ${port} is not for this user. Start with --port N.`);
    throw error;
  }
}

/** Linux only: who listens on a port, by /proc; an empty text where that can't be told. */
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
    // Not Linux, or not ours to look at: the port alone must do.
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
