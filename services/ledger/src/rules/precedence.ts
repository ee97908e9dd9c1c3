import { isValidAt } from './rule.js';
import type { RuleVersion } from './rule.js';

/** The facts that decide whether a rule applies to a line. The tier is null if the member's is unknown. */
export interface LineFacts {
  store: string | null;
  category: string;
  tier: string | null;
}

/** Store before category before tier before general. */
function specificity(rule: RuleVersion): number {
  if (rule.match.stores.length > 0) return 3;
  if (rule.match.categories.length > 0) return 2;
  if (rule.match.tiers.length > 0) return 1;
  return 0;
}

/** Negative if `a` precedes `b`. A total order: between equals the later version decides, then the id. */
export function byPrecedence(a: RuleVersion, b: RuleVersion): number {
  return (
    specificity(b) - specificity(a) ||
    b.priority - a.priority ||
    b.validFrom.getTime() - a.validFrom.getTime() ||
    b.version - a.version ||
    (a.id < b.id ? -1 : 1)
  );
}

/**
 * The rules in force at an instant, in order of precedence. Of each name only one version is in force: the one that began last, so
 * that a new version replaces the old one even where it matches less.
 */
export function rulesInForce(rules: readonly RuleVersion[], at: Date): RuleVersion[] {
  const newest = new Map<string, RuleVersion>();
  for (const rule of rules) {
    if (!isValidAt(rule, at)) continue;
    const other = newest.get(rule.name);
    const later =
      other === undefined ||
      rule.validFrom > other.validFrom ||
      (rule.validFrom.getTime() === other.validFrom.getTime() && rule.version > other.version);
    if (later) newest.set(rule.name, rule);
  }
  return [...newest.values()].sort(byPrecedence);
}

export function takes(rule: RuleVersion, line: LineFacts): boolean {
  const { stores, categories, excludeCategories, tiers } = rule.match;
  if (stores.length > 0 && (line.store === null || !stores.includes(line.store))) return false;
  if (categories.length > 0 && !categories.includes(line.category)) return false;
  if (tiers.length > 0 && (line.tier === null || !tiers.includes(line.tier))) return false;
  return !excludeCategories.includes(line.category);
}
