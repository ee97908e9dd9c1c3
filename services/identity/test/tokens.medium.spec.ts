import { SignJWT, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair } from 'jose';
import type { CryptoKey } from 'jose';
import * as openid from 'openid-client';
import { BRAND_SCOPES, TokenVerifier } from '#libs/auth';
import { routesOf } from '#libs/http';
import { declareTopics } from '#libs/messaging';
import { bootstrapOperator } from '../src/index.js';
import { approved, byTwo, identityNetwork, login } from './network.fixture.js';
import type { IdentityNetwork } from './network.fixture.js';

const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const NOBODY_REVOKED = { has: () => false, ready: () => Promise.resolve() };

let network: IdentityNetwork;
let operatorToken: string;

beforeAll(async () => {
  network = await identityNetwork((logDatabaseUrl) =>
    declareTopics({ broker: 'postgres', kafkaBrokers: [], logDatabaseUrl } as never).then(() => undefined),
  );
  operatorToken = (await token(network.operator.clientId, network.operator.clientSecret)).access_token;
}, 120_000);

afterAll(() => network.close(), 30_000);

interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  json: T;
}

async function api<T = Record<string, unknown>>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  const response = await fetch(`${network.issuer}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${operatorToken}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: (text === '' ? {} : JSON.parse(text)) as T };
}

/** The same, with the approval of the second client if it is needed. */
const byBoth = <T = Record<string, unknown>>(...call: Parameters<typeof api>): Promise<Answer<T>> =>
  approved(
    login(network.issuer, network.operator.second),
    () => api<T>(...call),
    ({ json }) => json,
  );

interface NewClient {
  clientId: string;
  clientSecret: string;
  scopes: string[];
  secrets: { secretId: string }[];
}

async function newClient(body: Record<string, unknown> = { name: 'pos' }, slug = 'aurora'): Promise<NewClient> {
  const answer = await byBoth<NewClient>('POST', `/v1/operator/brands/${slug}/clients`, body);
  expect(answer.status).toBe(201);
  return answer.json;
}

async function discover(clientId: string, auth: openid.ClientAuth): Promise<openid.Configuration> {
  return openid.discovery(new URL(network.issuer), clientId, undefined, auth, {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- loopback, where there is no TLS
    execute: [openid.allowInsecureRequests],
    algorithm: 'oauth2',
  });
}

async function token(
  clientId: string,
  secret: string,
  parameters: Record<string, string> = {},
): Promise<openid.TokenEndpointResponse> {
  return openid.clientCredentialsGrant(await discover(clientId, openid.ClientSecretBasic(secret)), parameters);
}

async function refusal(work: Promise<unknown>): Promise<{ status: number | undefined; error: string | undefined }> {
  const thrown: unknown = await work.then(
    () => ({}),
    (error: unknown) => error,
  );
  const { status, error } = thrown as { status?: number; error?: string };
  return { status, error };
}

function verifier(): TokenVerifier {
  return new TokenVerifier(
    {
      issuer: network.issuer,
      jwksUrl: `${network.issuer}/.well-known/jwks.json`,
      internalKeys: { keys: [] },
    },
    'identity',
    NOBODY_REVOKED,
  );
}

async function verdict(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'accepted',
    (error: unknown) => String(Reflect.get(error as object, 'code')),
  );
}

/** An assertion of this client without a signature. */
function unsigned(clientId: string): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + 50;
  const claims = { iss: clientId, sub: clientId, aud: 'http://127.0.0.1', exp, jti: clientId };
  return `${part({ alg: 'ES256' })}.${part(claims)}.AAAA`;
}

describe('a client with a secret', () => {
  it('gets a token that libs/auth accepts', async () => {
    const client = await newClient();
    expect(client.scopes).toEqual([...BRAND_SCOPES]);
    const answer = await token(client.clientId, client.clientSecret);
    expect(answer.expires_in).toBe(600);
    expect(answer.scope?.split(' ').sort()).toEqual([...BRAND_SCOPES].sort());
    expect(decodeProtectedHeader(answer.access_token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    const claims = decodeJwt(answer.access_token);
    expect(claims).toMatchObject({
      iss: network.issuer,
      aud: 'hezong:api',
      client_id: client.clientId,
      brand: 'aurora',
    });
    expect(claims['role']).toBeUndefined();
    expect(await verifier().verify(answer.access_token)).toEqual({
      kind: 'brand',
      brand: 'aurora',
      clientId: client.clientId,
      scopes: expect.arrayContaining([...BRAND_SCOPES]),
    });
  });

  it('gets the scopes that it requests, and no others', async () => {
    const client = await newClient({ name: 'reader', scopes: ['orders:read', 'wallet:read'] });
    expect(client.scopes).toEqual(['orders:read', 'wallet:read']);
    const asked = await token(client.clientId, client.clientSecret, { scope: 'orders:read' });
    expect(decodeJwt(asked.access_token)['scope']).toBe('orders:read');
    for (const scope of ['orders:write', 'operator', 'nonsense', 'openid', 'orders:read operator']) {
      const refused = await refusal(token(client.clientId, client.clientSecret, { scope }));
      expect([scope, refused]).toEqual([scope, { status: 400, error: 'invalid_scope' }]);
    }
  });

  it('is refused in the standard shape with a wrong secret or as an unknown client', async () => {
    const client = await newClient();
    const wrong = await fetch(`${network.issuer}/oauth/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${client.clientId}:${client.clientSecret}x`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    });
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get('www-authenticate')).toMatch(/^Basic /);
    expect(wrong.headers.get('cache-control')).toContain('no-store');
    const wrongBody = await wrong.json();
    expect(wrongBody).toMatchObject({ error: 'invalid_client' });
    const unknown = await fetch(`${network.issuer}/oauth/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`cl_nobody:${client.clientSecret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    });
    expect(unknown.status).toBe(401);
    expect(await unknown.json()).toEqual(wrongBody);
    const otherAlgorithm = await refusal(
      openid.clientCredentialsGrant(await discover(client.clientId, openid.ClientSecretPost(client.clientSecret))),
    );
    expect(otherAlgorithm.status).not.toBe(200);
  });

  it.each([
    ['that is no text', { client_id: '\0' }],
    ['with a NUL, and a secret', { client_id: 'a\0b', client_secret: 'x' }],
    ['with a NUL, in an assertion', { client_assertion: unsigned('a\0b'), client_assertion_type: ASSERTION }],
  ])('is unknown under an id %s', async (_, parameters) => {
    const answer = await fetch(`${network.issuer}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', ...parameters } as Record<string, string>),
    });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ error: 'invalid_client' });
  });

  it('gets nothing for another audience or grant', async () => {
    const client = await newClient();
    expect(
      await refusal(token(client.clientId, client.clientSecret, { resource: 'https://elsewhere.example' })),
    ).toEqual({
      status: 400,
      error: 'invalid_target',
    });
    const configuration = await discover(client.clientId, openid.ClientSecretBasic(client.clientSecret));
    for (const grant of ['password', 'authorization_code', 'refresh_token']) {
      expect((await refusal(openid.genericGrantRequest(configuration, grant, {}))).status).toBe(400);
    }
  });

  it('may have two live secrets, so that it can change from one to the other', async () => {
    const client = await newClient();
    const path = `/v1/operator/brands/aurora/clients/${client.clientId}/secrets`;
    const second = await byBoth<{ secretId: string; clientSecret: string }>('POST', path);
    expect(second.status).toBe(201);
    await token(client.clientId, client.clientSecret);
    await token(client.clientId, second.json.clientSecret);
    expect(await api('POST', path)).toMatchObject({ status: 409, json: { code: 'client_secret_limit' } });
    expect((await api('DELETE', `${path}/${client.secrets[0]?.secretId}`)).status).toBe(204);
    expect((await refusal(token(client.clientId, client.clientSecret))).status).toBe(401);
    await token(client.clientId, second.json.clientSecret);
    expect((await api('DELETE', `${path}/${client.secrets[0]?.secretId}`)).status).toBe(404);
  });

  it('is unknown once it is revoked', async () => {
    const client = await newClient();
    expect((await api('DELETE', `/v1/operator/brands/birch/clients/${client.clientId}`)).status).toBe(404);
    await token(client.clientId, client.clientSecret);
    expect((await api('DELETE', `/v1/operator/brands/aurora/clients/${client.clientId}`)).status).toBe(204);
    expect((await refusal(token(client.clientId, client.clientSecret))).status).toBe(401);
    expect((await api('DELETE', `/v1/operator/brands/aurora/clients/${client.clientId}`)).status).toBe(404);
  });
});

