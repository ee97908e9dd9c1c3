import { aBrand, aContract, aMember, anEarningRule, expectInvariants } from '#libs/testing';
import type { ContributeDto, EarningRuleDto, HezongClient } from '#libs/sdk';
import { Client, newBrand } from './client.js';
import type { LocalNetwork } from './local-network.js';

const BRANDS = ['amber', 'beryl', 'coral'] as const;
type Brand = (typeof BRANDS)[number];

/** A separate month after those of the other examples, because the nets of a cycle are compared. */
const CYCLE = '2026-05';
const at = (day: string): string => `${CYCLE}-${day}T08:00:00+08:00`;

/**
 * Points and a referral in one cycle, over HTTP: the nets of the worked settlement example (amber −73.50, beryl −31.50, coral +84.75), and
 * 100.00 for an order of 1,000.00 at beryl. Amber contributed the customer, one person recommended them, and another introduced that
 * person.
 */
export function referralExample(network: () => LocalNetwork): void {
  describe('the worked example with a referral', () => {
    let operator: HezongClient;
    let bearer = '';
    const brands = {} as Record<Brand, HezongClient>;

    const clock = (now: string): Promise<unknown> => operator.testClock.set({ body: { now } });
    const member = async (brand: Brand, name: string, phone: string): Promise<string> => {
      const body = aMember(`${brand}-${name}`, { phone }) as ContributeDto;
      return (await brands[brand].members.contribute({ body })).memberRef;
    };
    const order = (
      brand: Brand,
      externalId: string,
      memberRef: string,
      net: number,
      referral: { code?: string } = {},
    ): Promise<unknown> =>
      brands[brand].orders.accept({
        body: {
          externalId,
          memberRef,
          storeRef: `${brand}-1`,
          occurredAt: at('02'),
          currency: 'CNY',
          lines: [{ lineId: '1', sku: 'x', category: 'x', quantity: 1, net }],
          referral,
        },
      });
    const redeem = async (brand: Brand, externalId: string, memberRef: string, points: number): Promise<void> => {
      const { authorizations } = brands[brand];
      const { id } = await authorizations.authorize({
        body: { externalId, memberRef, storeRef: `${brand}-1`, points, ttlSeconds: 900 },
      });
      await authorizations.capture({ path: { id }, body: { externalId: `${externalId}-1`, points } });
    };
    const positions = async (): Promise<Record<string, number>> => {
      const cycle = await operator.operatorCycles.result({ path: { cycle: CYCLE } });
      expect(cycle.sum).toBe(0);
      const moved = cycle.positions.filter(({ net }) => net !== 0);
      expect(moved.reduce((sum, { net }) => sum + Number(net), 0)).toBe(0);
      return Object.fromEntries(moved.map(({ party, net }) => [party, Number(net)]));
    };

    beforeAll(async () => {
      const { sandbox } = network();
      const client = new Client(sandbox, sandbox.operator);
      operator = client.hezong;
      bearer = await client.bearer();
      await clock(at('01'));
      for (const slug of BRANDS) {
        brands[slug] = (await newBrand(client, sandbox, aBrand(slug), aContract())).hezong;
        await operator.earningRules.add({ body: anEarningRule(slug) as EarningRuleDto });
      }
      await operator.programmes.add({
        body: {
          contributorBp: 0,
          maxDepth: 2,
          signOff: 'counsel, 2026-04-30',
          validFrom: `${CYCLE}-01T00:00:00+08:00`,
        },
      });
    });

    it('moves the points of the example', async () => {
      const [one, two] = ['+8613800139001', '+8613800139002'] as const;
      const m1 = { amber: await member('amber', 'm1', one), coral: await member('coral', 'm1', one) };
      const m2 = {
        beryl: await member('beryl', 'm2', two),
        coral: await member('coral', 'm2', two),
        amber: await member('amber', 'm2', two),
      };
      await clock(at('02'));
      await order('amber', 'RE1', m1.amber, 1_000_000);
      await order('beryl', 'RE2', m2.beryl, 300_000);
      await brands.coral.grants.give({
        body: {
          externalId: 'RE3',
          memberRef: m2.coral,
          points: 500,
          reason: 'sign_up',
          occurredAt: at('02'),
          expiresAt: '2027-12-31T23:59:59+08:00',
        },
      });
      await redeem('coral', 'RE4', m1.coral, 10_000);
      await redeem('amber', 'RE5', m2.amber, 3_500);
    });

    it('pays the promoter who brought the customer', async () => {
      const buyer = '+8613800139003';
      await member('amber', 'buyer', buyer);
      const atBeryl = await member('beryl', 'buyer', buyer);
      const upline = await member('amber', 'u', '+8613800139004');
      const distributor = await member('amber', 'd', '+8613800139005');
      const { amber, beryl } = brands;
      const { id: introducer } = await amber.distributors.register({ body: { kind: 'member', memberRef: upline } });
      await amber.distributors.register({ body: { kind: 'member', memberRef: distributor, introducer } });
      const split = { distributor: 600, introducer: 100, contributor: 200, operator: 100 };
      const { id: offerId } = await beryl.offers.publish({
        body: { name: 'May', poolBp: 1_000, split, targets: ['beryl.example'], validFrom: at('01') },
      });
      await amber.offers.pick({ path: { id: offerId }, body: { campaign: 'may' } });
      const owner = { kind: 'member', memberRef: distributor } as const;
      const { code } = await amber.links.make({
        body: { offerId, campaign: 'may', owner, target: 'https://beryl.example/may' },
      });
      await order('beryl', 'RE6', atBeryl, 100_000, { code });
      await expectInvariants(network().gateway, bearer);
      const { data } = await beryl.commissions.list();
      expect(data).toMatchObject([{ state: 'held', pool: 10_000 }]);
      expect(Object.fromEntries(data[0]?.parties.map(({ party, held }) => [party, held]) ?? [])).toEqual({
        distributor: 6_000,
        introducer: 1_000,
        contributor: 2_000,
        operator: 1_000,
      });
    });

    it('closes the cycle at amber −53.50, beryl −131.50, coral +84.75, members +70.00, operator +30.25', async () => {
      const together = {
        'brand:amber': -5_350,
        'brand:beryl': -13_150,
        'brand:coral': 8_475,
        members: 7_000,
        operator: 3_025,
      };
      expect(await positions()).toEqual(together);
      await clock('2026-06-02T08:00:00+08:00');
      const path = { cycle: CYCLE };
      await operator.operatorCycles.cutOff({ path });
      await operator.operatorCycles.freeze({ path });
      await operator.operatorCycles.confirm({ path });
      await operator.operatorCycles.close({ path });
      expect(await positions()).toEqual(together);
      await expectInvariants(network().gateway, bearer);
    });
  });
}
