import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Calls of one connection that may be under way: clients send the next one when they have the answer to the last. */
const MOST_UNDER_WAY = 4;

/**
 * Closes connections on which a caller sends call upon call without waiting for an answer. Stands before all that is done with
 * a call: Node hands over every call of what it has read, also when the connection is closed by then.
 */
export function closePipelines(server: Server): void {
  const underWay = new WeakMap<Socket, number>();
  const handlers = server.listeners('request') as ((request: IncomingMessage, response: ServerResponse) => void)[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    if (socket.destroyed) return;
    const count = (underWay.get(socket) ?? 0) + 1;
    if (count > MOST_UNDER_WAY) {
      socket.destroy();
      return;
    }
    underWay.set(socket, count);
    response.on('close', () => underWay.set(socket, (underWay.get(socket) ?? 1) - 1));
    for (const handle of handlers) handle.call(server, request, response);
  });
}
