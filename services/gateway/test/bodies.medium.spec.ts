import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gatewayBefore } from './upstreams.js';
import type { Behaviour, Behind } from './upstreams.js';

let behind: Behind;
let token: string;
beforeAll(async () => {
  behind = await gatewayBefore({
    UPSTREAM_TIMEOUT_MS: '2000',
    UPSTREAM_CONNECTIONS: '8',
    REQUEST_TIMEOUT_MS: '3000',
    BODY_BYTES_PER_CALLER: String(2 * 1024 * 1024),
    BODY_BYTES: String(3 * 1024 * 1024),
  });
  token = await behind.tokens.brand('aurora');
});
afterAll(() => behind.close());
beforeEach(() => {
  behind.seen.length = 0;
});

async function post(
  path: string,
  body: string | ReadableStream,
  authorization = `Bearer ${token}`,
): Promise<unknown[]> {
  const init = { method: 'POST', headers: { authorization }, body, duplex: 'half' };
  const response = await fetch(behind.gateway.url + path, init as RequestInit);
  return [response.status, ((await response.json()) as { code?: string }).code];
}

const inChunks = (bytes: number): ReadableStream =>
  new ReadableStream({
    start(controller) {
      for (let left = bytes; left > 0; left -= 16_384) controller.enqueue(new Uint8Array(Math.min(16_384, left)));
      controller.close();
    },
  });

describe('a body larger than its route accepts', () => {
  it.each([
    ['/v1/grants', 64 * 1024],
    ['/v1/orders', 512 * 1024],
    ['/v1/operator/brands', 2 * 1024 * 1024],
  ])('%s: gets a final 413 and is not passed on', async (path, limit) => {
    expect(await post(path, 'x'.repeat(limit))).toEqual([200, undefined]);
    expect(await post(path, inChunks(limit))).toEqual([200, undefined]);
    expect(behind.seen).toHaveLength(2);
    expect(await post(path, 'x'.repeat(limit + 1))).toEqual([413, 'body_too_large']);
    expect(await post(path, inChunks(limit + 1))).toEqual([413, 'body_too_large']);
    expect(await post(path, 'x'.repeat(6_000_000))).toEqual([413, 'body_too_large']);
    expect(behind.seen).toHaveLength(2);
  });

  it('is buffered up to 16 KB for an unauthenticated caller', async () => {
    expect(await post('/v1/orders', 'x'.repeat(16_384), 'Bearer x.y.z')).toEqual([200, undefined]);
    expect(await post('/v1/orders', 'x'.repeat(16_385), 'Bearer x.y.z')).toEqual([401, 'token_invalid']);
    expect(await post('/v1/orders', inChunks(16_385), '')).toEqual([401, 'token_invalid']);
    expect(await post('/oauth/token', 'x'.repeat(16_385), '')).toEqual([413, 'body_too_large']);
    expect(behind.seen).toHaveLength(1);
  });
});

it('a body arrives as it was sent, in any number of parts', async () => {
  const bytes = Buffer.from(Array.from({ length: 60_000 }, (_, i) => 33 + ((i * i) % 90)));
  const parts = new ReadableStream({
    start(controller) {
      for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 1_009) {
        controller.enqueue(bytes.subarray(at, at + size));
      }
      controller.close();
    },
  });
  expect(await post('/v1/orders', parts)).toEqual([200, undefined]);
  expect(behind.seen.map(({ body }) => body)).toEqual([bytes.toString()]);
});

