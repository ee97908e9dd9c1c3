import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';

import { TierChangedSchema, TOPICS } from '#libs/contracts';

import { hold, ledgerOfThreeBrands, made, nextId, START, told } from './entries-under-test.js';

const rig = ledgerOfThreeBrands();

const DAY = 86_400_000;
const categories = ['now', 'slow', 'delivered'] as const;
/** From now on the member's orders at one brand earn half as much again, owed by the operator. */
const ranked = (walletId: string): Promise<void> =>
  rig.ledger.tell(TOPICS.tiers, walletId, TierChangedSchema, {
    walletId,
    version: 1n,
    steps: [
      {
        since: timestampFromDate(new Date(START)),
        rank: 2,
        tier: 'gold',
        earnMultiplier: '1.5',
        multiplierFunder: 'operator',
        ladderVersion: 1,
      },
    ],
  });

async function earning(brand: string): Promise<void> {
  await rig.ledger.brand(brand);
  for (const category of categories) {
    const rule = {
      name: category,
      match: { stores: [], categories: [category], excludeCategories: [], tiers: [] },
      earn: { points: 1, per: 1 },
      expiry: { kind: 'rolling', months: 1, roundTo: 'day' },
      ...(category === 'slow' ? { pendingDays: 5 } : {}),
      ...(category === 'delivered' ? { pendingUntil: 'delivered' } : {}),
    };
    expect((await rig.ledger.rule(brand, rule)).status).toBe(201);
  }
}

const buys = (brand: string, memberRef: string, externalId: string, category: string, net: number, quantity = 1) =>
  rig.ledger.asBrand(brand, 'POST', '/v1/orders', {
    externalId,
    memberRef,
    occurredAt: rig.ledger.clock.now().toISOString(),
    currency: 'CNY',
    ...(category === 'delivered' ? { fulfilment: 'delivery' } : {}),
    lines: [{ lineId: '1', category, quantity, net }],
  });
const bringsBack = (brand: string, id: string, net: number) =>
  rig.ledger.asBrand(brand, 'POST', `/v1/orders/${id}/returns`, {
    externalId: nextId(),
    occurredAt: rig.ledger.clock.now().toISOString(),
    lines: [{ lineId: '1', quantity: 1, net }],
  });
const later = (ms: number): Promise<void> =>
  rig.ledger.at(new Date(rig.ledger.clock.now().getTime() + ms).toISOString());

