import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';

import { PostingKind, TierChangedSchema, TOPICS } from '#libs/contracts';
import { NetworkProbe } from '#libs/http';

import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

const START = '2026-03-02T00:00:00Z';
let ledger: LedgerUnderTest;
let count = 0;

beforeAll(async () => {
  ledger = await ledgerUnderTest(START);
  for (const brand of ['aurora', 'birch', 'crest']) await ledger.brand(brand);
  await ledger.rule('aurora', { earn: { points: 1, per: 1 } });
  await ledger.rule('birch', { earn: { points: 1, per: 1 }, pendingDays: 7 });
});
afterAll(async () => {
  const checks = await ledger.service.app.get(NetworkProbe, { strict: false }).invariants();
  await ledger.close();
  expect(checks.filter((check) => !check.ok)).toEqual([]);
});

/** One person who is a member of all three brands. */
function person(): Record<'aurora' | 'birch' | 'crest' | 'walletId', string> {
  const { memberRef: aurora, walletId } = ledger.member('aurora');
  return {
    walletId,
    aurora,
    birch: ledger.member('birch', walletId).memberRef,
    crest: ledger.member('crest', walletId).memberRef,
  };
}

async function made(brand: string, path: string, body: object): Promise<string> {
  const answer = await ledger.asBrand(brand, 'POST', path, { externalId: `x-${(count += 1)}`, ...body });
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  return answer.body.id as string;
}

const order = (brand: string, memberRef: string, externalId: string, net: number): Promise<string> =>
  made(brand, '/v1/orders', {
    externalId,
    memberRef,
    occurredAt: ledger.clock.now().toISOString(),
    currency: 'CNY',
    lines: [{ lineId: '1', quantity: 1, net }],
  });

/** Type and both times of a brand's entries, newest first. */
async function entries(brand: string, memberRef: string): Promise<[string, string, string][]> {
  const { body } = await ledger.asBrand(brand, 'GET', `/v1/members/${memberRef}/wallet/entries`);
  return (body.data as { type: string; occurredAt: string; postedAt: string }[]).map((entry) => [
    entry.type,
    entry.occurredAt,
    entry.postedAt,
  ]);
}

it('points of two brands that expire between two reads of the wallet expire at their own instants, as each brand sees it', async () => {
  const { aurora, birch } = person();
  await made('aurora', '/v1/grants', {
    memberRef: aurora,
    points: 5,
    reason: 'r',
    occurredAt: START,
    expiresAt: '2026-03-03T10:00:00Z',
  });
  await made('birch', '/v1/grants', {
    memberRef: birch,
    points: 7,
    reason: 'r',
    occurredAt: START,
    expiresAt: '2026-03-05T11:30:00Z',
  });
  await ledger.at('2026-03-07T00:00:00Z');
  const [gone] = await entries('aurora', aurora);
  expect(gone).toEqual(['expiry', '2026-03-03T15:59:59Z', '2026-03-03T15:59:59Z']);
  expect((await entries('birch', birch))[0]).toEqual(['expiry', '2026-03-05T15:59:59Z', '2026-03-05T15:59:59Z']);
});

it('pending points become available as of their due time, whoever reads later', async () => {
  const { birch } = person();
  const from = ledger.clock.now();
  await order('birch', birch, `waits-${count}`, 100);
  await ledger.at(new Date(from.getTime() + 9 * 86_400_000).toISOString());
  const [freed] = await entries('birch', birch);
  const due = new Date(from.getTime() + 7 * 86_400_000).toISOString().replace('.000Z', 'Z');
  expect(freed).toEqual(['accrual_release', due, due]);
});

