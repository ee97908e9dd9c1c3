import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gatewayBefore } from './upstreams.js';
import type { Behaviour, Behind } from './upstreams.js';

let behind: Behind;
let token: string;
beforeAll(async () => {
  behind = await gatewayBefore({ UPSTREAM_TIMEOUT_MS: '2000', UPSTREAM_CONNECTIONS: '8', REQUEST_TIMEOUT_MS: '3000' });
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

describe('a body larger than its route takes', () => {
  it.each([
    ['/v1/grants', 64 * 1024],
    ['/v1/orders', 512 * 1024],
    ['/v1/operator/brands', 2 * 1024 * 1024],
  ])('%s: is a final 413 and goes no further', async (path, limit) => {
    expect(await post(path, 'x'.repeat(limit))).toEqual([200, undefined]);
    expect(await post(path, inChunks(limit))).toEqual([200, undefined]);
    expect(behind.seen).toHaveLength(2);
    expect(await post(path, 'x'.repeat(limit + 1))).toEqual([413, 'body_too_large']);
    expect(await post(path, inChunks(limit + 1))).toEqual([413, 'body_too_large']);
    expect(await post(path, 'x'.repeat(6_000_000))).toEqual([413, 'body_too_large']);
    expect(behind.seen).toHaveLength(2);
  });

  it('is kept up to 16 KB of a caller who has proven nothing', async () => {
    expect(await post('/v1/orders', 'x'.repeat(16_384), 'Bearer x.y.z')).toEqual([200, undefined]);
    expect(await post('/v1/orders', 'x'.repeat(16_385), 'Bearer x.y.z')).toEqual([401, 'token_invalid']);
    expect(await post('/v1/orders', inChunks(16_385), '')).toEqual([401, 'token_invalid']);
    expect(await post('/oauth/token', 'x'.repeat(16_385), '')).toEqual([413, 'body_too_large']);
    expect(behind.seen).toHaveLength(1);
  });
});

const COUNT = 200;

/** What keeps on coming over a hostile connection, if anything. */
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

it('a call that is sent while a large answer waits to be read disturbs neither', async () => {
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

/** 200 connections of a kind at once; meanwhile somebody else's calls: their times, in order, endless for one that failed. */
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
  // the next kind finds a gateway that has done with this one
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
