import { Decimal } from '#libs/kernel';
import type { RoundingMode } from '#libs/kernel';

/** The days whose orders count at an instant: those of this calendar year, or of the current month and the N − 1 months before it. */
export type Window = { readonly kind: 'calendar_year' } | { readonly kind: 'rolling'; readonly months: number };

/** The most credits of one brand in a window: a share of the top rank's threshold, or a number. */
export type Cap = { readonly share: string } | { readonly credits: bigint };

export interface BrandTerms {
  /** Decimal; credits = net × weight / per. */
  readonly weight: string;
  readonly cap: Cap | null;
}

export const CONDITION_KINDS = ['credits', 'visits', 'brands'] as const;
export type ConditionKind = (typeof CONDITION_KINDS)[number];

/** Requirements of a rank. An absent kind requires nothing. At least `anyOf` of the given ones must hold, or all if it is null. */
export interface Conditions {
  readonly credits: bigint | null;
  readonly visits: bigint | null;
  readonly brands: bigint | null;
  readonly anyOf: number | null;
}

export type Funder = 'seller' | 'operator';

export interface Rank {
  readonly code: string;
  readonly conditions: Conditions;
  /** Decimal, at least 1: orders of the rank's members earn this many times the base points. */
  readonly earnMultiplier: string;
  readonly funder: Funder;
}

/** Rules of the tiers without their number, as proposed by an operator. */
export interface LadderTerms {
  readonly name: string;
  /** In force in `[validFrom, validTo)`. */
  readonly validFrom: Date;
  readonly validTo: Date | null;
  readonly window: Window;
  readonly rounding: Exclude<RoundingMode, 'trunc'>;
  /** Minor units per credit at weight 1. */
  readonly per: bigint;
  readonly graceDays: number;
  /** Highest rank that brands may map their own tiers to. */
  readonly mapUpTo: number;
  readonly brands: Readonly<Record<string, BrandTerms>>;
  /** Terms of brands that are not named; null: their orders do not count. */
  readonly others: BrandTerms | null;
  /** Four, from the lowest. */
  readonly ranks: readonly Rank[];
}

export interface Ladder extends LadderTerms {
  readonly version: number;
}

export const RANKS = 4;
export const TOP = RANKS - 1;
/** Everyone's rank while no ladder is in force. */
export const NO_LADDER = { code: 'member', earnMultiplier: '1', funder: 'operator' } as const;

/** The ladder in force at an instant. Versions never overlap. */
export function ladderAt<L extends LadderTerms>(ladders: readonly L[], at: number): L | null {
  for (const ladder of ladders) {
    if (ladder.validFrom.getTime() > at) continue;
    if (ladder.validTo === null || ladder.validTo.getTime() > at) return ladder;
  }
  return null;
}

/** Number of the rules. Ladders are only added and only their open ends are set, so the number grows with every change. */
export function rulesNumber(ladders: readonly LadderTerms[]): number {
  return ladders.length + ladders.filter(({ validTo }) => validTo !== null).length;
}

/** The terms of a brand, or null if its orders do not count. */
export function termsOf(ladder: LadderTerms, brand: string): BrandTerms | null {
  return (Object.hasOwn(ladder.brands, brand) ? ladder.brands[brand] : undefined) ?? ladder.others;
}

const caps = new WeakMap<LadderTerms, Map<string, bigint | null>>();

/** The most credits of a brand in one window, or null for no limit. A share is rounded down. */
export function capOf(ladder: LadderTerms, brand: string): bigint | null {
  let known = caps.get(ladder);
  if (known === undefined) caps.set(ladder, (known = new Map<string, bigint | null>()));
  let cap = known.get(brand);
  if (cap === undefined) known.set(brand, (cap = exactCap(ladder, brand)));
  return cap;
}

function exactCap(ladder: LadderTerms, brand: string): bigint | null {
  const cap = termsOf(ladder, brand)?.cap ?? null;
  if (cap === null) return null;
  if ('credits' in cap) return cap.credits;
  const top = ladder.ranks[TOP]?.conditions.credits ?? 0n;
  return Decimal.parse(cap.share).mul(top).round('floor');
}

/** How many of the conditions must hold. */
export function neededOf(conditions: Conditions): number {
  return conditions.anyOf ?? CONDITION_KINDS.filter((kind) => conditions[kind] !== null).length;
}
