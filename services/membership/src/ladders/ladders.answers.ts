import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, whole, points, price, list, maybe, optional, instant } = shape;

// exactly one of the two
const CAP = named('CreditCap', { share: optional(price), credits: optional(points) });
const WEIGHED = { weight: price, cap: maybe(CAP) };
const MOVES = named('TierMoves', { at: instant, moves: list(object({ from: whole, to: whole, members: whole })) });

export const LADDER = named('TierLadder', {
  version: whole,
  name: text,
  validFrom: instant,
  validTo: maybe(instant),
  window: object({ kind: shape.oneOf(['calendar_year', 'rolling']), months: optional(whole) }),
  rounding: shape.oneOf(['floor', 'ceil', 'half_up', 'half_even']),
  per: whole,
  graceDays: whole,
  mapUpTo: whole,
  brands: list(object({ brand: text, ...WEIGHED })),
  others: maybe(object(WEIGHED)),
  ranks: list(
    object({
      rank: whole,
      code: text,
      conditions: object({
        credits: maybe(points),
        visits: maybe(whole),
        brands: maybe(whole),
        anyOf: maybe(whole),
      }),
      earnMultiplier: price,
      funder: shape.oneOf(['seller', 'operator']),
    }),
  ),
});
export const LADDERS = object({ data: list(LADDER) });

export const LADDER_MOVES = named('TierLadderMoves', {
  members: whole,
  atStart: MOVES,
  atNextReview: maybe(MOVES),
});

const CONDITIONS = { credits: null, visits: null, brands: null, anyOf: null };

/**
 * Example of an operator's request: one credit per yuan, half of that at one brand, at most three fifths of the top rank from one
 * brand.
 */
export const PROPOSAL_EXAMPLE = {
  name: '2027',
  validFrom: '2027-01-01T00:00:00+08:00',
  supersedes: 1,
  window: { kind: 'rolling', months: 12 },
  per: 100,
  graceDays: 15,
  brands: [{ brand: 'aurora', weight: '0.50', cap: { credits: 6_000 } }],
  others: { weight: '1.00', cap: { share: '0.60' } },
  ranks: [
    { code: 'member' },
    { code: 'silver', conditions: { credits: 1_000 }, earnMultiplier: '1.10' },
    {
      code: 'gold',
      conditions: { credits: 5_000, visits: 20, anyOf: 1 },
      earnMultiplier: '1.25',
      funder: 'seller' as const,
    },
    { code: 'platinum', conditions: { credits: 20_000, brands: 3 }, earnMultiplier: '1.50' },
  ],
};

export const LADDER_EXAMPLE: LadderView = {
  version: 2,
  name: '2027',
  validFrom: '2026-12-31T16:00:00Z',
  validTo: null,
  window: { kind: 'rolling', months: 12 },
  rounding: 'floor',
  per: 100,
  graceDays: 15,
  mapUpTo: 2,
  brands: [{ brand: 'aurora', weight: '0.50', cap: { credits: 6_000 } }],
  others: { weight: '1.00', cap: { share: '0.60' } },
  ranks: PROPOSAL_EXAMPLE.ranks.map(({ code, conditions, earnMultiplier, funder }, rank) => ({
    rank,
    code,
    conditions: { ...CONDITIONS, ...conditions },
    earnMultiplier: earnMultiplier ?? '1',
    funder: funder ?? 'operator',
  })),
};

export const MOVES_EXAMPLE = {
  members: 2_500,
  atStart: { at: '2026-12-31T16:00:00Z', moves: [{ from: 0, to: 1, members: 40 }] },
  atNextReview: { at: '2027-02-14T16:00:00Z', moves: [{ from: 2, to: 1, members: 12 }] },
};

export type LadderView = AnswerOf<typeof LADDER>;
export type LaddersView = AnswerOf<typeof LADDERS>;
export type LadderMovesView = AnswerOf<typeof LADDER_MOVES>;