describe('bodies in transit', () => {
  const MOST_OF_CALLER = 2 * 1024 * 1024;
  const MOST = 3 * 1024 * 1024;
  const ORDER = 520_000;

  interface Half {
    socket: Socket;
    text: string;
    closed: boolean;
  }

  /** Opens connections and sends all but a little of a body on each. */
  async function halves(count: number, line: string, bytes: number, headers = ''): Promise<Half[]> {
    const { hostname, port } = new URL(behind.gateway.url);
    const all = Array.from({ length: count }, () => {
      const half: Half = { socket: connect(Number(port), hostname), text: '', closed: false };
      half.socket.on('error', () => undefined).on('close', () => (half.closed = true));
      half.socket.on('data', (chunk: Buffer) => (half.text += chunk.toString('latin1')));
      half.socket.write(`POST ${line} HTTP/1.1\r\nhost: x\r\n${headers}content-length: ${bytes}\r\n\r\n`);
      half.socket.write('x'.repeat(bytes - 100));
      return half;
    });
    await sleep(400);
    return all;
  }
  const orders = async (client: string, count: number): Promise<Half[]> => {
    const by = await behind.tokens.brand('birch', undefined, client);
    return halves(count, '/v1/orders', ORDER, `authorization: Bearer ${by}\r\n`);
  };
  const answers = (all: Half[], status: number): number =>
    all.filter(({ text }) => new RegExp(`^HTTP/1.1 ${status} [^]*\r\nretry-after: \\d`, 'i').test(text)).length;
  const silent = (all: Half[]): number => all.filter(({ text }) => text === '').length;
  /** Waits until at most this many bytes of the bodies are held; a busy machine reads them later. */
  const kept = async (all: Half[], bytes: number, most: number): Promise<void> => {
    for (let tries = 100; silent(all) * bytes > most && tries > 0; tries -= 1) await sleep(100);
    expect(silent(all) * bytes).toBeLessThanOrEqual(most);
  };
  const end = async (all: Half[]): Promise<void> => {
    for (const { socket } of all) socket.destroy();
    await sleep(100);
  };
  const whole = (authorization?: string): Promise<unknown[]> => post('/v1/orders', 'x'.repeat(ORDER), authorization);

  it('of one caller are buffered up to a limit; more gets 429 and is closed, without effect on others', async () => {
    const all = await orders('cl_one', 30);
    await kept(all, ORDER, MOST_OF_CALLER);
    expect(silent(all)).toBeGreaterThan(0);
    expect(answers(all, 429)).toBe(30 - silent(all));
    expect(await whole()).toEqual([200, undefined]);
    const own = `Bearer ${await behind.tokens.brand('birch', undefined, 'cl_one')}`;
    expect(await whole(own)).toEqual([429, 'rate_limited']);
    await sleep(1_900);
    expect(all.filter(({ text, closed }) => text !== '' && !closed)).toEqual([]);
    await end(all);
    expect(await whole(own)).toEqual([200, undefined]);
  });

  it('of all callers are buffered up to a limit; the caller with the most makes room for the others', async () => {
    const all = [...(await orders('cl_a', 10)), ...(await orders('cl_b', 10)), ...(await orders('cl_c', 10))];
    await kept(all, ORDER, MOST);
    expect(silent(all)).toBeGreaterThan(3);
    expect(answers(all, 503)).toBeGreaterThan(3);
    expect(answers(all, 429) + answers(all, 503)).toBe(30 - silent(all));
    expect(await whole()).toEqual([200, undefined]);
    await end(all);
    expect(await whole()).toEqual([200, undefined]);
  });

  it('of an address are buffered up to the same limit, even if the gateway itself answers', async () => {
    const all = await halves(200, '/nowhere', 16_384, 'content-type: application/json\r\n');
    await kept(all, 16_384, MOST_OF_CALLER);
    expect(answers(all, 429)).toBe(200 - silent(all));
    expect(await whole()).toEqual([200, undefined]);
    await end(all);
    expect(await post('/nowhere', '{}', '')).toEqual([404, 'not_found']);
  });

  it('count while they wait for a service, and no longer', async () => {
    behind.behaviours.set('/v1/orders', () => undefined);
    const first = await Promise.all(Array.from({ length: 6 }, () => whole()));
    expect(first.filter(([status]) => status === 429)).toHaveLength(2);
    expect(first.filter(([, code]) => code === 'outcome_unknown')).toHaveLength(4);
    behind.behaviours.delete('/v1/orders');
    for (let i = 0; i < 6; i += 1) expect(await whole()).toEqual([200, undefined]);
  });

  it('a refused call whose body ends in time keeps its connection', async () => {
    const [half] = await halves(1, '/v1/orders', 100, `authorization: Bearer ${token}\r\n`);
    const { socket } = half as Half;
    const others = await halves(5, '/v1/orders', ORDER, `authorization: Bearer ${token}\r\n`);
    socket.write('x'.repeat(100));
    socket.write(call('POST /v1/orders', token, 'x'.repeat(100_000)));
    await end(others.slice(0, 4));
    await sleep(2_200);
    socket.write(call('POST /v1/orders', token, '{}'));
    await sleep(100);
    expect((half as Half).text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 429', 'HTTP/1.1 200']);
    await end([half as Half, ...others]);
  });
});

const COUNT = 200;

/** What a hostile connection keeps sending, if anything. */
type Attack = (socket: Socket, token: string) => void;

const opening = (lines: string): string => `POST /oauth/token HTTP/1.1\r\nhost: x\r\n${lines}`;
const call = (line: string, token: string, body = ''): string =>
  `${line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const every = (socket: Socket, ms: number, work: () => void): void => {
  const timer = setInterval(work, ms);
  socket.on('close', () => clearInterval(timer));
};

const HUGE = Buffer.alloc(8 * 1024 * 1024, 'x');

const huge = (): Behaviour => (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/csv', 'content-length': HUGE.length }).end(HUGE);
};

it('a call sent while a large answer waits to be read affects neither', async () => {
  behind.behaviours.set('/v1/cycles/huge', huge());
  const { hostname, port } = new URL(behind.gateway.url);
  const socket = connect(Number(port), hostname).pause();
  socket.write(call('GET /v1/cycles/huge', token));
  await sleep(300);
  socket.write(call('GET /v1/cycles', token));
  await sleep(300);
  const texts: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => texts.push(chunk)).resume();
  const text = (): string => Buffer.concat(texts).toString('latin1');
  while (!text().endsWith('{"service":"settlement"}') && !socket.destroyed) await sleep(50);
  socket.destroy();
  expect(text().match(/HTTP\/1.1 200 /g)).toHaveLength(2);
  expect(text().length).toBeGreaterThan(HUGE.length);
});

it('a connection that pipelines is read no further, and not free for another attempt until two seconds later', async () => {
  behind.seen.length = 0;
  const { hostname, port } = new URL(behind.gateway.url);
  const socket = connect(Number(port), hostname).on('error', () => undefined);
  const closed = once(socket, 'close');
  const began = performance.now();
  socket.resume().write(call('GET /v1/cycles', token).repeat(100));
  await sleep(300);
  socket.write(call('GET /v1/cycles', token).repeat(100));
  await closed;
  expect(performance.now() - began).toBeGreaterThan(1_800);
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(behind.seen.length).toBeLessThanOrEqual(4);
});

/**
 * Opens 200 hostile connections of one kind; meanwhile times another caller's calls. Returns sorted times; a failed call is
 * Infinity.
 */
async function besieged(attack: Attack): Promise<number[]> {
  behind.behaviours.set('/v1/cycles/huge', huge());
  const hostile = await behind.tokens.brand('birch');
  const { hostname, port } = new URL(behind.gateway.url);
  const sockets = await Promise.all(
    Array.from(
      { length: COUNT },
      () =>
        new Promise<Socket>((open, failed) => {
          const socket = connect(Number(port), hostname, () => open(socket));
          socket.on('error', failed);
        }),
    ),
  );
  for (const socket of sockets) {
    socket.on('error', () => undefined).resume();
    attack(socket, hostile);
  }
  await sleep(100);
  const calls = [
    { path: '/.well-known/jwks.json', method: 'GET', body: null },
    { path: '/v1/cycles', method: 'GET', body: null },
    { path: '/v1/orders', method: 'POST', body: '{}' },
  ] as const;
  const ask = async (i: number): Promise<number> => {
    const { path, method, body } = calls[i % calls.length] ?? calls[0];
    const began = performance.now();
    const response = await fetch(behind.gateway.url + path, {
      method,
      body,
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(20_000),
    });
    await response.arrayBuffer();
    return response.status === 200 ? performance.now() - began : Infinity;
  };
  const times: number[] = [];
  for (let i = 0; i < 102; i += 1) times.push(await ask(i));
  for (const socket of sockets) socket.destroy();
  // wait until the gateway is done with this attack, before the next one starts
  while ((await ask(1)) > 100) await sleep(20);
  return times.sort((a, b) => a - b);
}

it.each<[string, Attack]>([
  ['say nothing', () => undefined],
  ['send half a head', (socket) => socket.write(opening('x-slow: '))],
  [
    'send a head letter by letter',
    (socket) => {
      socket.write(opening('x-slow: '));
      every(socket, 20, () => socket.write('x'));
    },
  ],
  ['promise a body and send a byte of it', (socket) => socket.write(opening('content-length: 300000\r\n\r\nx'))],
  ['promise a small body and send a byte of it', (socket) => socket.write(opening('content-length: 9000\r\n\r\nx'))],
  ['ask for a token and close their half', (socket) => socket.end(opening('content-length: 9000\r\n\r\nx'))],
  ['send one chunk', (socket) => socket.write(opening('transfer-encoding: chunked\r\n\r\n1\r\nx\r\n'))],
  [
    'send on and on without end',
    (socket) => {
      socket.write(opening('transfer-encoding: chunked\r\n\r\n'));
      every(socket, 50, () => socket.write(`1000\r\n${'x'.repeat(4_096)}\r\n`));
    },
  ],
  ['ask a hundred times at once', (socket, by) => socket.write(call('GET /v1/cycles', by).repeat(100))],
  [
    'ask for much and read nothing of it',
    (socket, by) => socket.pause().write(call('GET /v1/cycles/huge', by).repeat(3)),
  ],
])('200 connections that %s fail no call of another, and leave their p99 under a second', async (_name, attack) => {
  const times = await besieged(attack);
  expect(times.filter((ms) => ms === Infinity)).toEqual([]);
  expect(times[100]).toBeLessThan(1_000);
});
