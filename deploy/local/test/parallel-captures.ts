import { aBrand, aContract, aMember, anEarningRule, anOrder, expectInvariants } from '#libs/testing';
import type { ContributeDto, EarningRuleDto, OrderDto } from '#libs/sdk';
import { Client, newBrand, type Reply } from './client.js';
import type { LocalNetwork } from './local-network.js';

/** Two hundred tills at one wallet. */
export function parallelCaptures(network: () => LocalNetwork): void {
  describe('parallel captures', () => {
    let operator: Client;
    let brand: Client;
    let ref = '';

    const bought = (externalId: string, net: number): Promise<unknown> => {
      const body = anOrder(externalId, ref, 'rush-1', net, { occurredAt: '2026-04-20T11:00:00+08:00' }) as OrderDto;
      return brand.hezong.orders.accept({ body });
    };
    const hold = async (externalId: string, points: number): Promise<string> => {
      const body = { externalId, memberRef: ref, storeRef: 'rush-1', points, ttlSeconds: 900 };
      return (await brand.hezong.authorizations.authorize({ body })).id;
    };
    const wallet = (): Promise<unknown> => brand.hezong.wallet.wallet({ path: { memberRef: ref } });

    beforeAll(async () => {
      const { sandbox } = network();
      operator = new Client(sandbox, sandbox.operator);
      await operator.hezong.testClock.set({ body: { now: '2026-04-20T12:00:00+08:00' } });
      brand = await newBrand(operator, sandbox, aBrand('rush'), aContract());
      await operator.hezong.earningRules.add({ body: anEarningRule('rush') as EarningRuleDto });
      ref = (await brand.hezong.members.contribute({ body: aMember('rush-1') as ContributeDto })).memberRef;
      await bought('rush-order', 100_000);
    });

    it('never overspend one hold: of 200 captures of 10 points, exactly 50 fit into 500', async () => {
      const id = await hold('rush-a', 500);
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
      expect(await brand.hezong.authorizations.find({ path: { id } })).toMatchObject({ captured: 500 });
      // Each key has had exactly one effect; a repeat gets the same answer.
      const again = await Promise.all(Array.from({ length: 200 }, (_, n) => capture(n)));
      expect(again.map((reply) => reply.status)).toEqual(replies.map((reply) => reply.status));
      expect(await wallet()).toMatchObject({ available: 500, held: 0 });
    });

    it('never overspend a wallet: of 200 holds of 10 points with their captures, exactly 50 fit into 500', async () => {
      const spend = async (n: number): Promise<number> => {
        const held = await brand.call<{ id: string }>('POST', '/v1/authorizations', {
          externalId: `rush-b-${n}`,
          memberRef: ref,
          storeRef: 'rush-1',
          points: 10,
          ttlSeconds: 900,
        });
        if (held.status !== 201) return held.status;
        return (
          await brand.call('POST', `/v1/authorizations/${held.body.id}/captures`, { externalId: `rush-b-${n}-c` })
        ).status;
      };
      const statuses = await Promise.all(Array.from({ length: 200 }, (_, n) => spend(n)));
      expect(statuses.filter((status) => status === 201)).toHaveLength(50);
      expect(statuses.filter((status) => status === 422)).toHaveLength(150);
      expect(await wallet()).toMatchObject({ available: 0, held: 0 });
    });

    it('have one effect when the same capture is sent 20 times together', async () => {
      await bought('rush-order-2', 10_000);
      const id = await hold('rush-c', 60);
      const replies = await Promise.all(
        Array.from({ length: 20 }, () =>
          brand.call('POST', `/v1/authorizations/${id}/captures`, { externalId: 'rush-c-1', points: 30, final: false }),
        ),
      );
      for (const reply of replies) expect([201, 409]).toContain(reply.status);
      expect(new Set(replies.filter((reply) => reply.status === 201).map((reply) => reply.text)).size).toBe(1);
      expect(await brand.hezong.authorizations.find({ path: { id } })).toMatchObject({
        captured: 30,
        status: 'partially_captured',
      });
    });

    afterAll(async () => {
      await expectInvariants(network().gateway, await operator.bearer());
    });
  });
}