it('a debt repaid because goods came back elsewhere is repaid as of the day it arose: the issuer does not learn when', async () => {
  const { walletId, aurora, crest } = person();
  await order('aurora', aurora, 'A-1', 100);
  const quoteId = await made('crest', '/v1/quotes', {
    memberRef: crest,
    points: 100,
    basketTotal: 1_000,
    currency: 'CNY',
    externalId: undefined,
  });
  const hold = await made('crest', '/v1/authorizations', { quoteId });
  await made('crest', `/v1/authorizations/${hold}/captures`, {});
  await ledger.at('2026-03-20T08:00:00Z');
  await made('aurora', '/v1/orders/A-1/returns', {
    occurredAt: '2026-03-20T08:00:00Z',
    lines: [{ lineId: '1', quantity: 1, net: 100 }],
  });
  await ledger.at('2026-03-25T17:13:11Z');
  await made('crest', `/v1/authorizations/${hold}/returns`, { points: 100, occurredAt: '2026-03-25T17:13:11Z' });
  const seen = await entries('aurora', aurora);
  expect(seen.map(([type]) => type)).toEqual(['debt_repayment', 'accrual_reversal', 'accrual']);
  expect(seen[0]).toEqual(['debt_repayment', '2026-03-20T08:00:00Z', '2026-03-20T08:00:00Z']);
  expect((await entries('crest', crest))[0]).toEqual([
    'redemption_return',
    '2026-03-25T17:13:11Z',
    '2026-03-25T17:13:11Z',
  ]);
  // the books have the true time
  const last = (await ledger.postingsOf(walletId)).find(({ kind }) => kind === PostingKind.DEBT_REPAYMENT);
  expect(last?.postedAt === undefined ? null : timestampDate(last.postedAt).toISOString()).toBe(
    '2026-03-25T17:13:11.000Z',
  );
});

interface Told {
  type: string;
  points: number;
  pending: number;
  occurredAt: string;
  reference: string | null;
  order: { externalId: string } | null;
}

/** A brand's entries, newest first, read page by page. */
async function told(brand: string, memberRef: string, limit = 100): Promise<Told[]> {
  const all: Told[] = [];
  for (let after = ''; ;) {
    const { body } = await ledger.asBrand(
      brand,
      'GET',
      `/v1/members/${memberRef}/wallet/entries?limit=${limit}${after}`,
    );
    all.push(...(body.data as Told[]));
    if (body.page.after === null) return all;
    after = `&after=${encodeURIComponent(body.page.after as string)}`;
  }
}
const expired = async (memberRef: string): Promise<[number, string][]> =>
  (await told('aurora', memberRef)).flatMap((e) =>
    e.type === 'expiry' ? [[e.points, e.occurredAt.slice(0, 10)]] : [],
  );
const grant = (memberRef: string, points: number, expiresAt: string, over: object = {}): Promise<string> =>
  made('aurora', '/v1/grants', { memberRef, points, reason: 'r', expiresAt, ...over });
const hold = (brand: string, memberRef: string, points: number, ttlSeconds = 7 * 86_400): Promise<string> =>
  made(brand, '/v1/authorizations', { memberRef, points, ttlSeconds });
async function free(brand: string, id: string): Promise<void> {
  const { status } = await ledger.asBrand(brand, 'POST', `/v1/authorizations/${id}/void`, { externalId: `v-${id}` });
  expect(status).toBe(200);
}
const giveBack = (brand: string, id: string, points: number): Promise<string> =>
  made(brand, `/v1/authorizations/${id}/returns`, { points, occurredAt: ledger.clock.now().toISOString() });

it('what another brand frees or gives back after the end is in no entry, whatever expired before: it has the amount of that act', async () => {
  const [some, none] = [person(), person()];
  for (const { aurora } of [some, none]) await grant(aurora, 450, '2026-04-10T00:00:00Z');
  await ledger.at('2026-04-09T00:00:00Z');
  const [spent, kept] = [await hold('crest', some.crest, 150), await hold('crest', some.crest, 106)];
  const all = await hold('crest', none.crest, 450);
  for (const id of [spent, all]) await made('crest', `/v1/authorizations/${id}/captures`, {});
  await ledger.at('2026-04-11T00:00:00Z');
  expect(await expired(some.aurora)).toEqual([[-194, '2026-04-10']]);
  await free('crest', kept);
  await giveBack('crest', spent, 83);
  await giveBack('crest', all, 83);
  expect(await expired(some.aurora)).toEqual([[-194, '2026-04-10']]);
  expect(await expired(none.aurora)).toEqual([]);
  // its balance is what it was, and the redeemer has its own entry
  const { body } = await ledger.asBrand('aurora', 'GET', `/v1/members/${none.aurora}/wallet`);
  expect(body).toMatchObject({ available: 0, balance: 0, held: 0 });
  expect((await told('crest', none.crest)).map(({ type, points }) => [type, points])).toEqual([
    ['redemption_return', 83],
    ['capture', -450],
  ]);
});

