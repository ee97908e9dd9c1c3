import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Below the ephemeral port range: an outgoing connection could otherwise take a port before its server listens. */
const FIRST = 15_000;
const LAST = 32_000;
/** Ports per block; the first is the block's lock. */
const BLOCK = 50;
const TRIES = 100;

/** Ports of this process's blocks that are not given out yet. */
const left: number[] = [];

/**
 * Reserves a loopback port: a server listens on it and resets early connections, until the service that it is for takes the server over.
 * 0 takes any port.
 * @throws Error with code `EADDRINUSE` when another process has it, `EACCES` when it is not permitted
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

export function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server does not listen on a port');
  return address.port;
}

/** A server that reserves this port, or null when the port is not available. */
async function tryDoor(port: number): Promise<Server | null> {
  try {
    return await openDoor(port);
  } catch (error) {
    if (['EADDRINUSE', 'EACCES'].includes(String((error as NodeJS.ErrnoException).code))) return null;
    throw error;
  }
}

/**
 * The process that listens on the first port of a block owns the block while it lives: no two of our processes give out the same port,
 * including one whose server has exited and is about to restart.
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
 * A loopback port for a server that cannot take over a listening one, such as a separate process. Nothing listens on it, and none of our
 * other processes gets it while this one lives; a foreign process may still take it, see {@link onFreePort}.
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

/** Starts a server on the requested port, else on a free one, and on another if a foreign process took that in between. */
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
