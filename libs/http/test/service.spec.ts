import { drawInternalKey, internalToken } from '#libs/auth';
import { EVERY_SERVICE } from '#libs/config';
import { testTokens } from '#libs/testing';
import type { TestTokens } from '#libs/testing';
import { routesOf, startService } from '../src/index.js';
import type { RunningService } from '../src/index.js';
import { CarelessModule, echo, echoEnv } from './echo.fixture.js';

let tokens: TestTokens;
let service: RunningService;
let brandToken: string;

const body = {
  externalId: 'A-1',
  currency: 'CNY',
  occurredAt: '2026-03-02T08:00:00+08:00',
  lines: [{ lineId: '1', net: 5600 }],
};

beforeAll(async () => {
  tokens = await testTokens();
  service = await startService(echo, { ...echoEnv, ...tokens.env('echo'), OPS_PORT: '0' });
  brandToken = await tokens.brand('aurora');
});

afterAll(async () => {
  await service.close();
  await tokens.close();
});

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: Record<string, unknown>;
}

async function call(path: string, init: RequestInit & { token?: string } = {}): Promise<Answer> {
  const headers = new Headers(init.headers);
  if (init.token !== undefined) headers.set('authorization', `Bearer ${init.token}`);
  if (init.body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json');
  const response = await fetch(`${service.url}${path}`, { ...init, headers });
  const text = await response.text();
  const json = /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : {};
  return { status: response.status, headers: response.headers, text, json };
}

const post = (content: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  call('/v1/echoes', {
    method: 'POST',
    token: brandToken,
    body: typeof content === 'string' ? content : JSON.stringify(content),
    headers,
  });

const errorsOf = async (content: unknown): Promise<[string, string][]> => {
  const answer = await post(content);
  expect(answer.status).toBe(422);
  expect(answer.json['code']).toBe('validation_failed');
  return (answer.json['errors'] as { pointer: string; code: string }[]).map((fault) => [fault.pointer, fault.code]);
};

describe('a route', () => {
  it('answers a brand that holds the scope', async () => {
    const answer = await post(body, { 'idempotency-key': 'k-1' });
    expect(answer.status).toBe(201);
    expect(answer.json).toEqual({ brand: 'aurora', lines: 1, points: null, key: 'k-1' });
  });

  it('refuses a call without a token before it reads the body', async () => {
    const answer = await call('/v1/echoes', { method: 'POST', body: '{broken' });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.json).toMatchObject({ code: 'token_invalid', status: 401, type: '/docs/errors/token_invalid' });
  });

  it.each(['', 'Bearer', 'Basic abc', 'Bearer x.y.z', 'Bearer ..', 'Bearer eyJhbGciOiJub25lIn0.e30.'])(
    'refuses the header %j',
    async (authorization) => {
      const answer = await call('/v1/echoes', { headers: authorization === '' ? {} : { authorization } });
      expect(answer.status).toBe(401);
    },
  );

  it('refuses foreign audiences, issuers, expired tokens and other keys', async () => {
    const claims = { client_id: 'c', brand: 'aurora', scope: 'orders:read' };
    const forged = await (await testTokens()).brand('aurora');
    for (const token of [
      await tokens.sign(claims, { audience: 'kafka' }),
      await tokens.sign(claims, { audience: 'hezong:internal' }),
      await tokens.sign(claims, { issuer: 'https://elsewhere.example' }),
      await tokens.sign(claims, { expires: '-1m' }),
      await tokens.sign({ scope: 'orders:read', client_id: 'c' }),
      forged,
    ]) {
      expect((await call('/v1/echoes', { token })).status).toBe(401);
    }
  });

  it('refuses a missing scope, and a token of another kind', async () => {
    const reader = await tokens.brand('aurora', ['orders:read']);
    expect((await call('/v1/echoes', { token: reader })).status).toBe(200);
    const written = await call('/v1/echoes', { method: 'POST', token: reader, body: JSON.stringify(body) });
    expect([written.status, written.json['code']]).toEqual([403, 'scope_missing']);
    expect((await call('/v1/echoes/who', { token: brandToken })).status).toBe(403);
    const both = await tokens.sign({ client_id: 'c', brand: 'aurora', role: 'operator', scope: 'operator' });
    expect((await call('/v1/echoes/who', { token: both })).status).toBe(403);
    expect((await call('/v1/echoes', { token: await tokens.operator() })).status).toBe(403);
    expect((await call('/v1/echoes/who', { token: await tokens.operator() })).json['kind']).toBe('operator');
  });

  it('admits only services if it is internal', async () => {
    const inside = await tokens.internal('ledger', 'echo');
    expect((await call('/v1/echoes/inside', { token: inside })).json).toEqual({ kind: 'internal', service: 'ledger' });
    expect((await call('/v1/echoes/inside', { token: await tokens.operator() })).status).toBe(403);
    expect((await call('/v1/echoes/who', { token: inside })).status).toBe(403);
    for (const other of EVERY_SERVICE.filter((name) => name !== 'ledger')) {
      const refused = await call('/v1/echoes/inside', { token: await tokens.internal(other, 'echo') });
      expect([other, refused.status, refused.json['code']]).toEqual([other, 403, 'scope_missing']);
    }
    const elsewhere = await tokens.internal('ledger', 'crm');
    expect((await call('/v1/echoes/inside', { token: elsewhere })).status).toBe(401);
    const forged = await internalToken({ internalSigningKey: drawInternalKey('ledger') }, ['echo']);
    expect((await call('/v1/echoes/inside', { token: forged })).status).toBe(401);
  });

  it('lists who may use it', () => {
    const routes = routesOf(service.app);
    expect(routes).toContainEqual({
      method: 'POST',
      path: '/v1/echoes',
      access: { audience: 'brand', scope: 'orders:write', openTo: 'acting' },
    });
    expect(routes.every((route) => route.access !== null)).toBe(true);
  });
});

describe('bodies', () => {
  it.each([
    ['no JSON', '{"externalId":'],
    ['nothing', ''],
    ['null', 'null'],
    ['a poisoned prototype', '{"__proto__":{"admin":true},"externalId":"x"}'],
    ['a poisoned constructor', '{"constructor":{"prototype":{"admin":true}}}'],
  ])('are unreadable when they are %s', async (_name, text) => {
    const answer = await post(text);
    expect([answer.status, answer.json['code']]).toEqual([400, 'body_unreadable']);
  });

  it('are unreadable in another media type', async () => {
    expect((await post(JSON.stringify(body), { 'content-type': 'text/plain' })).json['code']).toBe('body_unreadable');
    expect((await post(JSON.stringify(body), { 'content-type': 'application/xml' })).status).toBe(400);
  });

  it.each(['[]', '"text"', '5'])('that are %s are not objects', async (text) => {
    const answer = await post(text);
    expect(answer.status).toBe(422);
    expect(answer.json['errors']).toEqual([expect.objectContaining({ pointer: '', code: 'not_an_object' })]);
  });

  it('are checked to the last field, with pointers', async () => {
    expect(await errorsOf({ ...body, lines: [{ lineId: '1', net: 0.5 }] })).toEqual([
      ['/lines/0/net', 'not_an_integer'],
    ]);
    expect(await errorsOf({ ...body, lines: [{ lineId: '1', net: -1 }] })).toEqual([['/lines/0/net', 'out_of_range']]);
    expect(await errorsOf({ ...body, lines: [{ lineId: '1', net: 2 ** 53 }] })).toEqual([
      ['/lines/0/net', 'out_of_range'],
    ]);
    expect(await errorsOf({ ...body, lines: [{ lineId: '1', net: '5' }] })).toEqual([
      ['/lines/0/net', 'not_an_integer'],
    ]);
    expect(await errorsOf({ ...body, lines: [{ lineId: '1', net: 1, surprise: true }] })).toEqual([
      ['/lines/0/surprise', 'unknown_field'],
    ]);
    expect(await errorsOf({ ...body, lines: [] })).toEqual([['/lines', 'too_few']]);
    expect(await errorsOf({ ...body, lines: {} })).toEqual([['/lines', 'not_an_array']]);
    expect(await errorsOf({ ...body, lines: [5] })).toEqual([['/lines/0', 'not_an_object']]);
    expect(await errorsOf({ ...body, lines: [null] })).toEqual([['/lines/0', 'not_an_object']]);
    expect(await errorsOf({ ...body, lines: [[]] })).toEqual([['/lines/0', 'not_an_object']]);
    expect(await errorsOf({ ...body, lines: undefined })).toEqual([['/lines', 'required']]);
    expect((await post(`${JSON.stringify(body).slice(0, -1)},"points":1e400}`)).status).toBe(422);
  });

  it('are checked for texts, times, currencies, prices and lists', async () => {
    expect(await errorsOf({ ...body, externalId: 'a\u0000b' })).toEqual([['/externalId', 'control_character']]);
    expect(await errorsOf({ ...body, externalId: 'a\ud800b' })).toEqual([['/externalId', 'control_character']]);
    expect(await errorsOf({ ...body, externalId: ' ' })).toEqual([['/externalId', 'required']]);
    expect(await errorsOf({ ...body, externalId: 'x'.repeat(129) })).toEqual([['/externalId', 'too_long']]);
    expect(await errorsOf({ ...body, externalId: 5 })).toEqual([['/externalId', 'not_a_string']]);
    expect(await errorsOf({ ...body, externalId: { length: 1 } })).toEqual([['/externalId', 'not_a_string']]);
    expect(await errorsOf({ ...body, occurredAt: '2026-03-02T08:00:00' })).toEqual([['/occurredAt', 'not_an_instant']]);
    expect(await errorsOf({ ...body, occurredAt: '2026-02-30T08:00:00Z' })).toEqual([
      ['/occurredAt', 'not_an_instant'],
    ]);
    expect(await errorsOf({ ...body, currency: 'cny' })).toEqual([['/currency', 'malformed']]);
    expect(await errorsOf({ ...body, price: '1,5' })).toEqual([['/price', 'malformed']]);
    expect(await errorsOf({ ...body, price: 0.9 })).toEqual([['/price', 'not_a_string']]);
    expect(await errorsOf({ ...body, tags: ['ok', 7] })).toEqual([['/tags/1', 'not_a_string']]);
    expect(await errorsOf({ ...body, tags: 'ok' })).toEqual([['/tags', 'not_an_array']]);
    expect(await errorsOf({ ...body, constructor: 1 })).toEqual([['/constructor', 'unknown_field']]);
    expect(await errorsOf({ ...body, toString: 1 })).toEqual([['/toString', 'unknown_field']]);
  });

  it('may omit optional fields or set them to null', async () => {
    expect((await post({ ...body, points: null, price: null, tags: ['a'] })).status).toBe(201);
  });
});

describe('problems', () => {
  it('have the same bytes for everything that does not exist', async () => {
    const texts = await Promise.all(
      ['/v1/echoes/a', '/v1/echoes/b', '/v1/nothing', '/v1/echoes/%00', `/v1/echoes/${'x'.repeat(300)}`].map(
        async (path) => {
          const answer = await call(path, { token: brandToken });
          expect(answer.status).toBe(404);
          expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
          return answer.text;
        },
      ),
    );
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).not.toContain('traceId');
  });

  it('reveal nothing about internal errors', async () => {
    const answer = await call('/v1/echoes/broken');
    expect(answer.status).toBe(500);
    expect(answer.json).toMatchObject({ code: 'internal_error', retryable: true });
    expect(answer.text).not.toContain('hunter2');
  });

  it('carry additional members and the caller’s trace', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const answer = await call('/v1/echoes/declined', {
      headers: { traceparent: `00-${trace}-b7ad6b7169203331-01`, 'x-request-id': 'till-7' },
    });
    expect(answer.json).toMatchObject({ status: 422, code: 'points_insufficient', limit: 5, traceId: trace });
    expect(answer.headers.get('x-request-id')).toBe('till-7');
  });

  it('replace an invalid request id', async () => {
    const answer = await call('/v1/echoes/now', { headers: { 'x-request-id': 'a b"c' } });
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  it.each(['%', '%E0%A4%A'])('answer the broken path %s', async (part) => {
    const answer = await call(`/v1/echoes/${part}`, { token: brandToken });
    expect([400, 404]).toContain(answer.status);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });
});

describe('conventions', () => {
  it('page', async () => {
    expect((await call('/v1/echoes', { token: brandToken })).json).toEqual({ limit: 50, after: null });
    expect((await call('/v1/echoes?limit=7', { token: brandToken })).json).toEqual({ limit: 7, after: null });
    for (const query of ['limit=0', 'limit=201', 'limit=x', 'limit=1.5', 'offset=3', 'limit=1&limit=2']) {
      const answer = await call(`/v1/echoes?${query}`, { token: brandToken });
      expect([query, answer.status]).toEqual([query, 422]);
    }
  });

  it('change only known fields', async () => {
    const change = (tag?: string): Promise<Answer> =>
      call('/v1/echoes/versioned', { method: 'POST', ...(tag === undefined ? {} : { headers: { 'if-match': tag } }) });
    expect((await change()).status).toBe(428);
    expect((await change('"2"')).status).toBe(412);
    expect((await change('"3"')).status).toBe(200);
  });

  it('accept one idempotency key', async () => {
    expect((await post(body, { 'idempotency-key': 'a b' })).status).toBe(422);
  });
});

describe('the service itself', () => {
  it('does not start with a route that does not declare who may use it', async () => {
    const careless: typeof echo = { ...echo, module: () => CarelessModule };
    await expect(startService(careless, { ...echoEnv, ...tokens.env('echo') })).rejects.toThrow('GET /v1/careless');
  });

  it('is alive, ready and measured', async () => {
    const ask = (path: string): Promise<Response> => fetch(`${service.opsUrl}${path}`);
    expect(await (await ask('/health/live')).json()).toEqual({ status: 'live' });
    expect(await (await ask('/health/ready')).json()).toMatchObject({ ready: true });
    expect(await (await ask('/metrics')).text()).toContain('hezong_http_seconds_bucket{');
    const token = await tokens.internal('gateway', 'echo');
    expect(await call('/internal/v1/ready', { token })).toMatchObject({ status: 200, json: { ready: true } });
  });

  it.each(['/metrics', '/%6detrics', '/metrics/', '/health/live', '/health/ready'])(
    'serves nothing to callers at %s, and nothing else there to others',
    async (path) => {
      expect((await call(path)).status).toBe(404);
      expect((await fetch(`${service.opsUrl}/v1/echoes/now`)).status).toBe(404);
    },
  );

  it('opens no port for it unless configured', async () => {
    const other = await startService(echo, { ...echoEnv, ...tokens.env('echo') });
    expect(other.opsUrl).toBeNull();
    await other.close();
  });

  describe('clock', () => {
    const set = async (at: string, now: unknown, token: string): Promise<[number, unknown]> => {
      const answer = await fetch(`${at}/internal/v1/clock`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ now }),
      });
      return [answer.status, await answer.json()];
    };
    const by = (from: string): Promise<string> => tokens.internal(from, 'echo');

    it('follows partners in a sandbox, and nobody else', async () => {
      const sandbox = await startService(echo, { ...echoEnv, ...tokens.env('echo'), TEST_CLOCK: 'true' });
      const told = { now: '2026-03-02T00:00:00.000Z' };
      const now = async (): Promise<unknown> => (await fetch(`${sandbox.url}/v1/echoes/now`)).json();
      expect(await set(sandbox.url, '2026-03-02T08:00:00+08:00', await by('partners'))).toEqual([200, told]);
      expect(await now()).toEqual(told);
      for (const other of EVERY_SERVICE.filter((name) => name !== 'partners')) {
        const [status] = await set(sandbox.url, '2030-01-01T00:00:00Z', await by(other));
        expect([other, status]).toEqual([other, 403]);
      }
      expect(await set(sandbox.url, null, brandToken)).toMatchObject([403, {}]);
      expect(await set(sandbox.url, undefined, await by('partners'))).toMatchObject([422, {}]);
      expect(await now()).toEqual(told);
      expect(await set(sandbox.url, null, await by('partners'))).toEqual([200, { now: null }]);
      await sandbox.close();
    });

    it('cannot be set if the network runs in real time', async () => {
      const refused = await set(service.url, '2030-01-01T00:00:00Z', await by('partners'));
      expect(refused).toMatchObject([409, { code: 'test_clock_disabled' }]);
    });
  });

  it('does not start with the key of another service, or with a key that no service would accept', async () => {
    const env = { ...echoEnv, ...tokens.env('echo') };
    const stolen = { ...env, INTERNAL_SIGNING_KEY: tokens.env('partners')['INTERNAL_SIGNING_KEY'] ?? '' };
    await expect(startService(echo, stolen)).rejects.toThrow('partners.1, which is not a key of echo');
    const early = { ...env, INTERNAL_SIGNING_KEY: JSON.stringify(drawInternalKey('echo', 2)) };
    await expect(startService(echo, early)).rejects.toThrow('echo.2 is not in INTERNAL_JWKS');
  });

  it('reports on its events and its books', async () => {
    const token = await tokens.internal('gateway', 'echo');
    expect((await call('/internal/v1/backlog', { token })).json).toEqual([]);
    expect((await call('/internal/v1/lag', { token })).json).toEqual([]);
    expect((await call('/internal/v1/invariants', { token })).json).toEqual({
      checks: [{ name: 'echo', ok: true, expected: '0', measured: '0' }],
    });
  });

  it('describes its public routes in OpenAPI 3.1', async () => {
    const document = (await call('/internal/v1/openapi.json')).json as {
      openapi: string;
      paths: Record<string, Record<string, { security?: unknown; responses: Record<string, unknown> }>>;
      components: { schemas: Record<string, { required?: string[]; properties: Record<string, unknown> }> };
    };
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(['/v1/echoes', '/v1/echoes/{ref}']));
    expect(Object.keys(document.paths).join()).not.toMatch(/internal|inside|health|metrics/);
    expect(document.paths['/v1/echoes']?.['post']?.security).toEqual([{ oauth2: ['orders:write'] }]);
    expect(document.paths['/v1/echoes']?.['post']?.responses['403']).toBeDefined();
    expect(document.components.schemas['EchoBody']?.required?.sort()).toEqual([
      'currency',
      'externalId',
      'lines',
      'occurredAt',
    ]);
  });
});
