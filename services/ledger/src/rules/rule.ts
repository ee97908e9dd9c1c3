/** How fractions of a point fall when a rule's exact figure is not whole. */
export type RuleRounding = 'floor' | 'half_up' | 'ceil';

/** When the points of a rule expire. Boundaries follow the alliance's time zone. */
export type ExpiryPolicy =
  { kind: 'rolling'; months: number; roundTo: 'month' | 'day' } | { kind: 'fixed'; at: Date } | { kind: 'never' };

/** What a line must be for the rule to take it; an empty list asks nothing. */
export interface RuleMatch {
  stores: string[];
  categories: string[];
  excludeCategories: string[];
  tiers: string[];
}

/** One version of one earning rule of one brand. Never changes once stored: orders refer to it forever. */
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
  /** Points of an order that is delivered wait for its delivery, and not for days. */
  pendingUntil?: 'delivered';
  expiry: ExpiryPolicy;
}

/** A rule as the operator asks for it: not yet a version. */
export type NewRule = Omit<RuleVersion, 'id' | 'version'>;

/** Half open: a rule is valid from `validFrom` on and no longer at `validTo`. */
export function isValidAt(rule: RuleVersion, at: Date): boolean {
  return rule.validFrom <= at && (rule.validTo === null || at < rule.validTo);
}

/** Names the rule as a trace does. */
export function ruleLabel(rule: Pick<RuleVersion, 'name' | 'version'>): string {
  return `${rule.name} v${rule.version}`;
}
