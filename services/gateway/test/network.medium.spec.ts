import { setTimeout as sleep } from 'node:timers/promises';
import { ERROR_CATALOGUE } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { NAMES, gatewayBefore, json } from './upstreams.js';
import type { Behind } from './upstreams.js';

let behind: Behind;
beforeAll(async () => {
  behind = await gatewayBefore({ OPS_PORT: '0' });
  for (const name of NAMES) {
    behind.behaviours.set(`${name} /internal/v1/openapi.json`, (_request, response) =>
      json(response, {
        openapi: '3.1.0',
        info: { title: name, version: '1' },
        paths: {
          [`/v1/${name}`]: {
            get: { tags: [name], summary: `Read <${name}>`, responses: { 200: { description: 'ok' } } },
          },
          [`/internal/v1/${name}`]: { get: { responses: {} } },
        },
        components: { schemas: { Body: { type: 'object', title: name } } },
      }),
    );
    behind.behaviours.set(`${name} /internal/v1/backlog`, (_request, response) =>
      json(response, [{ source: 'outbox', events: 0 }]),
    );
    behind.behaviours.set(`${name} /internal/v1/due`, (_request, response) =>
      json(response, [{ work: 'sweep', items: 0 }]),
    );
    behind.behaviours.set(`${name} /internal/v1/lag`, (_request, response) => json(response, []));
    behind.behaviours.set(`${name} /internal/v1/parked`, (_request, response) => json(response, []));
    behind.behaviours.set(`${name} /internal/v1/invariants`, (_request, response) =>
      json(response, { checks: [{ name: `${name}: fine`, ok: true, expected: '0', measured: '0' }] }),
    );
  }
  behind.behaviours.set('/internal/v1/clock', (_request, response) =>
    json(response, { now: '2026-03-02T00:00:00.000Z' }),
  );
});
afterAll(() => behind.close());

const get = async (path: string, token?: string): Promise<Response> =>
  fetch(behind.gateway.url + path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

describe('GET /v1/operator/invariants', () => {
  it('merges the reports of all services, as of the alliance’s clock', async () => {
    const response = await get('/v1/operator/invariants', await behind.tokens.operator());
    expect(response.status).toBe(200);
    const report = (await response.json()) as { checks: { name: string }[]; lag: unknown[] };
    expect(report).toMatchObject({ asOf: '2026-03-02T00:00:00Z', ok: true, settled: true });
    expect(report.checks.map((c) => c.name)).toEqual(NAMES.map((name) => `${name}: fine`));
    expect(report.lag).toContainEqual({ consumer: 'relay:ledger.outbox', events: 0 });
  });

  it('asks all services for due work, then for the backlog, then for the lag, all twice, before it reports the network as settled', async () => {
    behind.seen.length = 0;
    await get('/v1/operator/invariants', await behind.tokens.operator());
    const asked = behind.seen.map((s) => s.url.replace('/internal/v1/', ''));
    const rounds = asked.filter((question, i) => question !== asked[i - 1]);
    expect(rounds).toEqual([
      'due',
      'backlog',
      'lag',
      'parked?open=true',
      'due',
      'backlog',
      'lag',
      'parked?open=true',
      'clock',
      'invariants',
      'due',
      'backlog',
      'lag',
      'parked?open=true',
    ]);
  });

  it('is not settled when something happened while the checks were read, even if it has been handled since', async () => {
    const lag = (end: number): unknown => [
      {
        ...{ consumer: 'settlement.ledger', events: 0, comingAgain: 0 },
        progress: [{ partition: 'postings/0', end: String(end), handled: String(end) }],
      },
    ];
    let traffic = true;
    let checked = 0;
    behind.behaviours.set('settlement /internal/v1/lag', (_request, response) =>
      json(response, lag(7 + (traffic ? checked : 0))),
    );
    const unequal = { name: 'settlement: equal', ok: false, expected: '2', measured: '1' };
    const kept = behind.behaviours.get('settlement /internal/v1/invariants');
    behind.behaviours.set('settlement /internal/v1/invariants', (_request, response) => {
      checked += 1;
      json(response, { checks: [unequal] });
    });
    const report = async (): Promise<unknown> =>
      (await get('/v1/operator/invariants', await behind.tokens.operator())).json();
    expect(await report()).toMatchObject({ settled: false, ok: false });
    // nothing came in between: the difference is real
    traffic = false;
    expect(await report()).toMatchObject({ settled: true, ok: false });
    if (kept) behind.behaviours.set('settlement /internal/v1/invariants', kept);
    behind.behaviours.set('settlement /internal/v1/lag', (_request, response) => json(response, []));
  });

  it('is not settled when something handled during the first round caused more work', async () => {
    const kept = behind.behaviours.get('crm /internal/v1/backlog');
    let looks = 0;
    behind.behaviours.set('crm /internal/v1/backlog', (_request, response) => {
      looks += 1;
      json(response, [{ source: 'outbox', events: looks === 1 ? 0 : 1 }]);
    });
    const answer = await get('/v1/operator/lag', await behind.tokens.operator());
    expect(await answer.json()).toMatchObject({ settled: false });
    if (kept) behind.behaviours.set('crm /internal/v1/backlog', kept);
  });

  it('is for the operator only', async () => {
    expect((await get('/v1/operator/invariants')).status).toBe(401);
    expect((await get('/v1/operator/invariants', await behind.tokens.brand('aurora'))).status).toBe(403);
  });

  it('503 instead of an incomplete proof', async () => {
    const kept = behind.behaviours.get('crm /internal/v1/invariants');
    behind.behaviours.set('crm /internal/v1/invariants', (request) => request.socket.destroy());
    const response = await get('/v1/operator/invariants', await behind.tokens.operator());
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'unavailable', detail: 'The crm service did not answer.' });
    if (kept) behind.behaviours.set('crm /internal/v1/invariants', kept);
  });
});