it('what runs out after the end is told apart from what expired in time, though both are found at one look', async () => {
  const [here, there] = [person(), person()];
  for (const { aurora } of [here, there]) await grant(aurora, 300, '2026-04-15T00:00:00Z');
  await ledger.at('2026-04-14T00:00:00Z');
  await hold('crest', there.crest, 106);
  await hold('aurora', here.aurora, 106);
  // this one ends before the points do
  await hold('crest', there.crest, 50, 3_600);
  await ledger.at('2026-04-25T00:00:00Z');
  expect(await expired(there.aurora)).toEqual([[-194, '2026-04-15']]);
  // of its own holds the issuer is told all
  expect(await expired(here.aurora)).toEqual([
    [-106, '2026-04-15'],
    [-194, '2026-04-15'],
  ]);
});

it('points of two ends are two entries, whoever looked in between', async () => {
  const [seen, unseen, held] = [person(), person(), person()];
  for (const { aurora } of [seen, unseen, held]) {
    await grant(aurora, 244, '2026-05-03T00:00:00Z');
    await grant(aurora, 80, '2026-05-05T00:00:00Z');
  }
  await ledger.at('2026-05-01T00:00:00Z');
  const kept = await hold('crest', held.crest, 294);
  await ledger.at('2026-05-04T00:00:00Z');
  await ledger.asBrand('crest', 'GET', `/v1/members/${seen.crest}/wallet`);
  await ledger.at('2026-05-06T20:00:00Z');
  for (const { aurora } of [seen, unseen]) {
    expect(await expired(aurora)).toEqual([
      [-80, '2026-05-05'],
      [-244, '2026-05-03'],
    ]);
  }
  expect(await expired(held.aurora)).toEqual([[-30, '2026-05-05']]);
  await free('crest', kept);
  expect(await expired(held.aurora)).toEqual([[-30, '2026-05-05']]);
});

it('each early end and each order that repays a debt has its own entry with its reference', async () => {
  const { aurora, crest } = person();
  await grant(aurora, 100, '2027-03-25T00:00:00Z', { campaign: 'one' });
  await grant(aurora, 30, '2027-03-25T00:00:00Z', { campaign: 'two' });
  for (const campaign of ['one', 'two']) {
    const end = { externalId: `end-${campaign}`, brand: 'aurora', campaign, reason: 'r' };
    expect((await ledger.asOperator('POST', '/v1/operator/expirations', end)).status).toBe(201);
  }
  const ends = (await told('aurora', aurora)).filter(({ type }) => type === 'expiry');
  expect(ends.map(({ points, reference }) => [points, reference])).toEqual([
    [-30, 'end-two'],
    [-100, 'end-one'],
  ]);

  for (const [id, net] of [
    ['D-1', 100],
    ['D-2', 60],
    ['D-3', 40],
  ] as const) {
    await order('aurora', aurora, id, net);
    await ledger.at(new Date(ledger.clock.now().getTime() + 3_600_000).toISOString());
  }
  const spent = await hold('crest', crest, 200);
  await made('crest', `/v1/authorizations/${spent}/captures`, {});
  await made('aurora', '/v1/orders/D-1/returns', {
    occurredAt: ledger.clock.now().toISOString(),
    lines: [{ lineId: '1', quantity: 1, net: 100 }],
  });
  await giveBack('crest', spent, 40);
  await giveBack('crest', spent, 60);
  const paid = (await told('aurora', aurora)).filter(({ type }) => type === 'debt_repayment');
  expect(paid.map(({ points, reference, order: of }) => [points, reference, of?.externalId])).toEqual([
    [0, 'D-2', 'D-2'],
    [0, 'D-3', 'D-3'],
  ]);
});

it('pages that are read while points expire sum to the balance when the first was read, and no entry changes', async () => {
  const { aurora } = person();
  await grant(aurora, 100, '2027-03-25T00:00:00Z', { campaign: 'paged' });
  const kept = await hold('aurora', aurora, 20);
  const end = { externalId: 'end-paged', brand: 'aurora', campaign: 'paged', reason: 'r' };
  expect((await ledger.asOperator('POST', '/v1/operator/expirations', end)).status).toBe(201);
  const path = `/v1/members/${aurora}/wallet/entries`;
  const before = await told('aurora', aurora);
  const first = (await ledger.asBrand('aurora', 'GET', `${path}?limit=1`)).body;
  await free('aurora', kept);
  const after = encodeURIComponent(first.page.after as string);
  const rest = (await ledger.asBrand('aurora', 'GET', `${path}?after=${after}`)).body;
  const sum = (entries: readonly Told[]): number => entries.reduce((total, { points }) => total + points, 0);
  expect(sum([...(first.data as Told[]), ...(rest.data as Told[])])).toBe(20);
  const now = await told('aurora', aurora, 1);
  expect([sum(now), now.slice(1)]).toEqual([0, before]);
});

