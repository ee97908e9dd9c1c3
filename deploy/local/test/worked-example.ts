import { aBrand, aContract, aMember, anEarningRule, expectInvariants } from '#libs/testing';
import type { ContributeDto, EarningRuleDto, HezongClient, Lot, OrderAnswer, Statement } from '#libs/sdk';
import { Client, newBrand } from './client.js';
import type { LocalNetwork } from './local-network.js';

const JOIN = [
  { purpose: 'join_pool', granted: true, policyVersion: '2026-01', channel: 'app', at: '2026-03-01T09:00:00+08:00' },
];
const CYCLE = '2026-03';
const BRANDS = ['aurora', 'birch', 'crest'] as const;
type Brand = (typeof BRANDS)[number];

const fixed = (at: string): Record<string, unknown> => ({ expiry: { kind: 'fixed', at } });
const category = (name: string): Record<string, unknown> => ({
  match: { stores: [], categories: [name], excludeCategories: [], tiers: [] },
});

/**
 * The worked settlement example, events E1 to E9, over HTTP under the test clock: every lot, balance and net to the fen. Afterwards the
 * cycle is closed and the network restarted on the other event log (which sends every event again), and no statement's hash may have
 * changed.
 */
export function workedExample(network: () => LocalNetwork, other: 'kafka' | 'postgres' | null): void {
  describe('the worked settlement example', () => {
    let operator: HezongClient;
    let bearer = '';
    const brands = {} as Record<Brand, HezongClient>;
    /** memberRef of both members at each brand that knows them. */
    const m1 = {} as Record<Brand, string>;
    const m2 = {} as Record<Brand, string>;
    let e5 = '';

    const clock = (now: string): Promise<unknown> => operator.testClock.set({ body: { now } });
    const settled = async (): Promise<unknown> => expectInvariants(network().gateway, bearer);
    const lots = async (memberRef: string): Promise<Lot[]> =>
      (await operator.wallet.lots({ path: { memberRef } })).data;
    const available = async (brand: Brand, memberRef: string): Promise<number> =>
      (await brands[brand].wallet.wallet({ path: { memberRef } })).available;
    const statement = (brand: Brand): Promise<Statement> =>
      brands[brand].statements.statement({ path: { cycle: CYCLE } });
    const join = async (brand: Brand, person: string, phone: string): Promise<string> => {
      const body = aMember(`${brand}-${person}`, { phone, consents: JOIN }) as ContributeDto;
      return (await brands[brand].members.contribute({ body })).memberRef;
    };
    const order = (
      brand: Brand,
      externalId: string,
      memberRef: string,
      occurredAt: string,
      net: number,
      kind: string,
    ): Promise<OrderAnswer> =>
      brands[brand].orders.accept({
        body: {
          externalId,
          memberRef,
          storeRef: `${brand}-1`,
          occurredAt,
          currency: 'CNY',
          lines: [{ lineId: '1', sku: 'x', category: kind, quantity: 4, net }],
        },
      });
    const redeem = async (brand: Brand, externalId: string, memberRef: string, points: number): Promise<string> => {
      const { quotes, authorizations } = brands[brand];
      const quote = await quotes.ask({
        body: { memberRef, storeRef: `${brand}-1`, currency: 'CNY', basketTotal: points * 2, points },
      });
      expect(quote).toMatchObject({ value: points, reimbursement: `${(points * 90) / 100}.00` });
      const { id } = await authorizations.authorize({ body: { externalId, quoteId: quote.id } });
      const capture = await authorizations.capture({ path: { id }, body: { externalId: `${externalId}-1` } });
      expect(capture).toMatchObject({ points, authorization: { status: 'captured', captured: points } });
      return id;
    };

    beforeAll(async () => {
      const { sandbox } = network();
      const client = new Client(sandbox, sandbox.operator);
      operator = client.hezong;
      bearer = await client.bearer();
      await clock('2026-03-01T09:00:00+08:00');
      for (const slug of BRANDS) brands[slug] = (await newBrand(client, sandbox, aBrand(slug), aContract())).hezong;
      for (const rule of [
        anEarningRule('aurora'),
        anEarningRule('birch', { name: 'long', ...category('long'), ...fixed('2027-04-30T23:59:59+08:00') }),
        anEarningRule('birch', { name: 'short', ...category('short'), ...fixed('2026-12-31T23:59:59+08:00') }),
      ])
        await operator.earningRules.add({ body: rule as EarningRuleDto });
      for (const brand of BRANDS) {
        m1[brand] = await join(brand, 'm1', '+8613800138001');
        m2[brand] = await join(brand, 'm2', '+8613800138002');
      }
    });

    it('E1 to E4: the brands issue', async () => {
      await clock('2026-03-02T08:00:00+08:00');
      expect((await order('aurora', 'E1', m1.aurora, '2026-03-02T08:00:00+08:00', 1_000_000, 'x')).points.earned).toBe(
        10_000,
      );
      await clock('2026-03-03T08:00:00+08:00');
      expect((await order('birch', 'E2', m1.birch, '2026-03-03T08:00:00+08:00', 600_000, 'long')).points.earned).toBe(
        6_000,
      );
      await clock('2026-03-05T08:00:00+08:00');
      expect((await order('birch', 'E3', m2.birch, '2026-03-05T08:00:00+08:00', 400_000, 'short')).points.earned).toBe(
        4_000,
      );
      await clock('2026-03-06T08:00:00+08:00');
      await brands.crest.grants.give({
        body: {
          externalId: 'E4',
          memberRef: m2.crest,
          points: 2_000,
          reason: 'sign_up',
          campaign: 'spring',
          occurredAt: '2026-03-06T08:00:00+08:00',
          expiresAt: '2027-03-31T23:59:59+08:00',
        },
      });
      expect(await available('crest', m1.crest)).toBe(16_000);
      expect(await available('aurora', m2.aurora)).toBe(6_000);
      expect(
        (await lots(m1.aurora)).map(({ issuer, points, remaining, expiresAt }) => [
          issuer,
          points,
          remaining,
          expiresAt?.slice(0, 10),
        ]),
      ).toEqual([
        ['aurora', 10_000, 10_000, '2027-03-31'],
        ['birch', 6_000, 6_000, '2027-04-30'],
      ]);
    });

    it('E5: M1 redeems 12,000 at C, oldest expiry first', async () => {
      await clock('2026-03-20T08:00:00+08:00');
      e5 = await redeem('crest', 'E5', m1.crest, 12_000);
      expect((await lots(m1.crest)).map((lot) => [lot.issuer, lot.remaining])).toEqual([
        ['aurora', 0],
        ['birch', 4_000],
      ]);
    });

    it('E6: a quarter of the sale of E3 comes back', async () => {
      await clock('2026-03-22T08:00:00+08:00');
      const back = await brands.birch.orders.acceptReturn({
        path: { externalId: 'E3' },
        body: {
          externalId: 'E6',
          occurredAt: '2026-03-22T08:00:00+08:00',
          lines: [{ lineId: '1', quantity: 1, net: 100_000 }],
        },
      });
      expect(back.points).toMatchObject({ reversed: 1_000, fromPending: 0, toDebt: 0 });
      expect(await available('birch', m2.birch)).toBe(5_000);
    });

    it('E7: M2 redeems 3,500 at A', async () => {
      await clock('2026-03-25T08:00:00+08:00');
      await redeem('aurora', 'E7', m2.aurora, 3_500);
      expect((await lots(m2.aurora)).map((lot) => [lot.issuer, lot.remaining])).toEqual([
        ['birch', 0],
        ['crest', 1_500],
      ]);
    });

    it('E8: C gives back 2,000 of E5, to the same lot with its own expiry', async () => {
      await clock('2026-03-26T08:00:00+08:00');
      const back = await brands.crest.authorizations.giveBack({
        path: { id: e5 },
        body: { externalId: 'E8', points: 2_000, occurredAt: '2026-03-26T08:00:00+08:00' },
      });
      expect(back.restored.map(({ points, expiresAt }) => [points, expiresAt?.slice(0, 10)])).toEqual([
        [2_000, '2027-04-30'],
      ]);
      expect((await lots(m1.crest)).map((lot) => [lot.issuer, lot.remaining])).toEqual([
        ['aurora', 0],
        ['birch', 6_000],
      ]);
    });

    it('E9: the rest of the campaign expires early', async () => {
      await clock('2026-03-31T08:00:00+08:00');
      const gone = await operator.expirations.expire({
        body: { externalId: 'E9', brand: 'crest', campaign: 'spring', reason: 'promotion closed' },
      });
      expect(gone).toMatchObject({ points: 1_500, lots: 1 });
      expect(await available('aurora', m1.aurora)).toBe(6_000);
      expect(await available('aurora', m2.aurora)).toBe(0);
      await settled();
    });

    it('closes the cycle at the figures of the example', async () => {
      await clock('2026-04-02T08:00:00+08:00');
      const path = { cycle: CYCLE };
      await operator.operatorCycles.cutOff({ path });
      await operator.operatorCycles.freeze({ path });
      await operator.operatorCycles.confirm({ path });
      await operator.operatorCycles.close({ path });
      const cycle = await operator.operatorCycles.result({ path });
      expect(cycle).toMatchObject({ status: 'closed', gross: 12_150, netted: 8_550, sum: 0 });
      const nets = Object.fromEntries(cycle.positions.map(({ party, net }) => [party, net]));
      expect(nets).toMatchObject({
        'brand:aurora': -7_350,
        'brand:birch': -3_150,
        'brand:crest': 8_475,
        operator: 2_025,
      });
      expect(Object.values(nets).reduce<number>((sum, net) => sum + Number(net), 0)).toBe(0);
      const cells = cycle.matrix
        .filter((cell) => cell.points !== 0)
        .map(({ issuer, redeemer, points, amount }) => `${issuer} ${redeemer} ${points} ${amount}`);
      expect(cells.sort()).toEqual([
        'aurora crest 10000 9000.00',
        'birch aurora 3000 2700.00',
        'crest aurora 500 450.00',
      ]);
      expect(await statement('aurora')).toMatchObject({
        net: -7_350,
        pays: '9000.00',
        receives: '3150.00',
        fees: '1500.00',
      });
    });

    it('cannot be closed twice, and replaying its events changes no hash', async () => {
      const hashes = await Promise.all(BRANDS.map(async (brand) => (await statement(brand)).hash));
      expect(new Set(hashes).size).toBe(BRANDS.length);
      await expect(operator.operatorCycles.close({ path: { cycle: CYCLE } })).rejects.toMatchObject({
        status: 409,
        code: 'cycle_state',
      });
      if (other !== null) {
        expect(await network().stop()).toBe(0);
        await network().up(other);
      }
      await settled();
      expect(await Promise.all(BRANDS.map(async (brand) => (await statement(brand)).hash))).toEqual(hashes);
      expect((await lots(m1.aurora)).map((lot) => lot.remaining)).toEqual([0, 6_000]);
    }, 180_000);
  });
}
