/** How fractions of a point are rounded when a rule's exact result is not an integer. */
export type RuleRounding = 'floor' | 'half_up' | 'ceil';

/** When the points of a rule expire. Boundaries follow the alliance's time zone. */
export type ExpiryPolicy =
  { kind: 'rolling'; months: number; roundTo: 'month' | 'day' } | { kind: 'fixed'; at: Date } | { kind: 'never' };

/** Conditions of a rule on a line; an empty list matches everything. */
export interface RuleMatch {
  stores: string[];
  categories: string[];
  excludeCategories: string[];
  tiers: string[];
}

/** One version of one earning rule of a brand. Immutable once stored, because orders refer to it permanently. */
export interface RuleVersion {
  id: string;
  brand: string;
  name: string;
  version: number;
  validFrom: Date;
  validTo: Date | null;
  priority: number;
  match: RuleMatch;
  /** `points` for every `per` minor units of money. */
  earn: { points: bigint; per: bigint };
  rounding: RuleRounding;
  pendingDays: number;
  /** For a delivered order: points wait for the delivery instead of a number of days. */
  pendingUntil?: 'delivered';
  expiry: ExpiryPolicy;
}

/** A rule as the operator submits it, before it becomes a version. */
export type NewRule = Omit<RuleVersion, 'id' | 'version'>;

/** Half-open: a rule is valid from `validFrom` (inclusive) to `validTo` (exclusive). */
export function isValidAt(rule: RuleVersion, at: Date): boolean {
  return rule.validFrom <= at && (rule.validTo === null || at < rule.validTo);
}

export function ruleLabel(rule: Pick<RuleVersion, 'name' | 'version'>): string {
  return `${rule.name} v${rule.version}`;
}
