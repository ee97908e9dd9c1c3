import { exportJWK, generateKeyPair } from 'jose';
import { declareTopics } from '#libs/messaging';
import type { HezongClient } from '#libs/sdk';
import { bootstrapOperator } from '../src/index.js';
import { byTwo, identityNetwork, login } from './network.fixture.js';
import type { IdentityNetwork } from './network.fixture.js';

let network: IdentityNetwork;
let first: HezongClient;
let checker: HezongClient;

beforeAll(async () => {
  network = await identityNetwork((logDatabaseUrl) =>
    declareTopics({ broker: 'postgres', kafkaBrokers: [], logDatabaseUrl }),
  );
}, 120_000);

afterAll(() => network.close(), 30_000);

/** Every spec starts with the two clients of a new network. */
beforeEach(async () => {
  network.operator = await bootstrapOperator(network.ownerUrl, network.operator);
  first = login(network.issuer, network.operator);
  checker = login(network.issuer, network.operator.second);
});
afterEach(async () => {
  const { clientId: own, second: other } = network.operator;
  for (const clientId of await live()) {
    if (clientId !== own && clientId !== other.clientId) await first.operatorClients.revoke({ path: { clientId } });
  }
});

async function live(): Promise<string[]> {
  return (await first.operatorClients.list()).data.map((client) => client.clientId);
}

async function third(name = 'third person'): Promise<{ clientId: string; secretId: string; api: HezongClient }> {
  const made = await byTwo(checker, () => first.operatorClients.create({ body: { name } }));
  return { clientId: made.clientId, secretId: made.secrets[0]?.secretId ?? '', api: login(network.issuer, made) };
}

describe('clients of the operator', () => {
  it('are created by two people, each once, and are the operator too', async () => {
    const headers = { 'Idempotency-Key': 'third-1' };
    const made = await byTwo(checker, () => first.operatorClients.create({ headers, body: { name: 'third' } }));
    expect(made).toMatchObject({ name: 'third', brand: null, scopes: ['operator'], secrets: [expect.anything()] });
    const again = await first.operatorClients.create({ headers, body: { name: 'third' } });
    expect(again).toEqual({ ...made, clientSecret: null });
    const other = first.operatorClients.create({ headers, body: { name: 'fourth' } });
    await expect(other).rejects.toMatchObject({ status: 422, code: 'idempotency_conflict' });

    const listed = await login(network.issuer, made).operatorClients.list();
    expect(listed.data.map((client) => client.clientId).sort()).toEqual(
      [network.operator.clientId, network.operator.second.clientId, made.clientId].sort(),
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
    const made = await byTwo(checker, () => first.operatorClients.create({ body: { name: 'hsm', jwks } }));
    expect(made).toMatchObject({ clientSecret: null, authentication: 'private_key_jwt', secrets: [] });
  });

  it('are not clients of a brand, nor a brand’s clients the operator’s', async () => {
    const path = { slug: 'aurora' };
    const brand = await first.clients.create({ path, body: { name: 'pos' } });
    const operator = await third();
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
    const { clientId, secretId, api } = await third();
    const path = { clientId };
    const fresh = await api.operatorClients.addSecret({ path });
    const more = api.operatorClients.addSecret({ path });
    await expect(more).rejects.toMatchObject({ status: 409, code: 'client_secret_limit' });
    const renewed = login(network.issuer, { clientId, clientSecret: fresh.clientSecret });
    await renewed.operatorClients.revokeSecret({ path: { ...path, secretId } });
    const last = renewed.operatorClients.revokeSecret({ path: { ...path, secretId: fresh.secretId } });
    await expect(last).rejects.toMatchObject({ status: 409, code: 'own_client' });
    await expect(
      login(network.issuer, { clientId, clientSecret: 'hzs_old' }).operatorClients.list(),
    ).rejects.toMatchObject({
      code: 'invalid_client',
    });
    await login(network.issuer, { clientId, clientSecret: fresh.clientSecret }).operatorClients.list();
  });
});

describe('revoking a client of the operator', () => {
  it('leaves at least one that can log in', async () => {
    const { clientId } = network.operator;
    const own = (await first.operatorClients.list()).data.find((client) => client.clientId === clientId);
    const secretId = own?.secrets[0]?.secretId ?? '';
    const refused = { status: 409, code: 'last_operator_client' };
    const other = await third();
    await first.operatorClients.revoke({ path: { clientId: network.operator.second.clientId } });
    // a client without a live secret does not count as another client
    await first.operatorClients.revokeSecret({ path: { clientId: other.clientId, secretId: other.secretId } });
    await expect(first.operatorClients.revoke({ path: { clientId } })).rejects.toMatchObject(refused);
    const secret = first.operatorClients.revokeSecret({ path: { clientId, secretId } });
    await expect(secret).rejects.toMatchObject(refused);
    expect(await live()).toHaveLength(2);
  });

  it('needs another client', async () => {
    const { clientId, api } = await third();
    const own = api.operatorClients.revoke({ path: { clientId } });
    await expect(own).rejects.toMatchObject({ status: 409, code: 'own_client' });
    await first.operatorClients.revoke({ path: { clientId } });
    await expect(first.operatorClients.revoke({ path: { clientId } })).rejects.toMatchObject({ status: 404 });
    expect(await live()).toHaveLength(2);
  });

  it('ends its access here immediately, although its token has not expired', async () => {
    const { clientId, api } = await third();
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
    const left = (await first.operatorClients.list()).data;
    expect(left.map((client) => client.secrets.length)).toEqual([1, 1]);
  });

  it('has one winner when two revoke each other', async () => {
    const [left, right] = [await third('left'), await third('right')];
    await Promise.all([left.api.operatorClients.list(), right.api.operatorClients.list()]);
    const outcomes = await Promise.allSettled([
      left.api.operatorClients.revoke({ path: { clientId: right.clientId } }),
      right.api.operatorClients.revoke({ path: { clientId: left.clientId } }),
    ]);
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await live()).toHaveLength(3);
  });
});
