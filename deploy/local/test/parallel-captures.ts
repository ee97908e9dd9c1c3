import { aBrand, aContract, aMember, anEarningRule, anOrder, expectInvariants } from '#libs/testing';
import { Client, newBrand, type Reply } from './client.js';
import type { LocalNetwork } from './local-network.js';

/** Two hundred tills at one wallet. */
export function parallelCaptures(network: () => LocalNetwork): void {
  describe('parallel captures', () => {
    let operator: Client;
    let brand: Client;
    let ref = '';

    beforeAll(async () => {
      const { sandbox } = network();
      operator = new Client(sandbox, sandbox.operator);
      await operator.ok('POST', '/v1/operator/test-clock', { now: '2026-04-20T12:00:00+08:00' });
      brand = await newBrand(operator, sandbox, aBrand('rush') as { slug: string }, aContract());
      await operator.ok('POST', '/v1/operator/earning-rules', anEarningRule('rush'));
      ref = (await brand.ok<{ memberRef: string }>('POST', '/v1/members', aMember('rush-1'))).memberRef;
      await brand.ok(
        'POST',
        '/v1/orders',
        anOrder('rush-order', ref, 'rush-1', 100_000, { occurredAt: '2026-04-20T11:00:00+08:00' }),
      );
    });

    it('never overspend one hold: of 200 captures of 10 points, exactly 50 fit into 500', async () => {
      const { id } = await brand.ok<{ id: string }>('POST', '/v1/authorizations', {
        externalId: 'rush-a',
        memberRef: ref,
        storeRef: 'rush-1',
        points: 500,
        ttlSeconds: 900,
      });
      const capture = (n: number): Promise<Reply<{ code?: string }>> =>
        brand.call('POST', `/v1/authorizations/${id}/captures`, {
          externalId: `rush-a-${n}`,
          points: 10,
          final: false,
        });
      const replies = await Promise.all(Array.from({ length: 200 }, (_, n) => capture(n)));
      const taken = replies.filter((reply) => reply.status === 201).length;
      expect(taken).toBe(50);
      for (const reply of replies.filter((one) => one.status !== 201)) {
        expect(['capture_exceeds_authorization', 'authorization_closed']).toContain(reply.body.code);
      }
      expect(await brand.ok('GET', `/v1/authorizations/${id}`)).toMatchObject({ captured: 500 });
      // Each key has had its one effect; asked again it answers the same.
      const again = await Promise.all(Array.from({ length: 200 }, (_, n) => capture(n)));
      expect(again.map((reply) => reply.status)).toEqual(replies.map((reply) => reply.status));
      expect(await brand.ok('GET', `/v1/members/${ref}/wallet`)).toMatchObject({ available: 500, held: 0 });
    });

    it('never overspend a wallet: of 200 holds of 10 points with their captures, exactly 50 fit into 500', async () => {
      const spend = async (n: number): Promise<number> => {
        const hold = await brand.call<{ id: string }>('POST', '/v1/authorizations', {
          externalId: `rush-b-${n}`,
          memberRef: ref,
          storeRef: 'rush-1',
          points: 10,
          ttlSeconds: 900,
        });
        if (hold.status !== 201) return hold.status;
        return (
          await brand.call('POST', `/v1/authorizations/${hold.body.id}/captures`, { externalId: `rush-b-${n}-c` })
        ).status;
      };
      const statuses = await Promise.all(Array.from({ length: 200 }, (_, n) => spend(n)));
      expect(statuses.filter((status) => status === 201)).toHaveLength(50);
      expect(statuses.filter((status) => status === 422)).toHaveLength(150);
      expect(await brand.ok('GET', `/v1/members/${ref}/wallet`)).toMatchObject({ available: 0, held: 0 });
    });

    it('has one effect when the same capture is sent 20 times at once', async () => {
      await brand.ok(
        'POST',
        '/v1/orders',
        anOrder('rush-order-2', ref, 'rush-1', 10_000, { occurredAt: '2026-04-20T11:00:00+08:00' }),
      );
      const { id } = await brand.ok<{ id: string }>('POST', '/v1/authorizations', {
        externalId: 'rush-c',
        memberRef: ref,
        storeRef: 'rush-1',
        points: 60,
        ttlSeconds: 900,
      });
      const replies = await Promise.all(
        Array.from({ length: 20 }, () =>
          brand.call('POST', `/v1/authorizations/${id}/captures`, { externalId: 'rush-c-1', points: 30, final: false }),
        ),
      );
      for (const reply of replies) expect([201, 409]).toContain(reply.status);
      expect(new Set(replies.filter((reply) => reply.status === 201).map((reply) => reply.text)).size).toBe(1);
      expect(await brand.ok('GET', `/v1/authorizations/${id}`)).toMatchObject({
        captured: 30,
        status: 'partially_captured',
      });
    });

    afterAll(async () => {
      await expectInvariants(network().gateway, await operator.bearer());
    });
  });
}
