import type { Order } from '../replay/orders.js';

export interface RuleSpec {
  name: string;
  points: number;
  per: number;
  categories: string[];
  excludeCategories: string[];
  priority: number;
}

export interface BrandSpec {
  slug: string;
  name: string;
  legalName: string;
  prices: { accrual: string; reimbursement: string; operatorFee: string };
  rules: RuleSpec[];
}

const rule = (name: string, points: number, per: number, over: Partial<RuleSpec> = {}): RuleSpec => ({
  name,
  points,
  per,
  categories: [],
  excludeCategories: [],
  priority: 0,
  ...over,
});

/** The four brands of the sandbox: prices in fen per point, rules in points per fen. */
export const ALLIANCE: readonly BrandSpec[] = [
  {
    slug: 'grocery',
    name: 'Grocery',
    legalName: 'Grocery Ltd',
    prices: { accrual: '1.05', reimbursement: '0.90', operatorFee: '0.15' },
    rules: [rule('base', 1, 100)],
  },
  {
    slug: 'fresh',
    name: 'Fresh',
    legalName: 'Fresh Ltd',
    prices: { accrual: '1.05', reimbursement: '0.92', operatorFee: '0.13' },
    rules: [rule('base', 2, 100), rule('organic', 5, 100, { categories: ['ORGANICS FRUIT & VEGETABLES'] })],
  },
  {
    slug: 'drugstore',
    name: 'Drugstore',
    legalName: 'Drugstore Ltd',
    prices: { accrual: '1.05', reimbursement: '0.88', operatorFee: '0.17' },
    rules: [rule('base', 3, 100, { excludeCategories: ['CIGARETTES', 'CIGARS'] })],
  },
  {
    slug: 'fuel',
    name: 'Fuel',
    legalName: 'Fuel Ltd',
    prices: { accrual: '1.05', reimbursement: '0.95', operatorFee: '0.10' },
    rules: [rule('base', 1, 100)],
  },
];

/** Start of validity of contracts and rules, early enough for orders of any year. */
export const VALID_FROM = '2016-01-01T00:00:00+08:00';

/**
 * Points that an order must earn, computed from the file alone and deliberately without the ledger's code: each line goes to the rule that
 * names its category, else to the general one unless that excludes it; each rule is applied once to the sum of its lines and rounded down.
 */
export function pointsOf(brand: BrandSpec, lines: Order['lines']): number {
  const sums = new Map<RuleSpec, number>();
  for (const line of lines) {
    const matched =
      brand.rules.find((candidate) => candidate.categories.includes(line.category)) ??
      brand.rules.find(
        (candidate) => candidate.categories.length === 0 && !candidate.excludeCategories.includes(line.category),
      );
    if (matched !== undefined) sums.set(matched, (sums.get(matched) ?? 0) + line.net);
  }
  let points = 0;
  for (const [matched, net] of sums) points += Number((BigInt(net) * BigInt(matched.points)) / BigInt(matched.per));
  return points;
}

export function brandSpec(slug: string): BrandSpec {
  const found = ALLIANCE.find((brand) => brand.slug === slug);
  if (found === undefined)
    throw new Error(`the alliance has no brand "${slug}": it has ${ALLIANCE.map((brand) => brand.slug).join(', ')}`);
  return found;
}
