import { divRound, largestRemainder } from '#libs/kernel';

/** Name of the arithmetic below; stored with every commission so that a refund is computed as its order was. */
export const SPLIT_RULE = 'hamilton-1';

/** Who may share in a pool, in the fixed order that decides ties. */
export const PARTIES = [
  'member_rebate',
  'contributor',
  'distributor',
  'introducer',
  'store',
  'guide',
  'operator',
] as const;
export type Party = (typeof PARTIES)[number];

/** Basis points of the order by party. What a plan doesn't name has no share. */
export type Shares = Readonly<Partial<Record<Party, number>>>;

/** How a commission is computed: kept with it for good. */
export interface Plan {
  readonly rule: string;
  readonly poolBp: number;
  readonly shares: Shares;
}

/** What cuts a split after it was made; the cut returns to the payer. */
export interface Caps {
  /** Most that the whole commission may be. */
  readonly total: bigint | null;
  /** Most that one party may get. */
  readonly byParty: ReadonlyMap<Party, bigint>;
}

export const NO_CAPS: Caps = { total: null, byParty: new Map() };

export type Amounts = ReadonlyMap<Party, bigint>;

export function sharesSum(shares: Shares): number {
  return PARTIES.reduce((sum, party) => sum + (shares[party] ?? 0), 0);
}

/** The pool of a base in minor units: rounded once, half up. */
export function poolOf(base: bigint, poolBp: number): bigint {
  return divRound(base * BigInt(poolBp), 10_000n, 'half_up');
}

/**
 * What each present party gets of a base. The pool is split among all parties of the plan, so that the share of one who is
 * absent returns to the payer and makes nobody else richer; caps cut afterwards.
 */
export function splitOf(base: bigint, plan: Plan, present: ReadonlySet<Party>, caps: Caps = NO_CAPS): Amounts {
  const parties = PARTIES.filter((party) => (plan.shares[party] ?? 0) > 0);
  if (parties.length === 0) return new Map();
  const whole = largestRemainder(
    poolOf(base, plan.poolBp),
    parties.map((party) => BigInt(plan.shares[party] ?? 0)),
  );
  const kept = parties.flatMap((party, index): [Party, bigint][] =>
    present.has(party) ? [[party, least(whole[index] ?? 0n, caps.byParty.get(party))]] : [],
  );
  const sum = kept.reduce((total, [, amount]) => total + amount, 0n);
  if (caps.total === null || sum <= caps.total || kept.length === 0) return new Map(kept);
  const cut = largestRemainder(
    caps.total,
    kept.map(([, amount]) => amount),
  );
  return new Map(kept.map(([party], index) => [party, cut[index] ?? 0n]));
}

/**
 * What a refund takes back: each party goes down to the split of what remains of the order, and never up. Computing the
 * target anew, not the refund's own share, is what makes any chain of refunds end at zero.
 */
export function clawBacks(held: Amounts, target: Amounts): Map<Party, bigint> {
  const back = new Map<Party, bigint>();
  for (const [party, amount] of held) {
    const excess = amount - (target.get(party) ?? 0n);
    if (excess > 0n) back.set(party, excess);
  }
  return back;
}

export function sumOf(amounts: Amounts): bigint {
  return [...amounts.values()].reduce((sum, amount) => sum + amount, 0n);
}

function least(amount: bigint, cap: bigint | undefined): bigint {
  return cap !== undefined && cap < amount ? cap : amount;
}
