import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import type { RunningService } from '#libs/http';
import { declareTopics } from '#libs/messaging';
import { approved, byTwo, identityNetwork, login } from './network.fixture.js';
import type { IdentityNetwork } from './network.fixture.js';

let network: IdentityNetwork;
let second: RunningService;
let operator: string;

beforeAll(async () => {
  network = await identityNetwork((logDatabaseUrl) =>
    declareTopics({ broker: 'postgres', kafkaBrokers: [], logDatabaseUrl }),
  );
  second = await network.another();
  operator = (await ask(network.operator)).access_token ?? '';
}, 120_000);
afterAll(() => network.close(), 30_000);

interface TokenAnswer {
  status: number;
  access_token?: string;
  scope?: string;
  error?: string;
  error_description?: string;
}

async function ask(client: { clientId: string; clientSecret: string }, scope?: string): Promise<TokenAnswer> {
  const response = await fetch(`${network.issuer}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${client.clientId}:${client.clientSecret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) }),
  });
  return { status: response.status, ...((await response.json()) as object) };
}

async function call(bearer: string, method: string, url: string, body?: unknown): Promise<Response> {
  return fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${bearer}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
}

async function newClient(path: string): Promise<{ clientId: string; clientSecret: string }> {
  const answer = await approved(
    login(network.issuer, network.operator.second),
    () => call(operator, 'POST', `${network.issuer}${path}`, { name: 'spec' }),
    (refused) => refused.json(),
  );
  expect(answer.status).toBe(201);
  return (await answer.json()) as { clientId: string; clientSecret: string };
}

async function stand(slug: string, status: string, version: number): Promise<void> {
  const bearer = await network.tokens.internal('partners', 'identity');
  const answer = await call(bearer, 'PUT', `${network.issuer}/internal/v1/brands/${slug}`, {
    slug,
    version,
    name: slug,
    status,
    currency: 'CNY',
    legalEntity: { id: `le-${slug}`, name: slug },
    stores: [],
    contracts: [],
  });
  expect(answer.status).toBe(204);
}

it('a revoked client of the operator is refused on every instance within five seconds', async () => {
  const made = await byTwo(login(network.issuer, network.operator.second), () =>
    login(network.issuer, network.operator).operatorClients.create({ body: { name: 'spec' } }),
  );
  const other = { clientId: made.clientId, clientSecret: made.clientSecret ?? '' };
  const token = (await ask(other)).access_token ?? '';
  const list = `${second.url}/v1/operator/clients`;
  expect((await call(token, 'GET', list)).status).toBe(200);
  await call(operator, 'DELETE', `${network.issuer}/v1/operator/clients/${other.clientId}`);
  const deadline = performance.now() + 5_000;
  let answer = await call(token, 'GET', list);
  while (answer.status === 200 && performance.now() < deadline) {
    await sleep(100);
    answer = await call(token, 'GET', list);
  }
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([401, 'token_invalid']);
  // other clients keep access
  expect((await call(operator, 'GET', list)).status).toBe(200);
}, 30_000);

it('a token from a revoked secret is refused on every instance within five seconds; one from another secret is not', async () => {
  const own = network.operator;
  const list = `${second.url}/v1/operator/clients`;
  const base = `${network.issuer}/v1/operator/clients/${own.clientId}/secrets`;
  const added = (await (await call(operator, 'POST', base)).json()) as { secretId: string; clientSecret: string };
  const token = (await ask({ clientId: own.clientId, clientSecret: added.clientSecret })).access_token ?? '';
  expect((await call(token, 'GET', list)).status).toBe(200);
  expect((await call(operator, 'DELETE', `${base}/${added.secretId}`)).status).toBe(204);
  const deadline = performance.now() + 5_000;
  let answer = await call(token, 'GET', list);
  while (answer.status === 200 && performance.now() < deadline) {
    await sleep(100);
    answer = await call(token, 'GET', list);
  }
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([401, 'token_invalid']);
  expect((await call(operator, 'GET', list)).status).toBe(200);
}, 30_000);

describe('a brand that may not trade', () => {
  it.each(['suspended', 'closed', 'reviewed'])('gets tokens only for its statements when it is %s', async (status) => {
    const version = { suspended: 10, closed: 20, reviewed: 30 }[status] ?? 0;
    await stand('birch', 'live', version);
    const client = await newClient('/v1/operator/brands/birch/clients');
    expect((await ask(client)).status).toBe(200);
    await stand('birch', status, version + 1);
    for (const scope of [undefined, 'members:write', 'settlement:read orders:write']) {
      const refused = await ask(client, scope);
      expect([refused.status, refused.error]).toEqual([400, 'unauthorized_client']);
      expect(refused.error_description).toContain('settlement:read');
    }
    const kept = await ask(client, 'settlement:read');
    expect([kept.status, decodeJwt(kept.access_token ?? '')['scope']]).toEqual([200, 'settlement:read']);
    await stand('birch', 'live', version + 2);
    expect((await ask(client)).status).toBe(200);
  });

  it('keeps its tokens during its run-off', async () => {
    await stand('aurora', 'live', 10);
    const client = await newClient('/v1/operator/brands/aurora/clients');
    await stand('aurora', 'exiting', 11);
    expect((await ask(client)).status).toBe(200);
  });
});
