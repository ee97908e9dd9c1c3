import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { currentContext } from '#libs/observability';
import { gatewayBefore, json } from './upstreams.js';
import type { Behind } from './upstreams.js';

describe.each([
  { where: 'another process', near: false },
  { where: 'the same thread', near: true },
])('services in $where', ({ near }) => {
  let behind: Behind;
  beforeAll(async () => {
    behind = await gatewayBefore({ UPSTREAM_TIMEOUT_MS: '1000' }, near);
  });
  afterAll(() => behind.close());
  beforeEach(() => {
    behind.seen.length = 0;
    behind.behaviours.clear();
  });

  const call = (path: string, init: RequestInit = {}): Promise<Response> => fetch(behind.gateway.url + path, init);
  const post = (path: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
    call(path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

  /** Requests a path unchanged; fetch would normalize it. */
  function raw(path: string): Promise<{ status: number; body: string }> {
    return new Promise((done, failed) => {
      const { hostname, port } = new URL(behind.gateway.url);
      httpRequest({ hostname, port, path, agent: false }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => done({ status: response.statusCode ?? 0, body }));
      })
        .on('error', failed)
        .end();
    });
  }

  describe('routing', () => {
    it.each([
      ['/oauth/token', 'identity'],
      ['/.well-known/openid-configuration', 'identity'],
      ['/v1/operator/brands/aurora/clients', 'identity'],
      ['/v1/operator/brands/aurora/clients/cl_1/secrets', 'identity'],
      ['/v1/operator/clients', 'identity'],
      ['/v1/operator/clients/cl_1/secrets/cs_1', 'identity'],
      ['/v1/operator/signing-keys', 'identity'],
      ['/v1/operator/brands', 'partners'],
      ['/v1/operator/brands/aurora', 'partners'],
      ['/v1/operator/brands/aurora/contracts', 'partners'],
      ['/v1/operator/brands/aurora/contracts/ct_1/end', 'partners'],
      ['/v1/operator/test-clock', 'partners'],
      ['/v1/members', 'crm'],
      ['/v1/members/mb_1', 'crm'],
      ['/v1/members/mb_1/consents', 'crm'],
      ['/v1/members/mb_1/wallet', 'ledger'],
      ['/v1/members/mb_1/wallet/entries', 'ledger'],
      ['/v1/orders', 'ledger'],
      ['/v1/orders?simulate=true', 'ledger'],
      ['/v1/orders/A-1/returns', 'ledger'],
      ['/v1/orders/A%2F1', 'ledger'],
      ['/v1/quotes', 'ledger'],
      ['/v1/authorizations/au_1/captures', 'ledger'],
      ['/v1/grants', 'ledger'],
      ['/v1/operator/earning-rules', 'ledger'],
      ['/v1/operator/expirations', 'ledger'],
      ['/v1/operator/draw-order', 'ledger'],
      ['/v1/operator/declined-rewards', 'ledger'],
      ['/v1/operator/debt-write-offs', 'ledger'],
      ['/v1/operator/unsettled-wallets', 'ledger'],
      ['/v1/operator/unsettled-wallets/01981d2c-5b1e-7c3a-9d55-0c7e5a3f1b20/retry', 'ledger'],
      ['/v1/operator/members/mb_1/lots', 'ledger'],
      ['/v1/cycles/2026-03/statements/me/lines?limit=200', 'settlement'],
      ['/v1/operator/cycles/2026-03/cut-off', 'settlement'],
      ['/v1/members/mb_1/tier', 'membership'],
      ['/v1/tier-maps', 'membership'],
      ['/v1/operator/tier-ladders?dryRun=true', 'membership'],
      ['/v1/operator/tier-grants/tg_1/approve', 'membership'],
      ['/v1/operator/members/mb_1/tier', 'membership'],
      ['/v1/operator/members/mb_1/tier-history', 'membership'],
    ])('%s is answered by %s, path unchanged', async (path, service) => {
      const response = await call(path);
      expect(await response.json()).toEqual({ service });
      expect(behind.seen).toMatchObject([{ service, url: path }]);
    });

    it.each([
      '/',
      '/v1',
      '/v1/nothing',
      '/v1/ordersX',
      '/internal/v1/brands',
      '/internal/v1/openapi.json',
      '/internal/v1/clock',
      '/metrics',
      '/%6detrics',
      '/health/ready',
      '/%69nternal/v1/backlog',
      '/internal/v1/backlog',
      '/internal%2Fv1/backlog',
      '/v1/operator',
      '/V1/orders',
    ])('%s belongs to no service: 404, the same bytes as any other', async (path) => {
      const [here, elsewhere] = [await call(path), await call('/v1/elsewhere')];
      expect(here.status).toBe(404);
      expect(here.headers.get('content-type')).toMatch('application/problem+json');
      const text = await here.text();
      expect(text).toBe(await elsewhere.text());
      expect(JSON.parse(text)).toMatchObject({ code: 'not_found', status: 404 });
      expect(behind.seen).toEqual([]);
    });

    it('never normalises a path, so dots lead nowhere else', async () => {
      await raw('/v1/orders/../../internal/v1/clock');
      expect(behind.seen).toMatchObject([{ service: 'ledger', url: '/v1/orders/../../internal/v1/clock' }]);
      expect((await raw('/v1/../internal/v1/clock')).status).toBe(404);
      expect((await raw('//internal/v1/clock')).status).toBe(404);
    });
  });

  describe('a request target', () => {
    /** Status of the answer to a head sent as these bytes. */
    const statusOf = (target: string, method = 'GET'): Promise<string> =>
      new Promise((done, failed) => {
        const { hostname, port } = new URL(behind.gateway.url);
        const socket = connect(Number(port), hostname, () => {
          socket.write(`${method} ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
        });
        let text = '';
        socket.on('data', (chunk) => (text += chunk.toString()));
        socket.on('end', () => done(text.split(' ')[1] ?? ''));
        socket.on('error', failed);
      });

    it.each([
      ['HTTP://x/v1/members/mb_1', '/v1/members/mb_1'],
      ['http://x:8080/v1/members/mb_1?limit=1', '/v1/members/mb_1?limit=1'],
      ['HTTPS://u@x/v1/orders/A%2F1', '/v1/orders/A%2F1'],
      ['/v1/members//x', '/v1/members//x'],
    ])('%s is the path and query in it', async (target, url) => {
      expect(await statusOf(target)).toBe('200');
      expect(behind.seen).toMatchObject([{ url }]);
    });

    it.each([
      ['HTTP://x/internal/v1/clock', '404'],
      ['http://x?y', '404'],
      ['http:///v1/members', '400'],
      ['ftp://x/v1/members', '400'],
      ['*', '400'],
    ])('%s is %s', async (target, status) => {
      expect(await statusOf(target, target === '*' ? 'OPTIONS' : 'GET')).toBe(status);
      expect(behind.seen).toEqual([]);
    });
  });

  describe('forwarding', () => {
    it('forwards method, body and headers, with the call’s id and origin', async () => {
      const body = '{"externalId": "A-1",   "note":"kept\\u0020as it is"}';
      await post('/v1/orders', body, {
        authorization: 'Bearer x.y.z',
        'idempotency-key': 'k-1',
        'x-forwarded-for': '6.6.6.6',
        forwarded: 'for=6.6.6.6',
        te: 'trailers',
      });
      const [seen] = behind.seen;
      expect(seen).toMatchObject({ method: 'POST', body });
      expect(seen?.headers).toMatchObject({
        authorization: 'Bearer x.y.z',
        'idempotency-key': 'k-1',
        'content-type': 'application/json',
        'content-length': String(body.length),
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': new URL(behind.gateway.url).host,
      });
      // not sampled unless the caller asked for it
      expect(seen?.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      expect(seen?.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
      expect(Object.keys(seen?.headers ?? {})).not.toEqual(expect.arrayContaining(['te']));
      expect(seen?.headers['forwarded']).toBeUndefined();
    });

    it('keeps the caller’s trace and request id, and replaces invalid ones', async () => {
      const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
      await call('/v1/orders/1', {
        headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01`, 'x-request-id': 'pos-7' },
      });
      await call('/v1/orders/1', { headers: { traceparent: 'nonsense', 'x-request-id': 'a b{}' } });
      expect(behind.seen[0]?.headers['traceparent']).toContain(trace);
      expect(behind.seen[0]?.headers['x-request-id']).toBe('pos-7');
      expect(behind.seen[1]?.headers['traceparent']).not.toContain('nonsense');
      expect(behind.seen[1]?.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    });

    it('drops headers that the caller’s connection header names', async () => {
      const { hostname, port } = new URL(behind.gateway.url);
      await new Promise<void>((done, failed) => {
        httpRequest(
          { hostname, port, path: '/v1/orders/1', headers: { connection: 'close, X-Secret', 'x-secret': '1' } },
          (r) => r.resume().on('end', done),
        )
          .on('error', failed)
          .end();
      });
      expect(behind.seen[0]?.headers['x-secret']).toBeUndefined();
    });

    it('returns status, headers and body of the service', async () => {
      behind.behaviours.set('/v1/orders', (_request, response) => {
        response.writeHead(201, {
          'content-type': 'application/json',
          etag: '"7"',
          'idempotency-replayed': 'true',
          'keep-alive': 'timeout=1',
        });
        response.write('{"a":');
        setTimeout(() => response.end('1}'), 20);
      });
      const response = await post('/v1/orders', '{}');
      expect(response.status).toBe(201);
      expect(response.headers.get('etag')).toBe('"7"');
      expect(response.headers.get('idempotency-replayed')).toBe('true');
      expect(response.headers.get('keep-alive')).not.toBe('timeout=1');
      expect(await response.json()).toEqual({ a: 1 });
    });

    it('merges repeated headers as Node does, and returns repeated ones one by one', async () => {
      behind.behaviours.set('/v1/orders/1', (_request, response) => {
        response.setHeader('Set-Cookie', ['a=1', 'b=2']);
        response.setHeader('x-dropped', '1');
        response.removeHeader('X-Dropped');
        response.end('{}');
      });
      const { hostname, port } = new URL(behind.gateway.url);
      const answer = await new Promise<IncomingHttpHeaders>((done, failed) => {
        const headers: Record<string, string[]> = {
          accept: ['a/b', 'c/d'],
          cookie: ['x=1', 'y=2'],
          etag: ['"1"', '"2"'],
        };
        httpRequest({ hostname, port, path: '/v1/orders/1', headers }, (r) =>
          r.resume().on('end', () => done(r.headers)),
        )
          .on('error', failed)
          .end();
      });
      expect(behind.seen[0]?.headers).toMatchObject({ accept: 'a/b, c/d', cookie: 'x=1; y=2', etag: '"1"' });
      expect(answer['set-cookie']).toEqual(['a=1', 'b=2']);
      expect(answer['x-dropped']).toBeUndefined();
    });

    it('lets a service recover from a header that cannot be sent', async () => {
      behind.behaviours.set('/v1/orders/1', (_request, response) => {
        try {
          response.setHeader('x-name', '中');
          response.end('{}');
        } catch {
          json(response, { code: 'internal' }, 500);
        }
      });
      const response = await call('/v1/orders/1');
      expect([response.status, await response.json()]).toEqual([500, { code: 'internal' }]);
    });

    it('gives a service no context of any call', async () => {
      let seen: unknown = 'not called';
      behind.behaviours.set('/v1/orders/1', (_request, response) => {
        seen = currentContext();
        json(response, {});
      });
      await call('/v1/orders/1');
      expect(seen).toBeUndefined();
    });

    it('returns refusals of the service unchanged', async () => {
      const problem = { code: 'points_insufficient', limit: 5, status: 422 };
      behind.behaviours.set('/v1/authorizations', (_request, response) => json(response, problem, 422));
      const response = await post('/v1/authorizations', '{}');
      expect(response.status).toBe(422);
      expect(await response.json()).toEqual(problem);
    });

    it('forwards HEAD and answers without a body', async () => {
      behind.behaviours.set('/v1/orders/1', (_request, response) => response.writeHead(204).end());
      expect((await call('/v1/orders/1', { method: 'HEAD' })).status).toBe(204);
      expect((await call('/v1/orders/1', { method: 'DELETE' })).status).toBe(204);
      expect(behind.seen.map((s) => s.method)).toEqual(['HEAD', 'DELETE']);
    });

    it(near ? 'opens no connection' : 'keeps its connection', async () => {
      const before = behind.connections('ledger');
      for (let n = 0; n < 3; n += 1) await post('/v1/orders', '{}');
      expect(behind.seen).toHaveLength(3);
      expect(behind.connections('ledger') - before).toBeLessThanOrEqual(near ? 0 : 1);
    });

    it('forwards large bodies both ways', async () => {
      const large = randomBytes(380_000).toString('base64');
      behind.behaviours.set('/v1/orders', (_request, response, body) => json(response, { got: body }));
      const response = await post('/v1/orders', large, {
        authorization: `Bearer ${await behind.tokens.brand('aurora')}`,
      });
      expect(((await response.json()) as { got: string }).got).toBe(large);
    });

    it('waits for a slow reader instead of filling memory', async () => {
      // long time limits, so that nothing expires on a slow machine
      const patient = await gatewayBefore({}, near);
      const megabytes = 60;
      let left = megabytes;
      patient.behaviours.set('/v1/orders/big', (_request, response) => {
        response.writeHead(200, { 'content-length': megabytes * 1_048_576 });
        const push = (): void => {
          while (left > 0) {
            left -= 1;
            if (!response.write(Buffer.alloc(1_048_576))) return void response.once('drain', push);
          }
          response.end();
        };
        push();
      });
      try {
        const response = await fetch(`${patient.gateway.url}/v1/orders/big`);
        for (let before = -1; before !== left; await sleep(300)) before = left;
        // the rest has not left the service; most of what has is in socket buffers
        expect(left).toBeGreaterThan(megabytes / 3);
        expect((await response.arrayBuffer()).byteLength).toBe(megabytes * 1_048_576);
      } finally {
        await patient.close();
      }
    });
  });

  describe('when a service fails', () => {
    it('503 outcome_unknown when the connection is lost after a POST was sent', async () => {
      behind.behaviours.set('/v1/orders', (request) => request.socket.destroy());
      const response = await post('/v1/orders', '{}');
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await response.json()).toMatchObject({ code: 'outcome_unknown', retryable: true });
    });

    it('503 unavailable when it is lost after a GET: a read has no outcome', async () => {
      behind.behaviours.set('/v1/orders/1', (request) => request.socket.destroy());
      expect(await (await call('/v1/orders/1')).json()).toMatchObject({ code: 'unavailable', retryable: true });
    });

    it('503 outcome_unknown when it does not answer in time', async () => {
      behind.behaviours.set('/v1/orders', () => undefined);
      const response = await post('/v1/orders', '{}');
      expect(await response.json()).toMatchObject({ code: 'outcome_unknown' });
    });

    it('breaks the connection after half an answer was sent', async () => {
      behind.behaviours.set('/v1/orders/half', (_request, response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('half');
        setTimeout(() => response.destroy(), 50);
      });
      const response = await call('/v1/orders/half');
      await expect(response.text()).rejects.toThrow();
    });

    it('breaks the connection when an answer does not go on', async () => {
      behind.behaviours.set('/v1/orders/stuck', (_request, response) => void response.writeHead(200).write('half'));
      const response = await call('/v1/orders/stuck');
      await expect(response.text()).rejects.toThrow();
      behind.behaviours.set('/v1/orders/stuck', (_request, response) => response.writeHead(200).flushHeaders());
      await expect(call('/v1/orders/stuck').then((answer) => answer.text())).rejects.toThrow();
    });

    it('lets a call finish after its caller has left', async () => {
      let answered = false;
      behind.behaviours.set('/v1/orders', (_request, response) => {
        setTimeout(() => {
          json(response, {}, 201);
          answered = true;
        }, 150);
      });
      const { hostname, port } = new URL(behind.gateway.url);
      const socket = connect(Number(port), hostname);
      socket.write('POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}');
      await sleep(60);
      socket.destroy();
      await sleep(200);
      expect(answered).toBe(true);
      expect((await call('/v1/orders/1')).status).toBe(200);
    });

    it('503 unavailable when it cannot be reached: nothing was sent', async () => {
      await behind.stop('settlement');
      const response = await post('/v1/operator/cycles/2026-03/close', '{}');
      expect(response.status).toBe(503);
      expect(response.headers.get('content-type')).toMatch('application/problem+json');
      expect(response.headers.get('x-request-id')).not.toBeNull();
      expect(await response.json()).toMatchObject({
        code: 'unavailable',
        retryable: true,
        type: '/docs/errors/unavailable',
      });
    });

    it('answers even a large body when the service cannot be reached', async () => {
      const response = await post('/v1/operator/cycles/2026-03/close', 'x'.repeat(15_000));
      expect(await response.json()).toMatchObject({ code: 'unavailable' });
    });
  });
});