describe('POST /v1/operator/parked/{service}/{id}/set-aside', () => {
  const event = { id: '17', status: 'waiting', eventId: 'po_1', topic: 't', key: 'wallet-1' };
  const reason = 'ticket 4711';
  const send = async (): Promise<Response> =>
    fetch(`${behind.gateway.url}/v1/operator/parked/crm/17/set-aside`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await behind.tokens.operator()}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ reason }),
    });
  const answer = (to: string, body: unknown): unknown =>
    behind.behaviours.set(to, (_request, response) => json(response, body));
  const told = (end: string): unknown[] =>
    behind.seen.filter(({ url }) => url.endsWith(end)).map(({ body }) => JSON.parse(body) as unknown);

  afterEach(() => {
    answer('crm /internal/v1/parked', []);
  });

  it('is done only once another client has approved exactly this event', async () => {
    answer('crm /internal/v1/parked', [event]);
    answer('identity /internal/v1/approvals/given', null);
    answer('identity /internal/v1/approvals', { id: 'ap_1', payloadHash: 'sha256:1', expiresAt: 'then' });
    behind.seen.length = 0;
    const refused = await send();
    expect([refused.status, await refused.json()]).toMatchObject([
      403,
      { code: 'second_person_needed', approval: 'ap_1' },
    ]);
    expect(told('/internal/v1/approvals')).toMatchObject([
      {
        act: 'parked_event.set_aside',
        maker: 'cl_operator',
        payload: { service: 'crm', record: '17', eventId: 'po_1', topic: 't', key: 'wallet-1', reason },
      },
    ]);
    expect(told('/17/set-aside')).toEqual([]);

    answer('identity /internal/v1/approvals/given', { id: 'ap_1', checker: 'cl_second' });
    expect((await send()).status).toBe(200);
    expect(told('/17/set-aside')).toMatchObject([{ by: 'cl_operator', eventId: 'po_1', reason }]);
    expect(told('/ap_1/used')).toHaveLength(1);
  });

  it('follows a list that gives every event once, page by page', async () => {
    const parked = Object.fromEntries(NAMES.map((name, n) => [name, [n + 1, n + 5, n + 120]]));
    for (const name of NAMES) {
      behind.behaviours.set(`${name} /internal/v1/parked`, ({ url = '' }, response) => {
        const query = new URL(url, 'http://x').searchParams;
        const rest = (parked[name] ?? []).filter((id) => id > Number(query.get('after')));
        json(
          response,
          rest.slice(0, Number(query.get('limit'))).map((id) => ({ ...event, id: String(id), service: name })),
        );
      });
    }
    const seen: string[] = [];
    let after = '';
    for (let more = true; more;) {
      const response = await get(`/v1/operator/parked?limit=4${after}`, await behind.tokens.operator());
      const { data, page } = (await response.json()) as Page<{ service: string; id: string }>;
      expect(data.length).toBeLessThanOrEqual(4);
      seen.push(...data.map(({ service, id }) => `${service} ${id}`));
      more = page.more;
      after = `&after=${page.after}`;
    }
    const every = [...NAMES].sort().flatMap((name) => (parked[name] ?? []).map((id) => `${name} ${id}`));
    expect(seen).toEqual(every);
    const wrong = await get('/v1/operator/parked?after=WyJjcm0iLCJ4Il0', await behind.tokens.operator());
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: 'cursor_invalid' }]);
    for (const name of NAMES) answer(`${name} /internal/v1/parked`, []);
  });

  it('404 without asking anybody for what does not wait', async () => {
    const setAside = { by: 'cl_other', reason, at: '2026-03-02T00:00:00Z' };
    answer('crm /internal/v1/parked', [{ ...event, status: 'set_aside', setAside }]);
    behind.seen.length = 0;
    expect((await send()).status).toBe(404);
    expect(told('/internal/v1/approvals')).toEqual([]);
  });

  it('200 for a repeat by whoever did it, since the first answer may be lost; nobody approves it again', async () => {
    const setAside = { by: 'cl_operator', reason, at: '2026-03-02T00:00:00Z' };
    answer('crm /internal/v1/parked', [{ ...event, status: 'set_aside', setAside }]);
    behind.seen.length = 0;
    expect((await send()).status).toBe(200);
    expect(told('/17/set-aside')).toMatchObject([{ by: 'cl_operator', eventId: 'po_1', reason }]);
    expect(told('/internal/v1/approvals')).toEqual([]);
  });
});

