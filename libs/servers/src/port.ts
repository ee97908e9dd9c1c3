import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Below the ports that systems give to outgoing connections, or one of those could take a port before its server listens. */
const FIRST = 15_000;
const LAST = 32_000;
/** Ports of a block; the first is its key. */
const BLOCK = 50;
const TRIES = 100;

/** Ports of this process's blocks that were not given out yet. */
const left: number[] = [];

/**
 * A loopback port that is taken from now on: a server listens on it and turns away whoever comes early, until the service that it is
 * for takes the server over. 0 takes any.
 * @throws Error with code `EADDRINUSE` when somebody else has it, `EACCES` when it is not for us
 */
export function openDoor(port = 0): Promise<Server> {
  return new Promise((resolve, reject) => {
    const door = createServer((early) => early.resetAndDestroy());
    door.once('error', reject);
    door.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      door.off('error', reject);
      resolve(door);
    });
  });
}

/** The port on which a server listens. */
export function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server does not listen on a port');
  return address.port;
}

/** The door of this port, or null when it can't be ours. */
async function tryDoor(port: number): Promise<Server | null> {
  try {
    return await openDoor(port);
  } catch (error) {
    if (['EADDRINUSE', 'EACCES'].includes(String((error as NodeJS.ErrnoException).code))) return null;
    throw error;
  }
}

/**
 * Whoever listens on the first port of a block owns the block, as long as its process lives: no two processes of ours give out the same
 * port, nor one whose server died and is about to be started again.
 */
async function takeBlock(): Promise<void> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const key = FIRST + BLOCK * randomInt(0, (LAST - FIRST) / BLOCK);
    const held = await tryDoor(key);
    if (held === null) continue;
    held.unref();
    for (let port = key + 1; port < key + BLOCK; port += 1) left.push(port);
    return;
  }
  throw new Error('no free ports on 127.0.0.1');
}

/**
 * A loopback port for a server that can't take over a door, such as a process of its own. Nobody listens on it, and no other process of ours
 * is given it while this one lives; a stranger may still come between, see {@link onFreePort}.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = left.shift();
    if (port === undefined) {
      await takeBlock();
      continue;
    }
    const door = await tryDoor(port);
    if (door === null) continue;
    await new Promise((closed) => door.close(closed));
    return port;
  }
}

/** Starts a server on the port that was asked for, else on a free one, and on another when a stranger took that in between. */
export async function onFreePort<T>(asked: number | undefined, start: (port: number) => Promise<T>): Promise<T> {
  if (asked !== undefined) return start(asked);
  for (let tried = 1; ; tried += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (tried >= 5 || !/address already in use/i.test(String(error))) throw error;
    }
  }
}
