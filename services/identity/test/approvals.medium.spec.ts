import { createHash } from 'node:crypto';
import pg from 'pg';
import { declareTopics } from '#libs/messaging';
import type { HezongClient } from '#libs/sdk';
import { ApprovalsService } from '../src/approvals/approvals.service.js';
import { byTwo, identityNetwork, login, refusal } from './network.fixture.js';
import type { IdentityNetwork } from './network.fixture.js';

let network: IdentityNetwork;
let owner: pg.Client;
let maker: HezongClient;
let checker: HezongClient;
let names = 0;

beforeAll(async () => {
  network = await identityNetwork((logDatabaseUrl) =>
    declareTopics({ broker: 'postgres', kafkaBrokers: [], logDatabaseUrl }),
  );
  owner = new pg.Client({ connectionString: network.ownerUrl });
  await owner.connect();
  await owner.query(`select set_config('hezong.brand', '*', false)`);
  maker = login(network.issuer, network.operator);
  checker = login(network.issuer, network.operator.second);
}, 120_000);

afterAll(async () => {
  await owner.end();
  await network.close();
}, 30_000);

const create = (api: HezongClient, name: string) => api.operatorClients.create({ body: { name } });
const approve = (api: HezongClient, { id, payloadHash }: { id: string; payloadHash: string }) =>
  api.approvals.approve({ path: { id }, body: { payloadHash } });
const count = async (name: string): Promise<number> =>
  (await maker.operatorClients.list({ query: { limit: 200 } })).data.filter((client) => client.name === name).length;
const fresh = (): string => `client ${(names += 1)}`;

/** Creates an operator client that one client requested and another approved. */
async function made(by: HezongClient, other: HezongClient): Promise<{ clientId: string; api: HezongClient }> {
  const name = fresh();
  const client = await byTwo(other, () => create(by, name));
  return { clientId: client.clientId, api: login(network.issuer, client) };
}

const REFUSED = { status: 403, code: 'maker_is_checker' };

describe('an act that needs two people', () => {
  it('does nothing until another client has approved exactly this act, and then happens once', async () => {
    const name = fresh();
    const asked = await refusal(create(maker, name));
    expect(await refusal(create(maker, name))).toEqual(asked);
    expect(await count(name)).toBe(0);
    const waiting = (await checker.approvals.list({ query: { state: 'pending' } })).data;
    // keys in alphabetical order, no spaces
    const hash = createHash('sha256').update(`{"jwks":null,"name":"${name}"}`).digest('hex');
    expect(waiting).toEqual([
      expect.objectContaining({
        id: asked.id,
        act: 'operator_client.create',
        maker: network.operator.clientId,
        payload: { name, jwks: null },
        payloadHash: `sha256:${hash}`,
        state: 'pending',
        checker: null,
      }),
    ]);

    const approved = (of: string) =>
      network.service.app.get(ApprovalsService, { strict: false }).approved({
        act: 'operator_client.create',
        maker: network.operator.clientId,
        payload: { name: of, jwks: null },
      });
    expect(await approved(name)).toBeNull();
    await expect(approve(maker, asked)).rejects.toMatchObject(REFUSED);
    const wrong = { id: asked.id, payloadHash: `sha256:${'0'.repeat(64)}` };
    await expect(approve(checker, wrong)).rejects.toMatchObject({ errors: [{ pointer: '/payloadHash' }] });
    await refusal(create(maker, name));
    expect(await approve(checker, asked)).toMatchObject({
      state: 'approved',
      checker: network.operator.second.clientId,
    });
    expect(await approve(checker, asked)).toMatchObject({ state: 'approved' });

    // the approval covers neither another act of the maker nor the same act of another client
    await refusal(create(maker, `${name}!`));
    await refusal(create(checker, name));
    await create(maker, name);
    expect(await count(name)).toBe(1);
    expect(await checker.approvals.one({ path: { id: asked.id } })).toMatchObject({ state: 'used' });
    await expect(approve(checker, asked)).rejects.toMatchObject({ status: 409, code: 'approval_state' });
    expect(await approved(name)).toEqual({ id: asked.id, checker: network.operator.second.clientId });
    expect(await approved(`${name}!`)).toBeNull();
    const next = await refusal(create(maker, name));
    expect(next.id).not.toBe(asked.id);
    expect(await count(name)).toBe(1);
  });

  it('happens once, however many parallel calls are made', async () => {
    const name = fresh();
    const asked = await refusal(create(maker, name));
    await approve(checker, asked);
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => create(maker, name)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await count(name)).toBe(1);
  });

  it('keeps its approval when it fails, and is not done again if its answer was lost', async () => {
    const name = fresh();
    const asked = await refusal(create(maker, name));
    await approve(checker, asked);
    await owner.query(`alter table client add constraint broken check (name <> '${name}') not valid`);
    await expect(create(maker, name)).rejects.toThrow();
    await owner.query('alter table client drop constraint broken');
    await create(maker, name);
    // as after a crash between the act and marking the approval as used
    await owner.query('alter table approval disable trigger approval_guard');
    await owner.query(`update approval set state = 'approved', used_at = null where id = $1`, [asked.id]);
    await owner.query('alter table approval enable trigger approval_guard');
    expect((await refusal(create(maker, name))).id).not.toBe(asked.id);
    expect(await count(name)).toBe(1);
  });

  it('needs a new approval after the old one expired or was refused', async () => {
    const name = fresh();
    const asked = await refusal(create(maker, name));
    await approve(checker, asked);
    await owner.query('alter table approval disable trigger approval_guard');
    await owner.query('update approval set expires_at = clock_timestamp() where id = $1', [asked.id]);
    await owner.query('alter table approval enable trigger approval_guard');
    const next = await refusal(create(maker, name));
    expect(next.id).not.toBe(asked.id);
    expect(await checker.approvals.one({ path: { id: asked.id } })).toMatchObject({ state: 'expired' });
    await approve(checker, next);
    await checker.approvals.refuse({ path: { id: next.id }, body: { reason: 'a mistake' } });
    expect((await refusal(create(maker, name))).id).not.toBe(next.id);
    expect(await count(name)).toBe(0);
  });
});