describe('GET /docs', () => {
  it('is one document of all services without internal routes', async () => {
    const response = await get('/docs/openapi.json');
    const document = (await response.json()) as {
      openapi: string;
      paths: Record<string, unknown>;
      components: { schemas: Record<string, unknown> };
    };
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/oauth/token', '/v1/ledger', '/v1/operator/invariants', '/health']),
    );
    expect(Object.keys(document.paths).filter((path) => path.startsWith('/internal'))).toEqual([]);
    expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(['Body', 'LedgerBody', 'CrmBody']));
  });

  it('is a page that loads nothing from elsewhere and escapes its content', async () => {
    const response = await get('/docs');
    const html = await response.text();
    expect(response.headers.get('content-type')).toMatch('text/html');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(html).toContain('Read &#60;ledger&#62;');
    expect(html).not.toMatch(/<script|src=|@import|url\(/);
  });

  it.each(['/docs', '/docs/openapi.json'])('%s is sent once to a client that caches it', async (path) => {
    const first = await get(path);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[0-9a-f]+"$/);
    expect(first.headers.get('cache-control')).toBe('public, max-age=60');
    const ask = (known: string): Promise<Response> =>
      fetch(behind.gateway.url + path, { headers: { 'if-none-match': known } });
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const second = await ask(known);
      expect([second.status, await second.text(), second.headers.get('etag')]).toEqual([304, '', etag]);
    }
    expect((await ask('"other"')).status).toBe(200);
  });

  it('has a page for every error code', async () => {
    for (const code of Object.keys(ERROR_CATALOGUE)) {
      const response = await get(`/docs/errors/${code}`);
      expect(response.status).toBe(200);
      expect(await response.text()).toContain(code);
    }
    expect((await get('/docs/errors')).status).toBe(200);
    expect((await get('/docs/errors/no_such_code')).status).toBe(404);
    expect((await get('/docs/errors/constructor')).status).toBe(404);
  });
});

describe('GET /health', () => {
  it('200 when all are ready', async () => {
    const response = await get('/health');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: 'ready', notReady: [] });
  });

  it('asks the services at most once a second, however often it is called', async () => {
    await sleep(1_050);
    behind.seen.length = 0;
    await Promise.all(Array.from({ length: 30 }, () => get('/health')));
    expect(behind.seen.filter((s) => s.service === 'ledger')).toHaveLength(1);
  });

  it('503 naming those that are not ready, within about a second', async () => {
    await sleep(1_050);
    behind.behaviours.set('ledger /internal/v1/ready', (_request, response) => json(response, {}, 503));
    await behind.stop('crm');
    const response = await get('/health');
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      status: 'not_ready',
      notReady: ['crm', 'ledger'],
      services: { partners: 'ready' },
    });
  });

  it('reports the gateway as usable while one service behind it is ready', async () => {
    const own = async (): Promise<{ status: number; checks: unknown[] }> => {
      await sleep(1_050);
      const response = await fetch(`${behind.gateway.opsUrl}/health/ready`);
      return { status: response.status, ...((await response.json()) as { checks: unknown[] }) };
    };
    expect(await own()).toMatchObject({ status: 200, checks: [{ name: 'services', ready: true }] });
    behind.behaviours.set('/internal/v1/ready', (_request, response) => json(response, {}, 503));
    expect(await own()).toMatchObject({ status: 503, checks: [{ name: 'services', ready: false }] });
    behind.behaviours.delete('/internal/v1/ready');
    expect(await own()).toMatchObject({ status: 200 });
  });
});
