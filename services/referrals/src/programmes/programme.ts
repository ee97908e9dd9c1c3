/** What the operator sets for the whole alliance, by version. */
export interface Programme {
  readonly version: number;
  /** What a contributor earns on goods that no offer pays on, in basis points. */
  readonly contributorBp: number;
  /** The least that a contributor earns on goods of an offer, whatever the offer says. */
  readonly contributorFloorBp: number;
  /** 1: distributors only; 2: with the one who introduced them. There is no more. */
  readonly maxDepth: 1 | 2;
  readonly signOff: string | null;
  readonly introducerDays: number;
  readonly returnDays: number;
  /** Price per point at which earnings become points, millionths of a minor unit; null: they don't. */
  readonly conversionPriceMicro: bigint | null;
  readonly validFrom: Date;
  readonly createdBy: string;
}

/** Before the operator says anything. */
const NONE: Programme = {
  version: 0,
  contributorBp: 0,
  contributorFloorBp: 0,
  maxDepth: 1,
  signOff: null,
  introducerDays: 180,
  returnDays: 14,
  conversionPriceMicro: null,
  validFrom: new Date(0),
  createdBy: '',
};

/** The version in force at an instant. */
export function programmeAt(versions: readonly Programme[], at: Date): Programme {
  return versions.reduce(
    (found, version) => (version.validFrom <= at && version.validFrom >= found.validFrom ? version : found),
    NONE,
  );
}
