import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 50;

const known = new Map<string, NearServer>();

/** A server that callers in the same thread can call without a connection, by its base URL. */
export class NearServer {
  private running = 0;

  private constructor(
    private readonly origin: string,
    private readonly server: Server,
  ) {}

  /** Makes a server known under its base URL. */
  static offer(url: string, server: Server): NearServer {
    const { origin } = new URL(url);
    const near = new NearServer(origin, server);
    known.set(origin, near);
    return near;
  }

  /** The server of an origin, if it runs in this thread. */
  static at(origin: string): NearServer | undefined {
    return known.get(origin);
  }

  /** Handles a request as one that came over a connection. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    this.running += 1;
    response.once('close', () => (this.running -= 1));
    this.server.emit('request', request, response);
  }

  /** Takes no more calls: they go to the server's address. Resolves when none is running. */
  async withdraw(): Promise<void> {
    if (known.get(this.origin) === this) known.delete(this.origin);
    while (this.running > 0) await sleep(LOOK_MS);
  }
}
