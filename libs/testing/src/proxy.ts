import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A TCP proxy in front of a server, which drops connections on request. */
export interface TestProxy {
  readonly port: number;
  /** The same address with the proxy in place of the server; for a broker give `host:port`. */
  through(address: string): string;
  /** Resets all connections, whatever is in progress on them; returns how many. */
  cut(): number;
  /**
   * Passes the next `count` requests to the server, but drops their answers and resets their connections: for a caller, the connection
   * breaks between commit and reply. `of` selects requests by bytes in them, such as the name of a prepared statement; it matches no
   * request of a TLS connection.
   */
  loseAnswers(count: number, of?: string): void;
  /** Appends bytes to each chunk from the server that ends with `after`, in the same write; null stops it. */
  append(bytes: Buffer | null, after?: Buffer): void;
  /** Number of dropped answers so far. */
  readonly lost: number;
  /** Blocks both directions silently, until `resume`. */
  pause(): void;
  resume(): void;
  /** Delay of each chunk from the server in milliseconds; initially 0. */
  delay(ms: number): void;
  close(): Promise<void>;
}

interface Pair {
  readonly caller: Socket;
  readonly server: Socket;
  /** The last chunk from the caller. */
  asked: Buffer;
}

/** Listens on a free loopback port and forwards to the server at the address (a URL or `host:port`); while it is away callers are reset. */
export async function testProxy(address: string): Promise<TestProxy> {
  const { hostname, port: serverPort } = new URL(address.includes('://') ? address : `tcp://${address}`);
  const server = { host: hostname, port: Number(serverPort), noDelay: true };
  const pairs = new Set<Pair>();
  let paused = false;
  let delayMs = 0;
  let toLose = 0;
  let of: Buffer | null = null;
  let lost = 0;
  let appended: { bytes: Buffer; after: Buffer } | null = null;

  const reset = (pair: Pair): void => {
    pairs.delete(pair);
    pair.caller.resetAndDestroy();
    pair.server.destroy();
  };

  const listener = createServer({ noDelay: true }, (caller) => {
    const pair: Pair = {
      caller,
      server: connect(server),
      asked: Buffer.alloc(0),
    };
    pairs.add(pair);
    caller.on('data', (chunk) => {
      pair.asked = chunk;
      if (!pair.server.write(chunk)) caller.pause();
    });
    pair.server.on('drain', () => {
      if (!paused) caller.resume();
    });
    pair.server.on('data', (chunk) => {
      if (toLose > 0 && (of === null || pair.asked.includes(of))) {
        toLose -= 1;
        lost += 1;
        reset(pair);
        return;
      }
      const ends = appended !== null && chunk.subarray(-appended.after.length).equals(appended.after);
      const whole = appended !== null && ends ? Buffer.concat([chunk, appended.bytes]) : chunk;
      const pass = (): boolean => caller.destroyed || caller.write(whole);
      if (delayMs > 0) setTimeout(pass, delayMs);
      else if (!pass()) pair.server.pause();
    });
    caller.on('drain', () => {
      if (!paused) pair.server.resume();
    });
    for (const [from, to] of [
      [caller, pair.server],
      [pair.server, caller],
    ] as const) {
      from.on('error', () => reset(pair));
      from.on('end', () => to.end());
      from.on('close', () => pairs.delete(pair));
    }
    if (paused) {
      caller.pause();
      pair.server.pause();
    }
  });
  await new Promise<void>((listening) => listener.listen(0, '127.0.0.1', listening));
  const { port } = listener.address() as AddressInfo;

  const each = (work: (socket: Socket) => void): void => {
    for (const pair of pairs) [pair.caller, pair.server].forEach(work);
  };
  return {
    port,
    through(address) {
      if (!address.includes('://')) return `127.0.0.1:${port}`;
      const url = new URL(address);
      url.hostname = '127.0.0.1';
      url.port = String(port);
      return url.toString();
    },
    cut() {
      const count = pairs.size;
      for (const pair of [...pairs]) reset(pair);
      return count;
    },
    loseAnswers(count, name) {
      toLose = count;
      of = name === undefined ? null : Buffer.from(name);
    },
    append(bytes, after = Buffer.alloc(0)) {
      appended = bytes === null ? null : { bytes, after };
    },
    get lost() {
      return lost;
    },
    pause() {
      paused = true;
      each((socket) => socket.pause());
    },
    resume() {
      paused = false;
      each((socket) => socket.resume());
    },
    delay(ms) {
      delayMs = ms;
    },
    async close() {
      for (const pair of [...pairs]) reset(pair);
      await new Promise<void>((closed) => listener.close(() => closed()));
    },
  };
}
