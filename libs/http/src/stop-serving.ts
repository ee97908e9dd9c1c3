import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 50;

/**
 * Ends a server so that no call fails by it: it takes no connection any more, answers what is under way and what still comes over the
 * connections it has, and says with each answer that its connection ends. A connection on which nothing happens stays for `idleMs`, in which
 * callers of the network close it themselves: a server that closes it may do so just when a call is on its way, and nobody could tell then
 * whether that was carried out. Resolves when no connection is left.
 */
export async function stopServing(server: Server, idleMs: number): Promise<void> {
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    response.setHeader('connection', 'close');
  });
  let isOver = false;
  // the close of an HTTP server would end idle connections at once
  NetServer.prototype.close.call(server, () => (isOver = true));
  for (let waited = 0; !isOver; waited += LOOK_MS) {
    if (waited >= idleMs) server.closeIdleConnections();
    await sleep(LOOK_MS);
  }
}
