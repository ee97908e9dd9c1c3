import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that systems give to outgoing connections, or one of those could take a port before its server listens. */
const FIRST = 15_000;
const LAST = 32_000;
const TRIES = 100;

function tryListen(port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(null);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : null);
      });
    });
  });
}

/** A TCP port on the loopback interface that nobody listens on right now. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const port = await tryListen(randomInt(FIRST, LAST));
    if (port !== null) return port;
  }
  throw new Error('no free port on 127.0.0.1');
}

/** True when somebody else listens on this loopback port (or we may not). */
export async function portTaken(port: number): Promise<boolean> {
  return (await tryListen(port)) === null;
}
