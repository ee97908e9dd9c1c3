import { aLadder, at, bought, gaveBack, need, ZONE } from '../../test/histories.js';
import type { OrderFact, ReturnFact } from '../credits/credits.js';
import type { Ladder } from '../ladders/ladder.js';
import { standingAt } from './standing.js';
import type { Grant } from './ranks.js';
import type { Standing } from './standing.js';

function standing(
  t: string,
  orders: OrderFact[],
  returns: ReturnFact[] = [],
  ladders: Ladder[] = [aLadder()],
  grants: Grant[] = [],
): Standing {
  return standingAt({ orders, returns }, ladders, grants, at(t), ZONE);
}
const day = (ms: number | null): string | null =>
  ms === null ? null : new Date(ms + 8 * 3_600_000).toISOString().slice(0, 10);

describe('the calendar year', () => {
  const gold = [bought('2026-03-10', 3_000), bought('2026-04-01', 2_500, 'birch')];

  it('raises the rank immediately, and reports since when, what is missing and when it will drop', () => {
    const before = standing('2026-03-31', gold);
    expect([before.tier, before.rank, day(before.since)]).toEqual(['silver', 1, '2026-03-10']);
    const now = standing('2026-04-01', gold);
    expect([now.tier, now.rank, day(now.since), day(now.until), day(now.dropsAt)]).toEqual([
      'gold',
      2,
      '2026-04-01',
      '2027-01-01',
      '2028-01-01',
    ]);
    expect(now.measure.credits).toBe(5_500n);
    expect(now.next).toMatchObject({
      tier: 'black',
      conditions: [{ kind: 'credits', needed: 10_000n, have: 5_500n, missing: 4_500n }],
    });
    expect(now.keeps).toMatchObject({ by: at('2027-01-01'), conditions: [{ kind: 'credits', missing: 0n }] });
  });

  it('keeps the rank through the next year and then lowers it one rank at a time', () => {
    expect(
      ['2026-12-31', '2027-12-31', '2028-01-01', '2028-12-31', '2029-01-01'].map((t) => standing(t, gold).tier),
    ).toEqual(['gold', 'gold', 'silver', 'silver', 'member']);
    expect(standing('2027-02-01', gold).keeps).toMatchObject({ conditions: [{ have: 0n, missing: 5_000n }] });
  });

  it('caps each brand, so that no brand alone gives the top rank', () => {
    const one = standing('2026-06-01', [bought('2026-05-01', 900_000)]);
    expect([one.tier, one.measure.credits]).toEqual(['gold', 6_000n]);
    expect(standing('2026-06-01', [bought('2026-05-01', 900_000), bought('2026-05-02', 4_000, 'birch')]).tier).toBe(
      'black',
    );
  });

  it('takes a refund out of the window of its order, but lowers the rank only at the end of the period', () => {
    const back = [gaveBack(gold[0] as OrderFact, '2026-05-01', 3_000)];
    expect([standing('2026-12-31', gold, back).tier, standing('2026-12-31', gold, back).measure.credits]).toEqual([
      'gold',
      2_500n,
    ]);
    expect(standing('2027-01-01', gold, back).tier).toBe('silver');
  });

  it('does not let a refund after the close of the period change an earlier judgement', () => {
    const back = [gaveBack(gold[0] as OrderFact, '2027-02-01', 3_000)];
    expect(['2027-01-31', '2027-02-01', '2027-12-31', '2028-01-01'].map((t) => standing(t, gold, back).tier)).toEqual([
      'gold',
      'gold',
      'gold',
      'silver',
    ]);
  });

  it('counts the days of grace: refunds against, purchases for', () => {
    const ladder = aLadder({ graceDays: 30 });
    const back = [gaveBack(gold[0] as OrderFact, '2027-01-20', 3_000)];
    const tiers = (orders: OrderFact[], returns: ReturnFact[]) =>
      ['2027-01-30', '2027-01-31'].map((t) => standing(t, orders, returns, [ladder]).tier);
    expect(tiers(gold, back)).toEqual(['gold', 'silver']);
    expect(tiers([...gold, bought('2027-01-25', 5_000)], back)).toEqual(['gold', 'gold']);
  });

  it('uses the zone: the first hour of the year in Shanghai belongs to the new year', () => {
    const late = [bought('2026-12-31T23:59:59+08:00', 1_000)];
    const early = [bought('2026-12-31T16:00:00Z', 1_000)];
    expect([standing('2027-01-01', late).measure.credits, standing('2027-01-01', early).measure.credits]).toEqual([
      0n,
      1_000n,
    ]);
    expect([standing('2028-01-01', late).tier, standing('2028-01-01', early).tier]).toEqual(['member', 'silver']);
  });
});

describe('the rolling window', () => {
  const ladder = aLadder({ window: { kind: 'rolling', months: 12 } });

  it('counts a purchase on a leap day for twelve months, and lowers the rank with the first window without it', () => {
    const leap = aLadder({ window: { kind: 'rolling', months: 12 }, validFrom: new Date(at('2027-01-01')) });
    const orders = [bought('2028-02-29', 1_000)];
    expect(['2028-02-29', '2029-02-28', '2029-03-01'].map((t) => standing(t, orders, [], [leap]).tier)).toEqual([
      'silver',
      'silver',
      'member',
    ]);
    expect(day(standing('2028-03-01', orders, [], [leap]).dropsAt)).toBe('2029-03-01');
  });

  it('lowers one rank a month', () => {
    const orders = [bought('2026-03-05', 6_000), bought('2026-03-06', 5_000, 'birch')];
    expect(
      ['2026-03-06', '2027-03-31', '2027-04-01', '2027-05-01', '2027-06-01'].map(
        (t) => standing(t, orders, [], [ladder]).rank,
      ),
    ).toEqual([3, 3, 2, 1, 0]);
  });
});

