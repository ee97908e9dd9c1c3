import { shape } from '#libs/http';

const { object, named, text, whole, points, price, list, maybe, optional, instant } = shape;

// one of the two
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