const DAY = 86_400_000;
const categories = ['now', 'slow', 'delivered'] as const;
/** From now on the member's orders at one brand earn half as much again, owed by the operator. */
const ranked = (walletId: string): Promise<void> =>
  ledger.tell(TOPICS.tiers, walletId, TierChangedSchema, {
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
  await ledger.brand(brand);
  for (const category of categories) {
    const rule = {
      name: category,
      match: { stores: [], categories: [category], excludeCategories: [], tiers: [] },
      earn: { points: 1, per: 1 },
      expiry: { kind: 'rolling', months: 1, roundTo: 'day' },
      ...(category === 'slow' ? { pendingDays: 5 } : {}),
      ...(category === 'delivered' ? { pendingUntil: 'delivered' } : {}),
    };
    expect((await ledger.rule(brand, rule)).status).toBe(201);
  }
}

const buys = (brand: string, memberRef: string, externalId: string, category: string, net: number, quantity = 1) =>
  ledger.asBrand(brand, 'POST', '/v1/orders', {
    externalId,
    memberRef,
    occurredAt: ledger.clock.now().toISOString(),
    currency: 'CNY',
    ...(category === 'delivered' ? { fulfilment: 'delivery' } : {}),
    lines: [{ lineId: '1', category, quantity, net }],
  });
const bringsBack = (brand: string, id: string, net: number) =>
  ledger.asBrand(brand, 'POST', `/v1/orders/${id}/returns`, {
    externalId: `x-${(count += 1)}`,
    occurredAt: ledger.clock.now().toISOString(),
    lines: [{ lineId: '1', quantity: 1, net }],
  });
const later = (ms: number): Promise<void> => ledger.at(new Date(ledger.clock.now().getTime() + ms).toISOString());

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

  it('has entries that sum to balance and held, and to what waits, after any acts', async () => {
    const kinds = new Set<string>();
    const play = async (acts: readonly Act[]): Promise<void> => {
      const { memberRef, walletId } = ledger.member('solo');
      await ranked(walletId);
      const campaign = `c-${(count += 1)}`;
      const orders: { id: string; price: number }[] = [];
      const holds: string[] = [];
      const one = <T>(list: readonly T[], n: number): T | undefined => list[n % list.length];
      const send = async (path: string, body: object): Promise<Record<string, unknown>> => {
        const {
          status,
          text,
          body: got,
        } = await ledger.asBrand('solo', 'POST', path, { externalId: `x-${(count += 1)}`, ...body });
        // a refusal is an act as well
        expect([text, status < 500]).toEqual([text, true]);
        return got as Record<string, unknown>;
      };
      const run = async (a: Act): Promise<void> => {
        const occurredAt = ledger.clock.now().toISOString();
        switch (a.do) {
          case 'buy': {
            const id = `o-${(count += 1)}`;
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
            const at = new Date(ledger.clock.now().getTime() - a.days * DAY).toISOString();
            if (of !== undefined) await send(`/v1/orders/${of.id}/deliveries`, { occurredAt: at });
            return;
          }
          case 'give': {
            const expiresAt = new Date(ledger.clock.now().getTime() + a.days * DAY).toISOString();
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
            const end = { externalId: `x-${(count += 1)}`, brand: 'solo', campaign, reason: 'r' };
            expect((await ledger.asOperator('POST', '/v1/operator/expirations', end)).status).toBe(201);
          }
        }
      };
      for (const a of acts) {
        await run(a);
        const all = await told('solo', memberRef, 4);
        for (const { type } of all) kinds.add(type);
        const { body } = await ledger.asBrand('solo', 'GET', `/v1/members/${memberRef}/wallet`);
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

  it('is shown what comes back of waiting points beside the points, not in them', async () => {
    const { memberRef } = ledger.member('solo');
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
  const { memberRef: elm, walletId } = ledger.member('elm');
  const { memberRef: fir } = ledger.member('fir', walletId);
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