describe('conditions', () => {
  const ladder = aLadder();
  const anyTwo = aLadder({
    ranks: ladder.ranks.map((rank, i) =>
      i === 2 ? { ...rank, conditions: need({ credits: 5_000n, visits: 3n, brands: 2n, anyOf: 2 }) } : rank,
    ),
  });

  it('count a day at a brand as one visit, and any N of the conditions', () => {
    const sameDay = [
      bought('2026-02-01', 10),
      bought('2026-02-01T12:00:00+08:00', 10),
      bought('2026-02-02', 10, 'birch'),
    ];
    expect(standing('2026-02-03', sameDay, [], [anyTwo]).measure).toEqual({ credits: 30n, visits: 2n, brands: 2n });
    expect(standing('2026-02-03', sameDay, [], [anyTwo]).rank).toBe(0);
    expect(standing('2026-02-05', [...sameDay, bought('2026-02-04', 1)], [], [anyTwo]).rank).toBe(2);
  });
});

describe('ladders', () => {
  it('raise ranks immediately when easier rules begin, and lower them only at the next end of a period', () => {
    const old = aLadder({ validTo: new Date(at('2026-07-01')) });
    const scaled = (version: number, factor: bigint): Ladder =>
      aLadder({
        version,
        validFrom: new Date(at('2026-07-01')),
        ranks: aLadder().ranks.map((rank) => ({
          ...rank,
          conditions: need({
            ...rank.conditions,
            credits: rank.conditions.credits === null ? null : (rank.conditions.credits * factor) / 10n,
          }),
        })),
      });
    const orders = [bought('2026-03-01', 3_000)];
    expect(['2026-06-30', '2026-07-01'].map((t) => standing(t, orders, [], [old, scaled(2, 5n)]).tier)).toEqual([
      'silver',
      'gold',
    ]);
    expect(
      ['2026-07-01', '2026-12-31', '2027-01-01'].map((t) => standing(t, orders, [], [old, scaled(2, 50n)]).tier),
    ).toEqual(['silver', 'silver', 'member']);
  });

  it('do not end a rank before its days of grace are over, whatever follows them', () => {
    const old = aLadder({ graceDays: 10, validTo: new Date(at('2027-01-01')) });
    const successor = aLadder({ version: 2, graceDays: 10, validFrom: new Date(at('2027-01-01')) });
    const orders = [bought('2026-03-01', 1_500)];
    const open = standing('2026-06-01', orders, [], [aLadder({ graceDays: 10 })]);
    const announced = standing('2026-06-01', orders, [], [old, successor]);
    expect([open, announced].map(({ until, dropsAt }) => [day(until), day(dropsAt)])).toEqual([
      ['2027-01-11', '2028-01-11'],
      ['2027-01-11', '2028-01-11'],
    ]);
  });

  it('end every rank if no ladder follows, which is then the announced time', () => {
    const ladder = aLadder({ validTo: new Date(at('2026-09-01')) });
    const { until, dropsAt } = standing('2026-06-01', [bought('2026-03-01', 1_500)], [], [ladder]);
    expect([day(until), day(dropsAt)]).toEqual(['2026-09-01', '2026-09-01']);
  });

  it('give nobody a rank if none is in force', () => {
    const none = standing('2026-02-01', [bought('2026-01-10', 9_000)], [], []);
    expect(none).toMatchObject({
      rank: 0,
      tier: 'member',
      earnMultiplier: '1',
      ladderVersion: 0,
      next: null,
      keeps: null,
      dropsAt: null,
    });
  });
});

describe('grants', () => {
  const grant = (over: Partial<Grant>): Grant => ({
    id: 'g',
    source: 'match',
    rank: 2,
    from: at('2026-02-01'),
    to: at('2026-05-01'),
    ...over,
  });

  it('exist beside the earned rank and never overwrite it', () => {
    const orders = [bought('2026-03-01', 1_500)];
    const tiers = ['2026-01-31', '2026-02-01', '2026-04-30', '2026-05-01'].map((t) => {
      const { tier, source, earnedRank } = standing(t, orders, [], [aLadder()], [grant({})]);
      return [tier, source, earnedRank];
    });
    expect(tiers).toEqual([
      ['member', 'earned', 0],
      ['gold', 'match', 0],
      ['gold', 'match', 1],
      ['silver', 'earned', 1],
    ]);
    const now = standing('2026-03-02', orders, [], [aLadder()], [grant({})]);
    expect([day(now.since), day(now.until), day(now.dropsAt)]).toEqual(['2026-02-01', '2026-05-01', '2026-05-01']);
  });

  it('do not remove an earned rank when they end', () => {
    const orders = [bought('2026-03-01', 1_500)];
    const { until } = standing('2026-03-02', orders, [], [aLadder()], [grant({ rank: 1 })]);
    expect(day(until)).toBe('2027-01-01');
  });

  it('never lower a rank', () => {
    const orders = [bought('2026-03-01', 5_500)];
    expect(standing('2026-06-01', orders, [], [aLadder()], [grant({ rank: 1 })]).tier).toBe('gold');
  });
});
