import { aBrand, aContract, aMember, anEarningRule, expectInvariants } from '#libs/testing';
import type { ContributeDto, EarningRuleDto, HezongClient, LadderDto } from '#libs/sdk';
import { Client, newBrand } from './client.js';
import type { LocalNetwork } from './local-network.js';

const FROM = '2026-10-02T08:00:00+08:00';

/** Silver at 1,000 credits in a rolling half-year, one credit per fen; nobody reaches the ranks above. */
const RANKS: LadderDto['ranks'] = [
  { code: 'member' },
  { code: 'silver', conditions: { credits: 1_000 }, earnMultiplier: '1.1' },
  { code: 'gold', conditions: { visits: 90_000 }, earnMultiplier: '1.2' },
  { code: 'black', conditions: { visits: 100_000 }, earnMultiplier: '1.3' },
];

/** Membership and the ledger together over time: a review that keeps a rank, late orders, a rank that ends. */
export function ranksInTime(network: () => LocalNetwork): void {
  describe('a rank over time', () => {
    let operator: HezongClient;
    let brand: HezongClient;
    let bearer = '';
    let memberRef = '';

    const clock = (now: string): Promise<unknown> => operator.testClock.set({ body: { now } });
    /** Waits only by polling the network's own answers. */
    const settled = (): Promise<unknown> => expectInvariants(network().gateway, bearer);
    const buy = async (externalId: string, net: number, occurredAt: string): Promise<number> => {
      const lines = [{ lineId: '1', sku: 'x', category: 'x', quantity: 1, net }];
      const body = { externalId, memberRef, storeRef: null, occurredAt, currency: 'CNY', lines };
      return (await brand.orders.accept({ body })).points.earned;
    };

    beforeAll(async () => {
      const { sandbox } = network();
      const client = new Client(sandbox, sandbox.operator);
      operator = client.hezong;
      bearer = await client.bearer();
      await clock(FROM);
      brand = (await newBrand(client, sandbox, aBrand('opal'), aContract())).hezong;
      await operator.earningRules.add({ body: anEarningRule('opal') as EarningRuleDto });
      const open = (await operator.ladders.list()).data.find(({ validTo }) => validTo === null);
      await operator.ladders.propose({
        body: {
          name: 'half-year',
          validFrom: FROM,
          supersedes: open?.version ?? null,
          window: { kind: 'rolling', months: 6 },
          others: { weight: '1' },
          ranks: RANKS,
        },
      });
      memberRef = (await brand.members.contribute({ body: aMember('opal-1') as ContributeDto })).memberRef;
      await clock('2026-10-02T09:00:00+08:00');
    });

    it('still multiplies after the first review that keeps it', async () => {
      expect(await buy('IT-1', 2_000, '2026-10-02T09:00:00+08:00')).toBe(20);
      await settled();
      expect(await brand.tiers.one({ path: { memberRef } })).toMatchObject({ tier: 'silver', earnMultiplier: '1.1' });
      await clock('2026-11-01T08:00:00+08:00');
      await settled();
      expect(await buy('IT-2', 14_400, '2026-11-01T08:00:00+08:00')).toBe(158);
    });

    it('applies to a late order as it was at the time of the order', async () => {
      expect(await buy('IT-3', 14_400, '2026-10-02T08:59:59+08:00')).toBe(144);
      expect(await buy('IT-4', 14_400, '2026-10-15T08:00:00+08:00')).toBe(158);
      await expect(buy('IT-5', 14_400, '2026-10-02T07:59:59+08:00')).rejects.toMatchObject({
        status: 422,
        code: 'occurred_too_early',
      });
    });

    it('has ended when the network reports that it has settled after a move of the clock', async () => {
      await settled();
      // the half-year that ended with May contains nothing
      await clock('2027-06-02T08:00:00+08:00');
      await settled();
      expect(await buy('IT-6', 14_400, '2027-06-01T00:00:00+08:00')).toBe(144);
      expect(await buy('IT-7', 14_400, '2027-05-31T23:59:59+08:00')).toBe(158);
      await settled();
      // reached, a second earlier by the late order, lost, and kept after all by the next late order
      const { data } = await operator.tierHistory.history({ path: { memberRef } });
      expect(data.map(({ from, to, effectiveAt }) => [from, to, effectiveAt])).toEqual([
        [0, 1, '2026-10-02T01:00:00Z'],
        [0, 1, '2026-10-02T00:59:59Z'],
        [1, 0, '2027-05-31T16:00:00Z'],
        [0, 1, '2026-10-02T00:59:59Z'],
      ]);
    });
  });
}