describe('a client with a key', () => {
  let privateKey: CryptoKey;
  let client: NewClient;

  beforeAll(async () => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    privateKey = pair.privateKey;
    // members that are not a key's own, such as this one, are dropped
    const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'pos-1', note: '\ud800' }] };
    client = await newClient({ name: 'pos', jwks });
  });

  const assertion = (claims: Record<string, unknown> = {}, lifetime = 60): Promise<string> => {
    const now = Math.floor(Date.now() / 1_000);
    return new SignJWT({ jti: Math.random().toString(36), aud: network.issuer, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'pos-1' })
      .setIssuer(client.clientId)
      .setSubject(client.clientId)
      .setIssuedAt(now)
      .setExpirationTime(now + lifetime)
      .sign(privateKey);
  };

  const send = async (text: string, base = network.issuer): Promise<{ status: number; error?: string }> => {
    const response = await fetch(`${base}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_assertion_type: ASSERTION,
        client_assertion: text,
      }),
    });
    return { status: response.status, error: ((await response.json()) as { error?: string }).error as string };
  };

  it('has no secret and gets tokens by private_key_jwt', async () => {
    expect(client.clientSecret).toBeNull();
    const configuration = await discover(client.clientId, openid.PrivateKeyJwt({ key: privateKey, kid: 'pos-1' }));
    const answer = await openid.clientCredentialsGrant(configuration, { scope: 'orders:write' });
    expect(await verifier().verify(answer.access_token)).toMatchObject({ brand: 'aurora', scopes: ['orders:write'] });
    expect((await api('POST', `/v1/operator/brands/aurora/clients/${client.clientId}/secrets`)).status).toBe(422);
  });

  it('can use an assertion once: not again, not concurrently, not on another instance', async () => {
    const once = await assertion();
    expect((await send(once)).status).toBe(200);
    expect(await send(once)).toEqual({ status: 401, error: 'invalid_client' });
    const second = await network.another();
    expect((await send(once, second.url)).status).toBe(401);
    const raced = await assertion();
    const answers = await Promise.all([send(raced), send(raced, second.url), send(raced), send(raced, second.url)]);
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401, 401]);
  }, 30_000);

  it('is refused with an assertion for another audience, too long a life, or another key', async () => {
    expect((await send(await assertion({ aud: 'https://elsewhere.example' }))).status).toBe(401);
    expect((await send(await assertion({}, 3_600))).status).toBe(401);
    expect((await send(await assertion({}, -60))).status).toBe(401);
    expect((await send(await assertion({ jti: undefined }))).status).toBe(401);
    const { privateKey: other } = await generateKeyPair('ES256');
    const configuration = await discover(client.clientId, openid.PrivateKeyJwt({ key: other, kid: 'pos-1' }));
    expect((await refusal(openid.clientCredentialsGrant(configuration))).error).toBe('invalid_client');
  });

  it('may name the token endpoint as audience by its public name, whatever name was called', async () => {
    const second = await network.another();
    expect((await send(await assertion({ aud: `${network.issuer}/oauth/token` }), second.url)).status).toBe(200);
    expect((await send(await assertion({ aud: `${second.url}/oauth/token` }), second.url)).status).toBe(401);
  }, 30_000);
});

describe('signing keys', () => {
  interface Keys {
    data: { kid: string; status: string }[];
  }
  const published = async (base = network.issuer): Promise<string[]> => {
    const response = await fetch(`${base}/.well-known/jwks.json`);
    const { keys } = (await response.json()) as { keys: Record<string, unknown>[] };
    expect(keys.every((key) => key['d'] === undefined)).toBe(true);
    return keys.map((key) => String(key['kid'])).sort();
  };

  it('rotate without a token being refused, on every instance', async () => {
    const second = await network.another();
    const before = (await api<Keys>('GET', '/v1/operator/signing-keys')).json.data;
    const next = before.find((key) => key.status === 'next')?.kid;
    const known = verifier();
    const old = await token(network.operator.clientId, network.operator.clientSecret);
    const rotated = {
      json: await byTwo(login(network.issuer, network.operator.second), () =>
        login(network.issuer, network.operator).signingKeys.rotate(),
      ),
    };
    expect(rotated.json.data.find((key) => key.status === 'current')?.kid).toBe(next);
    const fresh = await token(network.operator.clientId, network.operator.clientSecret);
    expect(decodeProtectedHeader(fresh.access_token)['kid']).toBe(next);
    for (const text of [old.access_token, fresh.access_token]) {
      expect(await known.verify(text)).toMatchObject({ kind: 'operator' });
      expect(await verifier().verify(text)).toMatchObject({ kind: 'operator' });
    }
    const kids = rotated.json.data.map((key) => key.kid).sort();
    expect(kids.length).toBe(before.length + 1);
    expect(await published()).toEqual(kids);
    for (let tries = 0; tries < 50 && (await published(second.url)).join() !== kids.join(); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(await published(second.url)).toEqual(kids);
  }, 30_000);

  it('sign nothing that another audience or issuer would accept', async () => {
    const { access_token: text } = await token(network.operator.clientId, network.operator.clientSecret);
    const elsewhere = new TokenVerifier(
      {
        issuer: 'https://elsewhere.example',
        jwksUrl: `${network.issuer}/.well-known/jwks.json`,
        internalKeys: { keys: [] },
      },
      'identity',
      NOBODY_REVOKED,
    );
    expect(await verdict(elsewhere.verify(text))).toBe('token_invalid');
    expect(await verdict(verifier().verify(`${text.slice(0, -4)}AAAA`))).toBe('token_invalid');
    const lost = new TokenVerifier(
      { issuer: network.issuer, jwksUrl: 'http://127.0.0.1:9/jwks', internalKeys: { keys: [] } },
      'identity',
      NOBODY_REVOKED,
    );
    expect(await verdict(lost.verify(text))).toBe('unavailable');
  });
});

describe('the operator', () => {
  it('is refused unknown brands, unknown scopes, private keys and invalid values', async () => {
    const path = '/v1/operator/brands/aurora/clients';
    expect(await api('POST', '/v1/operator/brands/nobody/clients', { name: 'x' })).toMatchObject({ status: 404 });
    expect((await api('GET', '/v1/operator/brands/nobody/clients')).status).toBe(404);
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const key = await exportJWK(publicKey);
    const keyed = (members: object): object => ({ name: 'x', jwks: { keys: [{ ...key, ...members }] } });
    for (const [body, pointer, code] of [
      [{ name: 'x', scopes: ['operator'] }, '/scopes/0', 'not_allowed'],
      [{ name: 'x', scopes: 'orders:read' }, '/scopes', 'not_an_array'],
      [{ name: 'x', scopes: [] }, '/scopes', 'too_few'],
      [{}, '/name', 'required'],
      [{ name: 'x', secret: 'mine' }, '/secret', 'unknown_field'],
      [{ name: 'x', jwks: { keys: [] } }, '/jwks/keys', 'malformed'],
      [{ name: 'x', jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }, '/jwks/keys/0', 'private_key'],
      [{ name: 'x', jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }] } }, '/jwks/keys/0', 'malformed'],
      [{ name: 'x', jwks: { keys: [{ kty: 'constructor', alg: 'ES256' }] } }, '/jwks/keys/0', 'not_allowed'],
      [{ name: 'x', jwks: { keys: [await exportJWK(privateKey)] } }, '/jwks/keys/0', 'private_key'],
      [keyed({ kid: '\ud800' }), '/jwks/keys/0/kid', 'control_character'],
      [keyed({ kid: 'a\0' }), '/jwks/keys/0/kid', 'control_character'],
      [keyed({ x: `${key.x}\udc00` }), '/jwks/keys/0/x', 'control_character'],
      [keyed({ kid: 1 }), '/jwks/keys/0/kid', 'not_a_string'],
    ] as const) {
      expect(await api('POST', path, body)).toMatchObject({ status: 422, json: { errors: [{ pointer, code }] } });
    }
  });

  it('lists clients without their secrets, page by page', async () => {
    for (let i = 0; i < 3; i += 1) await newClient({ name: `till ${i}` }, 'birch');
    interface List {
      data: { clientId: string }[];
      page: { after: string | null; more: boolean };
    }
    const first = await api<List>('GET', '/v1/operator/brands/birch/clients?limit=2');
    expect(first.json.data.length).toBe(2);
    expect(first.json.page.more).toBe(true);
    const rest = await api<List>('GET', `/v1/operator/brands/birch/clients?limit=2&after=${first.json.page.after}`);
    expect(rest.json.data.length).toBe(1);
    expect(JSON.stringify([first.json, rest.json])).not.toContain('hzs_');
  });

  it('creates one client per key, whose secret is shown once', async () => {
    const body = { name: 'keyed' };
    const path = '/v1/operator/brands/aurora/clients';
    const first = await byBoth<NewClient>('POST', path, body, { 'idempotency-key': 'c-1' });
    const again = await api<NewClient>('POST', path, body, { 'idempotency-key': 'c-1' });
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.json).toEqual({ ...first.json, clientSecret: null });
    expect(await api('POST', path, { name: 'other' }, { 'idempotency-key': 'c-1' })).toMatchObject({
      status: 422,
      json: { code: 'idempotency_conflict' },
    });
  });

  it('is the only one who may do this', async () => {
    const client = await newClient();
    const { access_token: brandToken } = await token(client.clientId, client.clientSecret);
    for (const route of routesOf(network.service.app)) {
      if (!route.path.startsWith('/v1/operator')) continue;
      expect(route.access).toEqual({ audience: 'operator', scope: 'operator' });
      const path = route.path.replace(':slug', 'aurora').replace(/:\w+/g, 'x');
      const headers = { authorization: `Bearer ${brandToken}` };
      const body = route.method === 'POST' ? {} : undefined;
      expect(await api(route.method, path, body, headers)).toMatchObject({
        status: 403,
        json: { code: 'scope_missing' },
      });
    }
  });

  it('keeps its client over restarts, and gets a new secret if it lost the old one', async () => {
    expect(await bootstrapOperator(network.ownerUrl, network.operator)).toEqual(network.operator);
    const renewed = await bootstrapOperator(network.ownerUrl);
    expect(renewed.clientId).toBe(network.operator.clientId);
    await token(renewed.clientId, renewed.clientSecret);
    await token(network.operator.clientId, network.operator.clientSecret);
    const third = await bootstrapOperator(network.ownerUrl);
    expect((await refusal(token(network.operator.clientId, network.operator.clientSecret))).status).toBe(401);
    await token(third.clientId, third.clientSecret);
  });
});
