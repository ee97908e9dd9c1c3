import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HezongClient, HezongProblem, HezongUnreachable } from './index.js';
import type { HezongOptions } from './index.js';

interface Seen {
  method: string;
  url: string;
  body: string;
  headers: IncomingMessage['headers'];
}
type Answer = (reply: ServerResponse, seen: Seen) => void;

/** A server that gives prepared answers one after the other, and issues tokens. */
class Script {
  readonly seen: Seen[] = [];
  readonly answers: Answer[] = [];
  tokens = 0;
  tokenLife = 600;
  readonly server: Server = createServer((request, reply) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString();
      const call = { method: request.method ?? '', url: request.url ?? '', body, headers: request.headers };
      if (call.url === '/oauth/token') {
        this.tokens += 1;
        this.tokenCall = call;
        json(200, { access_token: `t${this.tokens}`, token_type: 'Bearer', expires_in: this.tokenLife })(reply, call);
        return;
      }
      this.seen.push(call);
      (this.answers.shift() ?? json(500, { code: 'unscripted', retryable: false }))(reply, call);
    });
  });
  tokenCall: Seen | undefined;

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }
}

function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (reply) => {
    const type = status < 400 ? 'application/json' : 'application/problem+json';
    reply.writeHead(status, { 'content-type': type, ...headers }).end(JSON.stringify(body));
  };
}
const refuse = (status: number, code: string, retryable: boolean, headers: Record<string, string> = {}): Answer =>
  json(
    status,
    { type: `/docs/errors/${code}`, title: code, status, code, detail: '', retryable, traceId: 'tr1' },
    headers,
  );
const hangUp: Answer = (reply) => reply.destroy();

const ORDER = {
  externalId: 'A-1',
  memberRef: 'mb_1',
  occurredAt: '2026-03-02T08:00:00+08:00',
  currency: 'CNY',
  lines: [{ lineId: '1', quantity: 1, net: 5600 }],
};
const ACCEPTED = { id: 'od_1', externalId: 'A-1', points: { earned: 56 } };

let script: Script;
let gateway: string;
const client = (options: Partial<HezongOptions> = {}): HezongClient =>
  new HezongClient({ gateway, clientId: 'cl:1', clientSecret: 's &1', retries: { baseMs: 1 }, ...options });
const thrown = async (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'no error',
    (error: unknown) => error,
  );

beforeEach(async () => {
  script = new Script();
  gateway = await script.listen();
});
afterEach(async () => {
  script.server.closeAllConnections();
  await new Promise((resolve) => script.server.close(resolve));
});

