import { exportJWK, generateKeyPair } from 'jose';
import { declareTopics } from '#libs/messaging';
import { HezongClient } from '#libs/sdk';
import { identityNetwork } from './network.fixture.js';
import type { IdentityNetwork } from './network.fixture.js';

let network: IdentityNetwork;
let first: HezongClient;

beforeAll(async () => {
  network = await identityNetwork((logDatabaseUrl) =>
    declareTopics({ broker: 'postgres', kafkaBrokers: [], logDatabaseUrl }),
  );
  first = login(network.operator);
}, 120_000);

afterAll(() => network.close(), 30_000);

/** All but the client of the network itself goes, so that every spec starts with one. */
afterEach(async () => {
  for (const clientId of await live()) {
    if (clientId !== network.operator.clientId) await first.operatorClients.revoke({ path: { clientId } });
  }
});

function login(client: { clientId: string; clientSecret: string | null }): HezongClient {
  const { clientId, clientSecret } = client;
  return new HezongClient({ gateway: network.issuer, clientId, clientSecret: clientSecret ?? '' });
}

async function live(): Promise<string[]> {
  return (await first.operatorClients.list()).data.map((client) => client.clientId);
}

async function second(name = 'second person'): Promise<{ clientId: string; secretId: string; api: HezongClient }> {
  const made = await first.operatorClients.create({ body: { name } });
  return { clientId: made.clientId, secretId: made.secrets[0]?.secretId ?? '', api: login(made) };
}

describe('clients of the operator', () => {
  it('are made by the first one, each once, and are the operator too', async () => {
    const headers = { 'Idempotency-Key': 'second-1' };
    const made = await first.operatorClients.create({ headers, body: { name: 'second' } });
    expect(made).toMatchObject({ name: 'second', brand: null, scopes: ['operator'], secrets: [expect.anything()] });
    const again = await first.operatorClients.create({ headers, body: { name: 'second' } });
    expect(again).toEqual({ ...made, clientSecret: null });
    const other = first.operatorClients.create({ headers, body: { name: 'third' } });
    await expect(other).rejects.toMatchObject({ status: 422, code: 'idempotency_conflict' });

    const listed = await login(made).operatorClients.list();
    expect(listed.data.map((client) => client.clientId).sort()).toEqual(
      [network.operator.clientId, made.clientId].sort(),
    );
    expect(JSON.stringify(listed)).not.toContain('hzs_');
  });

  it('have no other scopes, and may have a key instead of a secret', async () => {
    const scopes = { name: 'x', scopes: ['orders:write'] };
    await expect(first.operatorClients.create({ body: scopes })).rejects.toMatchObject({
      errors: [{ pointer: '/scopes', code: 'unknown_field' }],
    });
    const { publicKey } = await generateKeyPair('ES256');
    const jwks = { keys: [{ ...(await exportJWK(publicKey)) }] };
    const made = await first.operatorClients.create({ body: { name: 'hsm', jwks } });
    expect(made).toMatchObject({ clientSecret: null, authentication: 'private_key_jwt', secrets: [] });
  });

  it('are not a brand’s, nor a brand’s the operator’s', async () => {
    const path = { slug: 'aurora' };
    const brand = await first.clients.create({ path, body: { name: 'pos' } });
    const operator = await second();
    const wrong = [
      first.operatorClients.revoke({ path: { clientId: brand.clientId } }),
      first.operatorClients.addSecret({ path: { clientId: brand.clientId } }),
      first.clients.revoke({ path: { ...path, clientId: operator.clientId } }),
      first.clients.addSecret({ path: { ...path, clientId: operator.clientId } }),
    ];
    for (const call of wrong) await expect(call).rejects.toMatchObject({ status: 404, code: 'not_found' });
    expect(await live()).not.toContain(brand.clientId);
    const found = (await first.clients.list({ path })).data.map((client) => client.clientId);
    expect(found).not.toContain(operator.clientId);
  });

  it('change their own secret without a gap', async () => {
    const { clientId, secretId, api } = await second();
    const path = { clientId };
    const fresh = await api.operatorClients.addSecret({ path });
    const third = api.operatorClients.addSecret({ path });
    await expect(third).rejects.toMatchObject({ status: 409, code: 'client_secret_limit' });
    const renewed = login({ clientId, clientSecret: fresh.clientSecret });
    await renewed.operatorClients.revokeSecret({ path: { ...path, secretId } });
    const last = renewed.operatorClients.revokeSecret({ path: { ...path, secretId: fresh.secretId } });
    await expect(last).rejects.toMatchObject({ status: 409, code: 'own_client' });
    await expect(login({ clientId, clientSecret: 'hzs_old' }).operatorClients.list()).rejects.toMatchObject({
      code: 'invalid_client',
    });
    await login({ clientId, clientSecret: fresh.clientSecret }).operatorClients.list();
  });
});

describe('revoking a client of the operator', () => {
  it('leaves one that can log in', async () => {
    const { clientId } = network.operator;
    const secretId = (await first.operatorClients.list()).data[0]?.secrets[0]?.secretId ?? '';
    const refused = { status: 409, code: 'last_operator_client' };
    await expect(first.operatorClients.revoke({ path: { clientId } })).rejects.toMatchObject(refused);
    const secret = first.operatorClients.revokeSecret({ path: { clientId, secretId } });
    await expect(secret).rejects.toMatchObject(refused);

    // another that has no secret any more is no other
    const other = await second();
    await first.operatorClients.revokeSecret({ path: { clientId: other.clientId, secretId: other.secretId } });
    await expect(first.operatorClients.revoke({ path: { clientId } })).rejects.toMatchObject(refused);
    expect(await live()).toHaveLength(2);
  });

  it('is another’s to do', async () => {
    const { clientId, api } = await second();
    const own = api.operatorClients.revoke({ path: { clientId } });
    await expect(own).rejects.toMatchObject({ status: 409, code: 'own_client' });
    await first.operatorClients.revoke({ path: { clientId } });
    await expect(first.operatorClients.revoke({ path: { clientId } })).rejects.toMatchObject({ status: 404 });
    expect(await live()).toEqual([network.operator.clientId]);
  });

  it('ends what it could do here at once, although its token lives on', async () => {
    const { clientId, api } = await second();
    await api.operatorClients.list();
    await first.operatorClients.revoke({ path: { clientId } });
    const path = { clientId: network.operator.clientId };
    for (const call of [
      api.operatorClients.create({ body: { name: 'heir' } }),
      api.operatorClients.addSecret({ path }),
      api.operatorClients.revoke({ path }),
    ]) {
      await expect(call).rejects.toMatchObject({ status: 401 });
    }
    const own = (await first.operatorClients.list()).data;
    expect(own.map((client) => [client.clientId, client.secrets.length])).toEqual([[path.clientId, 1]]);
  });

  it('has one winner when two revoke each other', async () => {
    const [left, right] = [await second('left'), await second('right')];
    await Promise.all([left.api.operatorClients.list(), right.api.operatorClients.list()]);
    const outcomes = await Promise.allSettled([
      left.api.operatorClients.revoke({ path: { clientId: right.clientId } }),
      right.api.operatorClients.revoke({ path: { clientId: left.clientId } }),
    ]);
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await live()).toHaveLength(2);
  });
});
