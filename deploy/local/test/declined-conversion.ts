import { setTimeout as sleep } from 'node:timers/promises';
import { aBrand, aContract, aMember, expectInvariants } from '#libs/testing';
import { byTwo } from '../network/by-two.js';
import { Client, newBrand, secondOperator } from './client.js';
import type { LocalNetwork } from './local-network.js';

const MOST = Number.MAX_SAFE_INTEGER;
const ROOM = 60;

/** Conversion of earnings into points of a wallet with room for 60, with the network killed while the ledger answers. */
export function declinedConversion(network: () => LocalNetwork): void {
  it('gives the money of declined conversions back once when everything is killed while they are answered', async () => {
    const { sandbox } = network();
    const operator = new Client(sandbox, sandbox.operator);
    const clock = (now: string): Promise<unknown> => operator.ok('POST', '/v1/operator/test-clock', { now });
    const { now } = await operator.ok<{ now: string }>('GET', '/v1/operator/test-clock');
    // a network with brands is never set back
    const start = new Date(new Date(now).getTime() + 60_000);
    const later = (days: number): string => new Date(start.getTime() + days * 86_400_000).toISOString();
    await clock(later(0));
    const limits = { grant: MOST, memberDay: MOST, brandDay: MOST };
    const seller = await newBrand(operator, sandbox, aBrand('dawn'), aContract({ limits }));
    const programme = { contributorBp: 0, conversionPrice: '1.00', validFrom: '2026-01-01T00:00:00+08:00' };
    await byTwo(secondOperator(sandbox), () => operator.hezong.programmes.add({ body: programme }));
    const join = async (brand: Client, name: string, phone: string): Promise<string> =>
      (await brand.ok<{ memberRef: string }>('POST', '/v1/members', aMember(name, { phone }))).memberRef;
    // the seller's own promoter: earnings on its own orders are shown immediately
    const memberRef = await join(seller, 'dawn-d', '+8613800149001');
    const buyer = await join(seller, 'dawn-b', '+8613800149002');
    const offer = { name: 'o', poolBp: 1_000, split: { distributor: 1_000 }, targets: ['dawn.example'], returnDays: 1 };
    const published = await seller.ok('POST', '/v1/offers', { ...offer, validFrom: later(-1) });
    await seller.ok('POST', `/v1/offers/${published.id}/pickups`, { campaign: 'spring' });
    const owner = { kind: 'member', memberRef };
    const link = { offerId: published.id, campaign: 'spring', owner, target: 'https://dawn.example/' };
    const { code } = await seller.ok('POST', '/v1/links', link);
    const grant = {
      externalId: 'DC-full',
      memberRef,
      points: MOST - ROOM,
      reason: 'goodwill',
      occurredAt: later(0),
    };
    await seller.ok('POST', '/v1/grants', grant);
    await seller.ok('POST', '/v1/orders', {
      externalId: 'DC-1',
      memberRef: buyer,
      storeRef: 'dawn-1',
      occurredAt: later(0),
      currency: 'CNY',
      lines: [{ lineId: '1', sku: 'x', category: 'x', quantity: 1, net: 10_000 }],
      referral: { code },
    });
    const earnings = async (): Promise<{
      balances: Record<string, number>[];
      conversions: Record<string, unknown>[];
    }> => seller.ok('GET', `/v1/earnings?kind=member&memberRef=${memberRef}`);
    const until = async (is: (earned: Awaited<ReturnType<typeof earnings>>) => boolean): Promise<void> => {
      for (let left = 300; left > 0; left -= 1) {
        const earned = await earnings().catch(() => null);
        if (earned !== null && is(earned)) return;
        await sleep(100);
      }
      throw new Error(`not so: ${JSON.stringify(await earnings())}`);
    };
    await until(({ balances }) => balances[0]?.['held'] === 1_000);
    await clock(later(3));
    const amounts = [10, 300, 20, 200, 30, 440];
    const convert = (amount: number): Promise<unknown> =>
      seller.ok('POST', '/v1/earnings/conversions', {
        externalId: `DC-${amount}`,
        memberRef,
        amount,
        currency: 'CNY',
      });
    for (const amount of amounts) await convert(amount);
    await network().kill('postgres');
    await network().up();
    await until(({ conversions }) => conversions.every(({ state }) => state !== 'requested'));
    // conversions that fit are posted, one after the other, and the other earnings are available again
    const { balances, conversions } = await earnings();
    expect(conversions.filter(({ state }) => state === 'posted').map(({ amount }) => amount)).toEqual([30, 20, 10]);
    const declined = conversions.filter(({ state }) => state === 'declined');
    const amountsOf = (rows: typeof declined): number[] =>
      rows.map(({ amount }) => Number(amount)).sort((a, b) => a - b);
    expect(amountsOf(declined)).toEqual([-440, -300, -200, 200, 300, 440]);
    expect(new Set(declined.map(({ reason }) => reason))).toEqual(new Set(['wallet_limit_exceeded']));
    expect(balances).toMatchObject([{ converted: 60, available: 940, payable: 1_000, debt: 0 }]);
    const { available } = await seller.ok<{ available: number }>('GET', `/v1/members/${memberRef}/wallet`);
    expect(available).toBe(MOST);
    // settlement: members are owed the earnings that were not converted into points
    await expectInvariants(network().gateway, await operator.bearer());
  }, 120_000);
}
