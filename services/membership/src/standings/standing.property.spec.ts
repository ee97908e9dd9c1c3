import fc from 'fast-check';
import { aLadder, at, need } from '../../test/histories.js';
import { byTime, timeline } from '../credits/credits.js';
import type { OrderFact, ReturnFact } from '../credits/credits.js';
import { ladderAt } from '../ladders/ladder.js';
import type { Ladder, Window } from '../ladders/ladder.js';
import { qualifies } from './days.js';
import { advance, pruned, readEarned, unearned, writeEarned } from './earned.js';
import type { Earned } from './earned.js';
import { explained, standingAt } from './standing.js';
import type { Grant } from './ranks.js';
import type { History } from './standing.js';
import { nextReview, windowOf } from './window.js';

const ZONES = ['Asia/Shanghai', 'UTC', 'America/New_York', 'Pacific/Auckland'];
const START = at('2027-01-01');
const END = at('2030-06-01');
const BRANDS = ['aurora', 'birch', 'crest'];

const instant = fc
  .oneof(
    fc.integer({ min: START, max: END }),
    // risky edges: new years, month ends and the leap day, in every zone
    fc
      .constantFrom(
        '2028-02-29T12:00:00Z',
        '2027-12-31T15:59:59Z',
        '2027-12-31T16:00:00Z',
        '2029-01-01T05:00:00Z',
        '2028-02-29T16:00:00Z',
        '2028-12-31T11:00:00Z',
      )
      .map(at),
  )
  .map((ms) => Math.floor(ms / 1000) * 1000);

const window: fc.Arbitrary<Window> = fc.oneof(
  fc.constant({ kind: 'calendar_year' } as const),
  fc.integer({ min: 1, max: 18 }).map((months) => ({ kind: 'rolling', months }) as const),
);

const ladder = (version: number, from: number, to: number | null): fc.Arbitrary<Ladder> =>
  fc
    .record({
      window,
      grace: fc.integer({ min: 0, max: 27 }),
      base: fc.integer({ min: 100, max: 2_000 }),
      weight: fc.constantFrom('1', '0.5', '1.333', '0'),
    })
    .map(({ window, grace, base, weight }) =>
      aLadder({
        version,
        validFrom: new Date(from),
        validTo: to === null ? null : new Date(to),
        window,
        graceDays: grace,
        brands: { birch: { weight, cap: { share: '0.50' } } },
        ranks: aLadder().ranks.map((rank, i) => ({
          ...rank,
          conditions: i === 0 ? need() : need({ credits: BigInt(base * i * i), ...(i === 3 ? { brands: 2n } : {}) }),
        })),
      }),
    );

const ladders: fc.Arbitrary<Ladder[]> = fc.oneof(
  ladder(1, START, null).map((one) => [one]),
  fc
    .integer({ min: START + 86_400_000, max: END - 86_400_000 })
    .chain((edge) => fc.tuple(ladder(1, START, edge), ladder(2, edge, null)).map((two) => [...two])),
);

const history: fc.Arbitrary<History> = fc
  .array(
    fc.record({
      at: instant,
      brand: fc.constantFrom(...BRANDS),
      net: fc.integer({ min: 0, max: 300_000 }),
      returns: fc.array(
        fc.record({
          after: fc.integer({ min: -86_400_000, max: 400 * 86_400_000 }),
          share: fc.integer({ min: 1, max: 100 }),
        }),
        { maxLength: 3 },
      ),
    }),
    { maxLength: 25 },
  )
  .map((rows) => {
    const orders: OrderFact[] = [];
    const returns: ReturnFact[] = [];
    rows.forEach((row, i) => {
      orders.push({
        orderId: `o${i}`,
        walletId: 'w',
        brand: row.brand,
        occurredAt: new Date(row.at),
        net: BigInt(row.net),
      });
      row.returns.forEach((back, j) => {
        returns.push({
          returnId: `r${i}-${j}`,
          orderId: `o${i}`,
          walletId: 'w',
          at: new Date(row.at + back.after),
          net: BigInt(Math.ceil((row.net * back.share) / 100)),
        });
      });
    });
    return { orders, returns };
  });

const world = fc.record({ history, ladders, zone: fc.constantFrom(...ZONES), t: instant });

function scratch(h: History, rules: readonly Ladder[], t: number, zone: string): Earned {
  return advance(unearned(), timeline(h.orders, h.returns, rules, zone), rules, t, zone);
}