describe('tokens', () => {
  it('are obtained by client_secret_basic and kept', async () => {
    script.answers.push(json(201, ACCEPTED), json(201, ACCEPTED));
    const hezong = client({ scopes: ['orders:write'] });
    await Promise.all([hezong.orders.accept({ body: ORDER }), hezong.orders.accept({ body: ORDER })]);
    expect(script.tokens).toBe(1);
    expect(script.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1', 'Bearer t1']);
    expect(script.tokenCall?.headers.authorization).toBe(`Basic ${btoa('cl%3A1:s+%261')}`);
    expect(script.tokenCall?.body).toBe('grant_type=client_credentials&scope=orders%3Awrite');
  });

  it('are renewed before they expire', async () => {
    script.tokenLife = 0;
    script.answers.push(json(201, ACCEPTED), json(201, ACCEPTED));
    const hezong = client();
    await hezong.orders.accept({ body: ORDER });
    await hezong.orders.accept({ body: ORDER });
    expect(script.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1', 'Bearer t2']);
  });

  it('are replaced once when the server refuses one', async () => {
    script.answers.push(refuse(401, 'token_invalid', false), json(201, ACCEPTED));
    await client().orders.accept({ body: ORDER });
    expect(script.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1', 'Bearer t2']);

    script.answers.push(refuse(401, 'token_invalid', false), refuse(401, 'token_invalid', false));
    expect(await thrown(client().orders.accept({ body: ORDER }))).toMatchObject({ code: 'token_invalid', status: 401 });
  });

  it('are requested again when the token service has failed', async () => {
    let failures = 3;
    const failing = (input: string, init: RequestInit): Promise<Response> =>
      input.endsWith('/oauth/token') && failures-- > 0
        ? Promise.resolve(Response.json({ error: 'server_error' }, { status: 500 }))
        : fetch(input, init);
    script.answers.push(json(201, ACCEPTED));
    expect(await client({ fetch: failing }).orders.accept({ body: ORDER })).toEqual(ACCEPTED);
    expect(script.tokens).toBe(1);
  });

  it('that are refused are reported with the OAuth error', async () => {
    const answer = (): Promise<Response> =>
      Promise.resolve(Response.json({ error: 'invalid_client', error_description: 'no such client' }, { status: 401 }));
    const error = await thrown(client({ fetch: answer }).orders.accept({ body: ORDER }));
    expect(error).toMatchObject({ code: 'invalid_client', status: 401, detail: 'no such client', retryable: false });
  });
});

describe('repeats', () => {
  it('send the same content until it is accepted', async () => {
    script.answers.push(
      refuse(503, 'unavailable', true),
      hangUp,
      refuse(503, 'outcome_unknown', true),
      json(201, ACCEPTED),
    );
    expect(await client().orders.accept({ body: ORDER })).toEqual(ACCEPTED);
    expect(script.seen.map(({ body }) => JSON.parse(body))).toEqual([ORDER, ORDER, ORDER, ORDER]);
    // externalId is the key: no other is needed
    expect(script.seen.every(({ headers }) => headers['idempotency-key'] === undefined)).toBe(true);
  });

  it('carry one key if there is no externalId', async () => {
    script.answers.push(hangUp, json(200, {}), json(200, {}));
    const hezong = client();
    const [first, second] = [
      await hezong.operatorCycles.close({ path: { cycle: '2026-03' } }),
      await hezong.operatorCycles.close({ path: { cycle: '2026-03' } }),
    ];
    expect([first, second]).toEqual([{}, {}]);
    const keys = script.seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  it('do not change a key of the caller', async () => {
    script.answers.push(json(201, {}));
    await client().quotes.ask({
      body: { memberRef: 'mb_1', currency: 'CNY', basketTotal: 100, points: 10 },
      headers: { 'Idempotency-Key': 'mine' },
    });
    expect(script.seen[0]?.headers['idempotency-key']).toBe('mine');
  });

  it('wait as long as the server asks', async () => {
    script.answers.push(refuse(429, 'rate_limited', true, { 'retry-after': '0.2' }), json(201, ACCEPTED));
    const started = performance.now();
    await client().orders.accept({ body: ORDER });
    expect(performance.now() - started).toBeGreaterThan(190);
  });

  it('stop when the server asks for too long a wait', async () => {
    script.answers.push(refuse(429, 'rate_limited', true, { 'retry-after': '3600' }));
    expect(await thrown(client().orders.accept({ body: ORDER }))).toMatchObject({
      code: 'rate_limited',
      retryable: true,
    });
    expect(script.seen).toHaveLength(1);
  });

  it('end after the last attempt, with the last refusal or none', async () => {
    script.answers.push(...Array.from({ length: 3 }, () => refuse(503, 'unavailable', true)));
    const hezong = client({ retries: { baseMs: 1, attempts: 3 } });
    expect(await thrown(hezong.orders.accept({ body: ORDER }))).toMatchObject({ code: 'unavailable', status: 503 });

    script.answers.push(hangUp, hangUp, hangUp);
    const error = await thrown(hezong.orders.accept({ body: ORDER }));
    expect(error).toBeInstanceOf(HezongUnreachable);
    expect(error).toMatchObject({ retryable: true });
    expect(script.seen).toHaveLength(6);
  });

  it('continue until the caller’s time limit', async () => {
    script.answers.push(...Array.from({ length: 8 }, () => hangUp), json(201, ACCEPTED));
    const hezong = client({ retries: { attempts: Infinity, patienceMs: 5_000, baseMs: 1, maxMs: 10 } });
    expect(await hezong.orders.accept({ body: ORDER })).toEqual(ACCEPTED);
    expect(script.seen).toHaveLength(9);

    script.answers.push(...Array.from({ length: 1_000 }, () => refuse(503, 'unavailable', true)));
    const hasty = client({ retries: { attempts: Infinity, patienceMs: 100, baseMs: 1, maxMs: 10 } });
    const started = performance.now();
    expect(await thrown(hasty.orders.accept({ body: ORDER }))).toMatchObject({ code: 'unavailable', status: 503 });
    expect(performance.now() - started).toBeGreaterThan(80);
    expect(script.answers.length).toBeGreaterThan(0);
  });

  it('are not made if the server keeps no key', async () => {
    script.answers.push(hangUp, json(201, {}));
    const path = { slug: 'aurora', clientId: 'cl_1' };
    expect(await thrown(client().clients.addSecret({ path }))).toBeInstanceOf(HezongUnreachable);
    expect(script.seen).toHaveLength(1);
    expect(script.seen[0]?.headers['idempotency-key']).toBeUndefined();
  });

  it('are made without a key if the caller declares them harmless', async () => {
    script.answers.push(hangUp, refuse(503, 'unavailable', true), json(200, {}));
    const body = { now: '2026-03-02T08:00:00+08:00' };
    expect(await client().testClock.set({ body, meta: { repeatable: true } })).toEqual({});
    expect(script.seen).toHaveLength(3);
    expect(script.seen.every(({ headers }) => headers['idempotency-key'] === undefined)).toBe(true);
  });

  it('are not made after a final refusal', async () => {
    script.answers.push(refuse(422, 'points_insufficient', false));
    const error = await thrown(client().orders.accept({ body: ORDER }));
    expect(error).toBeInstanceOf(HezongProblem);
    expect(error).toMatchObject({
      code: 'points_insufficient',
      status: 422,
      traceId: 'tr1',
      retryable: false,
      errors: [],
    });
  });

  it('replace an attempt that took too long', async () => {
    script.answers.push(() => undefined, json(201, ACCEPTED));
    expect(await client().orders.accept({ body: ORDER, meta: { timeoutMs: 100 } })).toEqual(ACCEPTED);
  });

  it('stop when the caller aborts', async () => {
    const stop = new AbortController();
    script.answers.push((reply, seen) => {
      refuse(503, 'unavailable', true, { 'retry-after': '5' })(reply, seen);
      setTimeout(() => stop.abort(), 20);
    });
    expect(await thrown(client().orders.accept({ body: ORDER, signal: stop.signal }))).toMatchObject({
      name: 'AbortError',
    });
    expect(script.seen).toHaveLength(1);
  });
});

describe('answers', () => {
  it('are read page by page', async () => {
    script.answers.push(
      json(200, { data: [{ id: 'ln_1' }, { id: 'ln_2' }], page: { after: 'c1', more: true } }),
      json(200, { data: [{ id: 'ln_3' }], page: { after: null, more: false } }),
    );
    const hezong = client();
    const ids: string[] = [];
    for await (const line of hezong.pages((page) =>
      hezong.statements.lines({ path: { cycle: '2026-03' }, query: { ...page, limit: 2 } }),
    )) {
      ids.push(line.id);
    }
    expect(ids).toEqual(['ln_1', 'ln_2', 'ln_3']);
    expect(script.seen.map(({ url }) => url)).toEqual([
      '/v1/cycles/2026-03/statements/me/lines?limit=2',
      '/v1/cycles/2026-03/statements/me/lines?after=c1&limit=2',
    ]);
  });

  it('that are not problem documents are reported by status', async () => {
    script.answers.push((reply) => reply.writeHead(404, { 'content-type': 'text/html' }).end('<h1>proxy</h1>'));
    expect(await thrown(client().orders.find({ path: { externalId: 'A-1' } }))).toMatchObject({
      code: 'answer_unexpected',
      status: 404,
      retryable: false,
    });
  });
});
