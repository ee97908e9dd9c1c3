import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Most concurrent calls of one connection. Ordinary clients send the next call after the answer to the last. */
const MOST_UNDER_WAY = 4;
/**
 * How long a connection that pipelines is kept, unread, before it is closed. One that is closed at once is opened anew at once, and
 * Node accepts one connection per turn of its event loop: those of other callers would wait behind them.
 */
const HELD_MS = 2_000;

/**
 * Closes connections on which a caller pipelines too many calls. It must run before anything else is done with a call: Node delivers
 * every call it has read, even after the connection is closed.
 */
export function closePipelines(server: Server): void {
  const underWay = new WeakMap<Socket, number>();
  const held = new WeakSet<Socket>();
  const hold = (socket: Socket): void => {
    held.add(socket.pause());
    const timer = setTimeout(() => socket.destroy(), HELD_MS);
    socket.on('close', () => clearTimeout(timer));
  };
  const handlers = server.listeners('request') as ((request: IncomingMessage, response: ServerResponse) => void)[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    if (socket.destroyed || held.has(socket)) return;
    const count = (underWay.get(socket) ?? 0) + 1;
    if (count > MOST_UNDER_WAY) {
      hold(socket);
      return;
    }
    underWay.set(socket, count);
    response.on('close', () => underWay.set(socket, (underWay.get(socket) ?? 1) - 1));
    for (const handle of handlers) handle.call(server, request, response);
  });
}
