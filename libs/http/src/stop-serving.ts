import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 50;

/**
 * Stops a server without failing any call. It takes no new connections, answers running calls and further calls on open connections,
 * and announces with each answer that the connection ends. Idle connections stay for `idleMs`, in which callers in the network close
 * them. If the server closed them itself, a call could be arriving at that moment, and its outcome would be unknown.
 * Resolves when no connection is left.
 */
export async function stopServing(server: Server, idleMs: number): Promise<void> {
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    response.setHeader('connection', 'close');
  });
  let isOver = false;
  // closing the HTTP server would end idle connections immediately
  NetServer.prototype.close.call(server, () => (isOver = true));
  for (let waited = 0; !isOver; waited += LOOK_MS) {
    if (waited >= idleMs) server.closeIdleConnections();
    await sleep(LOOK_MS);
  }
}
