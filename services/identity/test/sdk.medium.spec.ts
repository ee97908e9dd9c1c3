import { declareTopics } from '#libs/messaging';
import { HezongClient, HezongProblem } from '#libs/sdk';
import { byTwo, identityNetwork, login } from './network.fixture.js';
import type { IdentityNetwork } from './network.fixture.js';

let network: IdentityNetwork;
let operator: HezongClient;

beforeAll(async () => {
  network = await identityNetwork((logDatabaseUrl) =>
    declareTopics({ broker: 'postgres', kafkaBrokers: [], logDatabaseUrl }),
  );
  operator = new HezongClient({ gateway: network.issuer, ...network.operator });
}, 120_000);

afterAll(() => network.close(), 30_000);

describe('the generated client against the real token endpoint', () => {
  it('gets a token and creates clients, each once', async () => {
    const path = { slug: 'aurora' };
    const headers = { 'Idempotency-Key': 'pos-1' };
    const made = await operator.clients.create({ path, headers, body: { name: 'pos', scopes: ['orders:write'] } });
    expect(made).toMatchObject({ name: 'pos', brand: 'aurora', scopes: ['orders:write'] });
    const again = await operator.clients.create({ path, headers, body: { name: 'pos', scopes: ['orders:write'] } });
    expect(again).toMatchObject({ clientId: made.clientId, clientSecret: null });

    const { clientId, clientSecret } = made;
    const brand = new HezongClient({ gateway: network.issuer, clientId, clientSecret: clientSecret ?? '' });
    const refused = await brand.signingKeys.list().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(HezongProblem);
    expect(refused).toMatchObject({ code: 'scope_missing', status: 403, retryable: false });
  });

  it('reads a list page by page', async () => {
    const path = { slug: 'birch' };
    const names = ['one', 'two', 'three'];
    const second = login(network.issuer, network.operator.second);
    const create = (name: string) => operator.clients.create({ path, body: { name } });
    await create('one');
    for (const name of names.slice(1)) await byTwo(second, () => create(name));
    const found: string[] = [];
    for await (const client of operator.pages((page) =>
      operator.clients.list({ path, query: { ...page, limit: 2 } }),
    )) {
      found.push(client.name);
    }
    expect(found.sort()).toEqual([...names].sort());
  });

  it('reports which field is wrong, and when access is refused', async () => {
    const path = { slug: 'aurora' };
    const wrong = operator.clients.create({ path, body: { name: '' } });
    await expect(wrong).rejects.toMatchObject({ code: 'validation_failed', errors: [{ pointer: '/name' }] });
    const stranger = new HezongClient({ gateway: network.issuer, clientId: 'cl_x', clientSecret: 'no' });
    await expect(stranger.signingKeys.list()).rejects.toMatchObject({ status: 401, code: 'invalid_client' });
  });
});
