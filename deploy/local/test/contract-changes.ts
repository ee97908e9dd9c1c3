import { aBrand, aContract, aMember, anEarningRule, anOrder, expectInvariants } from '#libs/testing';
import type { CreateContractBody } from '#libs/sdk';
import { byTwo } from '../network/by-two.js';
import { Client, newBrand, secondOperator } from './client.js';
import type { LocalNetwork } from './local-network.js';

/** A separate month after those of the other examples, because the nets of a cycle are compared. */
const CYCLE = '2027-07';
const NEXT = '2027-08';
const BRANDS = ['delta', 'ember', 'fjord'] as const;
type Brand = (typeof BRANDS)[number];
const at = (day: string, time = '10:00:00'): string => `${CYCLE}-${day}T${time}+08:00`;

/**
 * Money that moves before, during and after changes of contracts, over HTTP: fjord's prices change in mid-cycle, delta's contract ends,
 * ember leaves the alliance. Points stay valid and are settled by the contract in force when they were issued.
 */
export function contractChanges(network: () => LocalNetwork): void {
  describe('contracts that change while points are outstanding', () => {
    let operator: Client;
    const brands = {} as Record<Brand, Client>;
    const contracts = {} as Record<Brand, string>;
    const members: Record<string, Record<Brand, string>> = {};
    const captures: Record<string, string> = {};

    const clock = (now: string): Promise<unknown> => operator.ok('POST', '/v1/operator/test-clock', { now });
    /** A person who is a member of all three. */
    const join = async (name: string, phone: string): Promise<void> => {
      const refs = BRANDS.map(async (brand) => {
        const body = aMember(`${brand}-${name}`, { phone });
        return [brand, (await brands[brand].ok('POST', '/v1/members', body)).memberRef] as const;
      });
      members[name] = Object.fromEntries(await Promise.all(refs)) as Record<Brand, string>;
    };
    const refOf = (name: string, brand: Brand): string => members[name]?.[brand] ?? '';
    const earn = (brand: Brand, externalId: string, who: string, points: number, day: string) => {
      const order = anOrder(externalId, refOf(who, brand), `${brand}-1`, points * 100, { occurredAt: at(day) });
      return brands[brand].call('POST', '/v1/orders', order);
    };
    const capture = async (brand: Brand, externalId: string, points: number, authorization: object): Promise<void> => {
      const held = await brands[brand].ok('POST', '/v1/authorizations', { externalId, ...authorization });
      captures[externalId] = held.id;
      await brands[brand].ok('POST', `/v1/authorizations/${held.id}/captures`, {
        externalId: `${externalId}-1`,
        points,
      });
    };
    const spend = (brand: Brand, externalId: string, who: string, points: number): Promise<void> =>
      capture(brand, externalId, points, {
        memberRef: refOf(who, brand),
        storeRef: `${brand}-1`,
        points,
        ttlSeconds: 900,
      });
    const cycle = async () => {
      await expectInvariants(network().gateway, await operator.bearer());
      return operator.ok('GET', `/v1/operator/cycles/${CYCLE}`);
    };
    const nets = async (): Promise<Record<string, number>> => {
      const { positions, sum } = (await cycle()) as { positions: { party: string; net: number }[]; sum: number };
      expect(sum).toBe(0);
      return Object.fromEntries(positions.filter(({ net }) => net !== 0).map(({ party, net }) => [party, net]));
    };

    beforeAll(async () => {
      const { sandbox } = network();
      operator = new Client(sandbox, sandbox.operator);
      await clock(at('01'));
      for (const slug of BRANDS) {
        brands[slug] = await newBrand(operator, sandbox, aBrand(slug), aContract());
        const { data } = await operator.ok('GET', `/v1/operator/brands/${slug}/contracts`);
        contracts[slug] = data[0].id;
        await operator.ok('POST', '/v1/operator/earning-rules', anEarningRule(slug));
      }
      await join('m', '+8613800149001');
      await join('n', '+8613800149002');
      await join('k', '+8613800149003');
    });

    it('moves money at the first prices', async () => {
      await clock(at('02', '12:00:00'));
      expect((await earn('delta', 'CC1', 'm', 10_000, '02')).status).toBe(201);
      expect((await earn('fjord', 'CC2', 'n', 1_000, '02')).status).toBe(201);
      expect((await earn('ember', 'CC3', 'k', 3_000, '02')).status).toBe(201);
      await spend('fjord', 'CC4', 'm', 1_000);
      // 1,000 at 0.90, fee 0.15
      expect(await nets()).toEqual({ 'brand:delta': -1_050, 'brand:fjord': 900, operator: 150 });
    });

    it('changes a price in mid-cycle, keeps the promise of a quote, and gives back at the old price', async () => {
      const change = { validTo: at('10', '00:00:00') };
      const second = secondOperator(network().sandbox);
      const path = { slug: 'fjord' };
      const prices = { accrual: '1.05', reimbursement: '0.50', operatorFee: '0.20' };
      const body = aContract({ validFrom: change.validTo, prices }) as unknown as CreateContractBody;
      const { contracts: terms } = operator.hezong;
      await byTwo(second, () => terms.end({ path: { ...path, id: contracts.fjord ?? '' }, body: change }));
      await byTwo(second, () => terms.create({ path, body }));
      await clock(at('09', '23:58:00'));
      const asked = {
        memberRef: refOf('m', 'fjord'),
        storeRef: 'fjord-1',
        currency: 'CNY',
        basketTotal: 5_000,
        points: 1_000,
      };
      const quote = await brands.fjord.ok('POST', '/v1/quotes', asked);
      await clock(at('10', '00:01:00'));
      await capture('fjord', 'CC5', 1_000, { quoteId: quote.id });
      await clock(at('12', '12:00:00'));
      await spend('fjord', 'CC6', 'm', 1_000);
      const back = { externalId: 'CC7', points: 500, occurredAt: at('12') };
      await brands.fjord.ok('POST', `/v1/authorizations/${captures['CC4']}/returns`, back);
      // fjord's second thousand is charged another fee
      expect((await earn('fjord', 'CC8', 'n', 1_000, '12')).status).toBe(201);
      await spend('ember', 'CC9', 'n', 1_500);
      // delta: 1,500 at 0.90 and 1,000 at 0.50, fee 0.15; fjord: 1,500 at 0.90, fees of 1,000 at 0.15 and 500 at 0.20
      expect(await nets()).toEqual({
        'brand:delta': -1_350 - 500 - 375,
        'brand:fjord': 1_350 + 500 - 1_350 - 250,
        'brand:ember': 1_350,
        operator: 375 + 250,
      });
    });

    it('settles the points of a contract that has ended', async () => {
      const path = { slug: 'delta', id: contracts.delta ?? '' };
      const end = { validTo: at('15', '00:00:00') };
      await byTwo(secondOperator(network().sandbox), () => operator.hezong.contracts.end({ path, body: end }));
      await clock(at('16', '12:00:00'));
      // delta issues no more
      expect((await earn('delta', 'CC10', 'm', 100, '16')).status).toBe(403);
      await spend('fjord', 'CC11', 'm', 2_000);
      // 2,000 at 0.50, fee 0.15 as agreed when they were issued
      expect(await nets()).toMatchObject({
        'brand:delta': -2_225 - 1_000 - 300,
        'brand:fjord': 250 + 1_000,
        operator: 925,
      });
      // orders at other brands are not blocked
      expect((await earn('fjord', 'CC12', 'm', 50, '16')).status).toBe(201);
    });

    it('settles the points of a brand that has left', async () => {
      await operator.ok('POST', '/v1/operator/brands/ember/status', { status: 'exiting' });
      await clock(at('20', '12:00:00'));
      expect((await earn('ember', 'CC13', 'k', 100, '20')).status).toBe(403);
      await spend('ember', 'CC14', 'k', 500);
      await spend('fjord', 'CC15', 'k', 1_000);
      await operator.ok('POST', '/v1/operator/brands/ember/status', { status: 'closed' });
      await clock(at('26', '12:00:00'));
      await spend('fjord', 'CC16', 'k', 1_000);
      expect(await nets()).toEqual({
        'brand:delta': -3_525,
        'brand:fjord': 1_250 + 500 + 500,
        'brand:ember': 1_350 - 650 - 650,
        operator: 925 + 300,
      });
    });

    it('closes and verifies the month', async () => {
      await clock(`${NEXT}-02T08:00:00+08:00`);
      for (const step of ['cut-off', 'freeze', 'confirm', 'close']) {
        const take = () => operator.ok('POST', `/v1/operator/cycles/${CYCLE}/${step}`);
        // a freeze that takes longer than one call goes on with the next
        while ((await take()).status === 'freezing');
      }
      expect(await cycle()).toMatchObject({ status: 'closed', gross: 5_200, sum: 0 });
      expect(await nets()).toEqual({ 'brand:delta': -3_525, 'brand:fjord': 2_250, 'brand:ember': 50, operator: 1_225 });
      expect(await operator.ok('GET', `/v1/operator/cycles/${CYCLE}/verification`)).toMatchObject({
        ok: true,
        faults: [],
      });
      // afterwards fjord gives back ember's points that were spent there; this falls in the next cycle at the old price
      const back = { externalId: 'CC17', points: 1_000, occurredAt: `${NEXT}-02T08:00:00+08:00` };
      await brands.fjord.ok('POST', `/v1/authorizations/${captures['CC16']}/returns`, back);
      await expectInvariants(network().gateway, await operator.bearer());
      const next = await operator.ok('GET', `/v1/operator/cycles/${NEXT}`);
      expect(next.positions).toContainEqual({ party: 'brand:ember', net: 650 });
      expect(next.positions).toContainEqual({ party: 'brand:fjord', net: -500 });
    });
  });
}
