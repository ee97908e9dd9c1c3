import { formatInstant, pointsToJson } from '#libs/kernel';
import type { Cap, Conditions, Ladder, LadderTerms, Rank } from './ladder.js';
import type { LadderView } from './ladders.answers.js';

type JsonCap = { share: string } | { credits: number } | null;
interface JsonRank {
  code: string;
  conditions: { credits: number | null; visits: number | null; brands: number | null; anyOf: number | null };
  earnMultiplier: string;
  funder: Rank['funder'];
}

/** The part of a ladder stored as JSON. Number, name and validity have their own columns. */
export interface StoredTerms {
  window: LadderTerms['window'];
  rounding: LadderTerms['rounding'];
  per: number;
  graceDays: number;
  mapUpTo: number;
  brands: Record<string, { weight: string; cap: JsonCap }>;
  others: { weight: string; cap: JsonCap } | null;
  ranks: JsonRank[];
}

function capToJson(cap: Cap | null): JsonCap {
  return cap === null ? null : 'share' in cap ? { share: cap.share } : { credits: pointsToJson(cap.credits) };
}

function capFromJson(cap: JsonCap): Cap | null {
  return cap === null ? null : 'share' in cap ? { share: cap.share } : { credits: BigInt(cap.credits) };
}

function whole(value: bigint | null): number | null {
  return value === null ? null : pointsToJson(value);
}

export function storedTerms(ladder: LadderTerms): StoredTerms {
  return {
    window: ladder.window,
    rounding: ladder.rounding,
    per: pointsToJson(ladder.per),
    graceDays: ladder.graceDays,
    mapUpTo: ladder.mapUpTo,
    brands: Object.fromEntries(
      Object.entries(ladder.brands).map(([brand, { weight, cap }]) => [brand, { weight, cap: capToJson(cap) }]),
    ),
    others: ladder.others === null ? null : { weight: ladder.others.weight, cap: capToJson(ladder.others.cap) },
    ranks: ladder.ranks.map(({ code, conditions: c, earnMultiplier, funder }) => ({
      code,
      conditions: { credits: whole(c.credits), visits: whole(c.visits), brands: whole(c.brands), anyOf: c.anyOf },
      earnMultiplier,
      funder,
    })),
  };
}

export function termsFromStored(stored: StoredTerms): Omit<LadderTerms, 'name' | 'validFrom' | 'validTo'> {
  const big = (value: number | null): bigint | null => (value === null ? null : BigInt(value));
  return {
    ...stored,
    per: BigInt(stored.per),
    brands: Object.fromEntries(
      Object.entries(stored.brands).map(([brand, { weight, cap }]) => [brand, { weight, cap: capFromJson(cap) }]),
    ),
    others: stored.others === null ? null : { weight: stored.others.weight, cap: capFromJson(stored.others.cap) },
    ranks: stored.ranks.map(({ code, conditions, earnMultiplier, funder }): Rank => {
      const c: Conditions = {
        credits: big(conditions.credits),
        visits: big(conditions.visits),
        brands: big(conditions.brands),
        anyOf: conditions.anyOf,
      };
      return { code, conditions: c, earnMultiplier, funder };
    }),
  };
}

export function ladderDocument(ladder: Ladder): LadderView {
  const { brands, ranks, ...terms } = storedTerms(ladder);
  return {
    version: ladder.version,
    name: ladder.name,
    validFrom: formatInstant(ladder.validFrom),
    validTo: ladder.validTo === null ? null : formatInstant(ladder.validTo),
    ...terms,
    brands: Object.entries(brands).map(([brand, rest]) => ({ brand, ...rest })),
    ranks: ranks.map((rank, i) => ({ rank: i, ...rank })),
  };
}
