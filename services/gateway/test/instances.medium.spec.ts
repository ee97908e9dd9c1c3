import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { gatewayBefore } from './upstreams.js';
import type { Behind } from './upstreams.js';

/** No server listens at this address. */
const NOBODY = 'http://127.0.0.1:9';

let behind: Behind;
let first: Server;
let second: Server;
const taken: Record<'first' | 'second', string[]> = { first: [], second: [] };
/** Clicks that an instance counted. */
const clicks: (string | undefined)[] = [];
/** What the first instance does when it goes on; null while it is not frozen. */
let held: (() => void)[] | null = null;

async function instance(name: 'first' | 'second'): Promise<Server> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('error', () => undefined);
    const answer = (): void => {
      if (request.method !== 'HEAD') taken[name].push(body);
      if (request.url?.startsWith('/l/') === true) clicks.push(request.url);
      if (request.url === '/v1/orders/broken') request.socket.destroy();
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ by: name }));
    };
    request.on('end', () => {
      if (name === 'first' && held !== null) held.push(answer);
      else answer();
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}
const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeAll(async () => {
  first = await instance('first');
  second = await instance('second');
  const urls = [NOBODY, urlOf(first), urlOf(second)].join(',');
  behind = await gatewayBefore({ LEDGER_URL: urls, REFERRALS_URL: urls });
});
afterAll(async () => {
  await behind.close();
  for (const server of [first, second]) {
    server.closeAllConnections();
    server.close();
  }
});
beforeEach(() => {
  taken.first.length = 0;
  taken.second.length = 0;
});

const post = (path: string, body: string): Promise<Response> =>
  fetch(behind.gateway.url + path, { method: 'POST', body, headers: { 'content-type': 'application/json' } });

it('uses the instances in turn, and passes what could not be sent to the next', async () => {
  for (let i = 0; i < 12; i += 1) expect((await post('/v1/orders', `{"n":${i}}`)).status).toBe(200);
  expect(taken.first.length).toBeGreaterThanOrEqual(4);
  expect(taken.second.length).toBeGreaterThanOrEqual(4);
  expect([...taken.first, ...taken.second].sort()).toEqual(Array.from({ length: 12 }, (_, n) => `{"n":${n}}`).sort());
});

it('never sends twice what an instance may have done', async () => {
  const response = await post('/v1/orders/broken', '{}');
  expect(await response.json()).toMatchObject({ code: 'outcome_unknown' });
  expect(taken.first.length + taken.second.length).toBe(1);
});

it('avoids an instance that accepts calls and answers none, until it answers again', async () => {
  const begun = performance.now();
  const send = async (n: number) => {
    const at = performance.now() - begun;
    const method = n % 3 === 0 ? 'GET' : 'POST';
    const response = await (method === 'GET'
      ? fetch(`${behind.gateway.url}/v1/orders/${n}`)
      : post('/v1/orders', `${n}`));
    const { by } = (await response.json()) as { by: string };
    return { n, method, at, answered: performance.now() - begun, by };
  };
  const sent: ReturnType<typeof send>[] = [];
  const until = async (ms: number): Promise<void> => {
    for (; performance.now() - begun < ms; await setTimeout(5)) {
      while (sent.length < ((performance.now() - begun) * 30) / 1000) sent.push(send(sent.length));
    }
  };
  held = [];
  const links = Array.from({ length: 6 }, (_, n) => `/l/c${n}`);
  const followed = links.map((path) => fetch(behind.gateway.url + path));
  const token = await behind.tokens.operator();
  const listed = setTimeout(2_500).then(async () => {
    const at = performance.now();
    const { status } = await fetch(`${behind.gateway.url}/v1/operator/parked`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return { status, ms: performance.now() - at };
  });
  await until(4_000);
  const thawed = performance.now() - begun;
  for (const answer of held.splice(0)) answer();
  held = null;
  await until(5_500);
  const calls = await Promise.all(sent);

  const late = calls.filter(({ at }) => at >= 2_000 && at < thawed);
  expect(late.filter(({ at, answered }) => answered - at < 500).length / late.length).toBeGreaterThanOrEqual(0.95);
  // a read does not wait for the frozen instance, and few writes do
  const waited = calls.filter(({ at, answered }) => at < 2_000 && answered > thawed);
  expect(waited.filter(({ method }) => method === 'GET')).toHaveLength(0);
  expect(waited.length).toBeLessThan(10);
  expect(calls.filter(({ at, by }) => at > thawed && by === 'first').length).toBeGreaterThan(10);
  // a write that the frozen instance may have done was sent nowhere else
  const writes = [...taken.first, ...taken.second].filter((body) => body !== '').map(Number);
  expect(writes.sort((a, b) => a - b)).toEqual(calls.map(({ n }) => n).filter((n) => n % 3 !== 0));
  // the gateway's own questions avoid the frozen instance, too
  const list = await listed;
  expect([list.status, list.ms < 500]).toEqual([200, true]);
  // nor was a click, which is a GET
  for (const response of await Promise.all(followed)) expect(response.status).toBe(200);
  expect(clicks.sort()).toEqual(links);
});

it('sends an operator’s act to an instance that can be reached', async () => {
  const token = await behind.tokens.operator();
  const response = await fetch(`${behind.gateway.url}/v1/operator/parked/ledger/1/retry`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(200);
  // the list that follows is requested without a body
  const acts = [...taken.first, ...taken.second].filter((body) => body !== '');
  expect(acts).toHaveLength(1);
  // the id in the token, as the record names the client for all its other acts
  expect(JSON.parse(acts[0] ?? '')).toMatchObject({ by: decodeJwt(token)['client_id'] });
});

it('is ready while one instance is', async () => {
  const health = (await (await fetch(`${behind.gateway.url}/health`)).json()) as { services: Record<string, string> };
  expect(health.services['ledger']).toBe('ready');
});