describe('tiers on random histories', () => {
  it('rise immediately: at no instant does a member hold less than the running window is worth', () => {
    fc.assert(
      fc.property(world, ({ history: h, ladders: rules, zone }) => {
        for (const item of timeline(h.orders, h.returns, rules, zone)) {
          const state = scratch(h, rules, item.at, zone);
          const rule = ladderAt(rules, item.at);
          if (rule === null) continue;
          const day = new Intl.DateTimeFormat('en-CA', { timeZone: zone }).format(new Date(item.at));
          expect(state.rank).toBeGreaterThanOrEqual(
            qualifies(rule, state.days.measure(rule, windowOf(rule.window, day))),
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it('fall only when a period is judged, and then by one rank', () => {
    fc.assert(
      fc.property(world, ({ history: h, ladders: rules, zone }) => {
        const { steps } = scratch(h, rules, END + 1_000 * 86_400_000, zone);
        let rank = 0;
        const drops = new Set<number>();
        for (const step of steps) {
          if (step.rank < rank) {
            expect(step.rank).toBe(rank - 1);
            expect(step.cause).toBe('review');
            expect(nextReview(rules, step.at - 1, zone)?.at).toBe(step.at);
            expect(drops.has(step.at)).toBe(false);
            drops.add(step.at);
          } else expect(step.cause).not.toBe('review');
          rank = step.rank;
        }
      }),
      { numRuns: 150 },
    );
  });

  it('are the same however the events are interleaved, batched, stored and pruned', () => {
    fc.assert(
      fc.property(
        world,
        fc.array(instant, { maxLength: 6 }),
        fc.nat({ max: 25 }),
        ({ history: h, ladders: rules, zone, t }, cuts, seed) => {
          const whole = scratch(h, rules, t, zone);
          const shuffled = {
            orders: [...h.orders.slice(seed), ...h.orders.slice(0, seed)],
            returns: [...h.returns].reverse(),
          };
          expect(scratch(shuffled, rules, t, zone)).toEqual(whole);
          const items = timeline(h.orders, h.returns, rules, zone).sort(byTime);
          let state = unearned();
          for (const cut of [...cuts.filter((x) => x < t).sort((a, b) => a - b), t]) {
            const due = items.filter((item) => item.at > state.asOf && item.at <= cut);
            state = readEarned(writeEarned(pruned(advance(state, due, rules, cut, zone), rules, zone)));
          }
          expect([state.rank, state.steps]).toEqual([whole.rank, whole.steps]);
          expect(explained(state, rules, [], t, zone)).toEqual(standingAt(h, rules, [], t, zone));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('never rise by a refund, nor fall by a purchase or a grant', () => {
    const grant = fc.record({
      rank: fc.integer({ min: 0, max: 3 }),
      from: instant,
      days: fc.integer({ min: 1, max: 500 }),
    });
    fc.assert(
      fc.property(world, grant, ({ history: h, ladders: rules, zone, t }, g) => {
        const full = standingAt(h, rules, [], t, zone);
        expect(standingAt({ orders: h.orders, returns: [] }, rules, [], t, zone).rank).toBeGreaterThanOrEqual(
          full.rank,
        );
        expect(
          standingAt({ orders: h.orders.slice(1), returns: h.returns }, rules, [], t, zone).rank,
        ).toBeLessThanOrEqual(full.rank);
        const granted: Grant = {
          id: 'g',
          source: 'match',
          rank: g.rank,
          from: g.from,
          to: g.from + g.days * 86_400_000,
        };
        const live = granted.from <= t && t < (granted.to ?? Infinity);
        const held = standingAt(h, rules, [granted], t, zone);
        expect(held.rank).toBe(Math.max(full.rank, live && ladderAt(rules, t) !== null ? g.rank : 0));
        expect(held.earnedRank).toBe(full.earnedRank);
      }),
      { numRuns: 150 },
    );
  });

  it('drop exactly when announced, if nothing more is bought', () => {
    fc.assert(
      fc.property(world, ({ history: h, ladders: rules, zone, t }) => {
        const known = { orders: h.orders.filter(({ occurredAt }) => occurredAt.getTime() <= t), returns: [] };
        const now = standingAt(known, rules, [], t, zone);
        if (now.dropsAt === null) return;
        expect(standingAt(known, rules, [], now.dropsAt - 1, zone).rank).toBeGreaterThanOrEqual(now.rank);
        expect(standingAt(known, rules, [], now.dropsAt, zone).rank).toBeLessThan(now.rank);
      }),
      { numRuns: 100 },
    );
  });
});