describe('one insider is not two people', () => {
  it('a client cannot check its creator, nor be checked by it, nor check a client of the same creator', async () => {
    const child = await made(maker, checker);
    const sibling = await made(maker, checker);
    const grandchild = await made(child.api, checker);
    const pairs: [HezongClient, HezongClient][] = [
      [maker, child.api],
      [child.api, maker],
      [maker, grandchild.api],
      [grandchild.api, maker],
      [child.api, sibling.api],
      [sibling.api, grandchild.api],
    ];
    for (const [one, other] of pairs)
      await expect(approve(other, await refusal(create(one, fresh())))).rejects.toMatchObject(REFUSED);
    // an unrelated client may approve
    await approve(checker, await refusal(create(grandchild.api, fresh())));
    await approve(child.api, await refusal(create(checker, fresh())));
  });

  it('that rule applies for thirty days', async () => {
    const child = await made(maker, checker);
    const asked = await refusal(create(maker, fresh()));
    const age = async (days: number): Promise<void> => {
      for (const table of ['client', 'client_secret'])
        await owner.query(
          `update ${table} set created_at = clock_timestamp() - make_interval(days => $2) where client_id = $1`,
          [child.clientId, days],
        );
    };
    await age(29);
    await expect(approve(child.api, asked)).rejects.toMatchObject(REFUSED);
    await age(31);
    await approve(child.api, asked);
  });

  it('a client gets no secret of another client', async () => {
    const path = { clientId: network.operator.second.clientId };
    const taken = maker.operatorClients.addSecret({ path });
    await expect(taken).rejects.toMatchObject({ status: 403, code: 'client_not_own' });
  });

  it('a revoked checker or maker no longer counts, even for what was approved', async () => {
    const gone = await made(maker, checker);
    const name = fresh();
    const asked = await refusal(create(checker, name));
    await approve(gone.api, asked);
    const second = fresh();
    const orphan = await refusal(create(gone.api, second));
    await maker.operatorClients.revoke({ path: { clientId: gone.clientId } });
    // its checker is revoked, so the approval no longer counts
    expect((await refusal(create(checker, name))).id).not.toBe(asked.id);
    expect(await count(name)).toBe(0);
    await expect(approve(checker, orphan)).rejects.toMatchObject(REFUSED);
  });

  it('a client of the operator makes itself no client of a brand that has one', async () => {
    const path = { slug: 'birch' };
    const scopes = ['orders:write' as const];
    const made = await maker.clients.create({ path, body: { name: 'till', scopes } });
    const { clientId } = made;

    const another = () => maker.clients.create({ path, body: { name: 'second till', scopes } });
    const asked = await refusal(another());
    expect((await checker.approvals.one({ path: { id: asked.id } })).payload).toEqual({
      brand: 'birch',
      name: 'second till',
      scopes,
      jwks: null,
    });
    const more = await refusal(maker.clients.addSecret({ path: { ...path, clientId } }));
    expect((await checker.approvals.one({ path: { id: more.id } })).payload).toEqual({
      brand: 'birch',
      client: clientId,
      name: 'till',
      scopes,
    });
    expect((await maker.clients.list({ path })).data).toMatchObject([{ clientId, secrets: [expect.anything()] }]);

    await maker.clients.revoke({ path: { ...path, clientId } });
    expect((await refusal(another())).id).toBe(asked.id);
    const { payloadHash } = asked;
    await checker.approvals.approve({ path: { id: asked.id }, body: { payloadHash } });
    expect(await another()).toMatchObject({ brand: 'birch', name: 'second till' });
    expect((await refusal(another())).id).not.toBe(asked.id);
  });

  it('two parallel calls make one first client', async () => {
    const create = (name: string) => maker.clients.create({ path: { slug: 'aurora' }, body: { name } });
    const answers = await Promise.allSettled([create('a'), create('b'), create('c')]);
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('a client cannot rotate keys alone, and an approval applies to the keys of its time', async () => {
    const asked = await refusal(maker.signingKeys.rotate());
    const before = await maker.signingKeys.list();
    await approve(checker, asked);
    await maker.signingKeys.rotate();
    expect(await maker.signingKeys.list()).not.toEqual(before);
    expect((await refusal(maker.signingKeys.rotate())).payloadHash).not.toBe(asked.payloadHash);
  });

  it('a client cannot change an approval by another route', async () => {
    const asked = await refusal(create(maker, fresh()));
    const app = [
      `update approval set payload = '{}' where id = $1`,
      `update approval set state = 'used', used_at = clock_timestamp() where id = $1`,
      'delete from approval where id = $1',
    ];
    for (const sql of app) await expect(owner.query(sql, [asked.id])).rejects.toMatchObject({ code: '23001' });
    const own = `update approval set state = 'approved', checker = maker, decided_at = clock_timestamp() where id = $1`;
    await expect(owner.query(own, [asked.id])).rejects.toMatchObject({ constraint: 'approval_two_people' });
  });
});

describe('the list of pending acts', () => {
  const ask = async (
    by: string,
    n: number,
    act = 'order.large',
  ): Promise<{ status: number; id: string; code: string }> => {
    const response = await fetch(`${network.service.url}/internal/v1/approvals`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await network.tokens.internal('ledger', 'identity')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ act, maker: by, payload: { brand: 'aurora', n }, used: null }),
    });
    const { id, code } = (await response.json()) as { id: string; code: string };
    return { status: response.status, id, code };
  };
  const waiting = async (query: { act?: string; maker?: string; brand?: string }): Promise<string[]> => {
    const page = await checker.approvals.list({ query: { state: 'pending', limit: 200, ...query } });
    return page.data.map(({ id }) => id);
  };

  it('holds a hundred acts of one client, and no more until some of them have left', async () => {
    const asked = await Promise.all(Array.from({ length: 110 }, (_, n) => ask('cl_flood', n)));
    const taken = asked.filter(({ status }) => status === 200);
    expect(taken).toHaveLength(100);
    expect(
      new Set(asked.filter(({ status }) => status !== 200).map(({ status, code }) => `${status} ${code}`)),
    ).toEqual(new Set(['409 approvals_too_many']));
    // a repeat returns the same approval; the limit of one client does not affect another
    const first = asked.findIndex(({ status }) => status === 200);
    expect(await ask('cl_flood', first)).toEqual(asked[first]);
    expect((await ask('cl_calm', 0)).status).toBe(200);

    const [lapsed, refused] = [taken[1]?.id ?? '', taken[2]?.id ?? ''];
    await checker.approvals.refuse({ path: { id: refused }, body: {} });
    expect((await ask('cl_flood', 1_000)).status).toBe(200);
    expect((await ask('cl_flood', 1_001)).status).toBe(409);
    await owner.query('alter table approval disable trigger approval_guard');
    await owner.query('update approval set expires_at = clock_timestamp() where id = $1', [lapsed]);
    await owner.query('alter table approval enable trigger approval_guard');
    expect(await waiting({ maker: 'cl_flood' })).not.toContain(lapsed);
    // the next request of any client marks it as expired
    await ask('cl_calm', 1);
    const state = 'select state from approval where id = $1';
    expect((await owner.query(state, [lapsed])).rows).toEqual([{ state: 'expired' }]);
    expect((await ask('cl_flood', 1_001)).status).toBe(200);
  });

  it('can be filtered by act, maker and brand', async () => {
    const { id } = await ask('cl_calm', 2, 'grant.large');
    expect(await waiting({ act: 'grant.large', maker: 'cl_calm', brand: 'aurora' })).toEqual([id]);
    expect(await waiting({ act: 'grant.large', maker: 'cl_flood' })).toEqual([]);
    expect(await waiting({ act: 'grant.large', brand: 'birch' })).toEqual([]);
    expect(await waiting({ maker: 'cl_calm' })).toHaveLength(3);
  });
});