const which = fc.nat();
const act = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('buy' as const),
      category: fc.constantFrom(...categories),
      net: fc.integer({ min: 1, max: 150 }),
      quantity: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('bringBack' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('deliver' as const), which, days: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('give' as const),
      points: fc.integer({ min: 1, max: 80 }),
      days: fc.integer({ min: 1, max: 20 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('hold' as const),
      points: fc.integer({ min: 1, max: 200 }),
      hours: fc.constantFrom(1, 100),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('capture' as const),
      which,
      points: fc.integer({ min: 1, max: 100 }),
      final: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('free' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('giveBack' as const), which, points: fc.integer({ min: 1, max: 60 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), hours: fc.constantFrom(1, 30, 125, 800) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const) }) },
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

describe('a member of one brand', () => {
  beforeAll(() => earning('solo'));

  it('has entries that sum to its balance, held and pending points after any operations', async () => {
    const kinds = new Set<string>();
    const play = async (acts: readonly Act[]): Promise<void> => {
      const { memberRef, walletId } = rig.ledger.member('solo');
      await ranked(walletId);
      const campaign = nextId();
      const orders: { id: string; price: number }[] = [];
      const holds: string[] = [];
      const one = <T>(list: readonly T[], n: number): T | undefined => list[n % list.length];
      const send = async (path: string, body: object): Promise<Record<string, unknown>> => {
        const {
          status,
          text,
          body: got,
        } = await rig.ledger.asBrand('solo', 'POST', path, { externalId: nextId(), ...body });
        // a refusal is an act as well
        expect([text, status < 500]).toEqual([text, true]);
        return got as Record<string, unknown>;
      };
      const run = async (a: Act): Promise<void> => {
        const occurredAt = rig.ledger.clock.now().toISOString();
        switch (a.do) {
          case 'buy': {
            const id = nextId();
            const { status } = await buys('solo', memberRef, id, a.category, a.net * a.quantity, a.quantity);
            expect(status).toBe(201);
            orders.push({ id, price: a.net });
            return;
          }
          case 'bringBack': {
            const of = one(orders, a.which);
            if (of !== undefined) await bringsBack('solo', of.id, of.price);
            return;
          }
          case 'deliver': {
            const of = one(orders, a.which);
            const at = new Date(rig.ledger.clock.now().getTime() - a.days * DAY).toISOString();
            if (of !== undefined) await send(`/v1/orders/${of.id}/deliveries`, { occurredAt: at });
            return;
          }
          case 'give': {
            const expiresAt = new Date(rig.ledger.clock.now().getTime() + a.days * DAY).toISOString();
            await send('/v1/grants', { memberRef, points: a.points, reason: 'r', expiresAt, campaign });
            return;
          }
          case 'hold': {
            const { id } = await send('/v1/authorizations', {
              memberRef,
              points: a.points,
              ttlSeconds: a.hours * 3600,
            });
            if (typeof id === 'string') holds.push(id);
            return;
          }
          case 'capture': {
            const id = one(holds, a.which);
            if (id !== undefined) await send(`/v1/authorizations/${id}/captures`, { points: a.points, final: a.final });
            return;
          }
          case 'free': {
            const id = one(holds, a.which);
            if (id !== undefined) await send(`/v1/authorizations/${id}/void`, {});
            return;
          }
          case 'giveBack': {
            const id = one(holds, a.which);
            if (id !== undefined) await send(`/v1/authorizations/${id}/returns`, { points: a.points, occurredAt });
            return;
          }
          case 'wait':
            return later(a.hours * 3_600_000);
          case 'end': {
            const end = { externalId: nextId(), brand: 'solo', campaign, reason: 'r' };
            expect((await rig.ledger.asOperator('POST', '/v1/operator/expirations', end)).status).toBe(201);
          }
        }
      };
      for (const a of acts) {
        await run(a);
        const all = await told('solo', memberRef, 4);
        for (const { type } of all) kinds.add(type);
        const { body } = await rig.ledger.asBrand('solo', 'GET', `/v1/members/${memberRef}/wallet`);
        const of = body as { balance: number; held: number; pending: number };
        expect({
          of: all.reduce((total, { points }) => total + points, 0),
          waiting: all.reduce((total, { pending }) => total + pending, 0),
        }).toEqual({ of: of.balance + of.held, waiting: of.pending });
      }
    };
    const buy = (category: (typeof categories)[number]): Act => ({ do: 'buy', category, net: 50, quantity: 2 });
    const wait = (hours: 125 | 800): Act => ({ do: 'wait', hours });
    const hold = (points: number): Act => ({ do: 'hold', points, hours: 100 });
    await fc.assert(fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 20 }), play), {
      numRuns: 14,
      interruptAfterTimeLimit: 20_000,
      markInterruptAsFailure: false,
      examples: [
        // part of what waits comes back, the rest becomes spendable and expires with its bonus
        [[buy('slow'), { do: 'bringBack', which: 0 }, wait(125), wait(800)]],
        // delivered too late, and brought back after that
        [[buy('delivered'), wait(800), { do: 'deliver', which: 0, days: 0 }, { do: 'bringBack', which: 0 }]],
        // spent, brought back down to a debt, given back, expired
        [
          [
            buy('now'),
            hold(150),
            { do: 'capture', which: 0, points: 100, final: false },
            { do: 'bringBack', which: 0 },
            { do: 'giveBack', which: 0, points: 60 },
            wait(125),
            wait(800),
          ],
        ],
        // a campaign ends while its points are held
        [[{ do: 'give', points: 80, days: 20 }, hold(30), { do: 'end' }, { do: 'free', which: 0 }]],
      ],
    });
    expect([...kinds].sort()).toEqual([
      'accrual',
      'accrual_pending',
      'accrual_release',
      'accrual_reversal',
      'capture',
      'debt_repayment',
      'expiry',
      'redemption_return',
    ]);
  }, 60_000);

  it('sees returned pending points as pending, not as points', async () => {
    const { memberRef } = rig.ledger.member('solo');
    await buys('solo', memberRef, 'half', 'slow', 100, 2);
    await bringsBack('solo', 'half', 50);
    expect((await told('solo', memberRef)).map(({ type, points, pending }) => [type, points, pending])).toEqual([
      ['accrual_reversal', 0, -50],
      ['accrual_pending', 0, 100],
    ]);
  });
});

it('a bonus of the operator expires in the entry of the brand that earned it, as one figure with the brand’s own points', async () => {
  for (const brand of ['elm', 'fir']) await earning(brand);
  const { memberRef: elm, walletId } = rig.ledger.member('elm');
  const { memberRef: fir } = rig.ledger.member('fir', walletId);
  await ranked(walletId);
  await buys('fir', fir, 'F-1', 'now', 40);
  await later(DAY / 24);
  await buys('elm', elm, 'E-1', 'now', 100);
  await buys('fir', fir, 'F-2', 'slow', 60);
  // all of its points are spent, so that goods which come back take 20 of the operator's from the bonus that the other brand earned
  const spent = await hold('fir', fir, 60);
  await made('fir', `/v1/authorizations/${spent}/captures`, {});
  await bringsBack('fir', 'F-1', 40);
  await later(40 * DAY);
  const of = async (brand: string, memberRef: string): Promise<[string, number][]> =>
    (await told(brand, memberRef)).map(({ type, points }) => [type, points]);
  expect(await of('elm', elm)).toEqual([
    ['expiry', -130],
    ['accrual', 150],
  ]);
  const theirs = await of('fir', fir);
  expect(theirs.filter(([type]) => type !== 'accrual_release')).toEqual([
    ['expiry', -50],
    ['debt_repayment', 0],
    ['accrual_reversal', -60],
    ['capture', -60],
    ['accrual_pending', 0],
    ['accrual', 60],
  ]);
  expect(theirs.flatMap(([type, points]) => (type === 'accrual_release' ? [points] : [])).sort()).toEqual([30, 60]);
});
