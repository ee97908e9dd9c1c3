import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { decodeJwt } from 'jose';
import { InternalClient } from './internal-client.js';
import { drawInternalKey } from './internal-key.js';

let server: Server;
let base: string;
let client: InternalClient;
const own = { internalSigningKey: drawInternalKey('ledger') };
const seen: { method: string | undefined; authorization: string | undefined; body: string }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      seen.push({ method: request.method, authorization: request.headers.authorization, body });
      const answers: Record<string, [number, string]> = {
        '/there': [200, '{"a":1}'],
        '/made': [201, '{"b":2}'],
        '/empty': [204, ''],
        '/refused': [409, '{"code":"clock_backwards","detail":"no"}'],
        '/odd': [418, '{"code":"teapot"}'],
        '/broken': [500, 'oops'],
      };
      const [status, text] = answers[request.url ?? ''] ?? [404, '{}'];
      if (request.url !== '/slow') response.writeHead(status).end(text);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  client = new InternalClient(own, { crm: [base], partners: ['http://127.0.0.1:9'] });
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await client.onApplicationShutdown().catch(() => undefined);
});

const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => String(Reflect.get(error as object, 'code')),
  );

it('sends JSON under one renewed token', async () => {
  expect(await client.get(`${base}/there`)).toEqual({ a: 1 });
  expect(await client.post(`${base}/made`, { x: 1 })).toEqual({ b: 2 });
  expect(await client.put(`${base}/empty`, {})).toBeNull();
  expect(seen[0]?.authorization).toMatch(/^Bearer ey/);
  expect(seen[1]).toEqual({ method: 'POST', authorization: seen[0]?.authorization, body: '{"x":1}' });
});

it('uses a token for the service it calls, and calls no unknown service', async () => {
  await client.get(`${base}/there`);
  expect(decodeJwt(seen.at(-1)?.authorization?.slice(7) ?? '')).toMatchObject({
    sub: 'ledger',
    aud: ['hezong:internal:crm'],
  });
  const asked = seen.length;
  await expect(client.get('http://127.0.0.1:10/there')).rejects.toThrow('an address of no service');
  expect(seen).toHaveLength(asked);
});

it('calls the next instance when one does not listen', async () => {
  const several = new InternalClient(own, { crm: ['http://127.0.0.1:9', base] });
  expect(await several.get('http://127.0.0.1:9/there')).toEqual({ a: 1 });
  expect(await several.post('http://127.0.0.1:9/made', {})).toEqual({ b: 2 });
  expect(await code(client.get('http://127.0.0.1:9/there'))).toBe('unavailable');
  await several.onApplicationShutdown();
});

it('treats a 404 as an answer', async () => {
  expect(await client.get(`${base}/nowhere`)).toBeNull();
});

it('passes a refusal on by its code, and reports everything else as unavailable', async () => {
  expect(await code(client.put(`${base}/refused`, {}))).toBe('clock_backwards');
  expect(await code(client.get(`${base}/odd`))).toBe('unavailable');
  expect(await code(client.get(`${base}/broken`))).toBe('unavailable');
  expect(await code(client.get('http://127.0.0.1:9/'))).toBe('unavailable');
});

it('waits no longer than two seconds', async () => {
  expect(await code(client.get(`${base}/slow`))).toBe('unavailable');
}, 5_000);
