import { divRound, largestRemainder } from '#libs/kernel';

/** Name of the arithmetic below; stored with every commission so that a refund is computed like its order. */
export const SPLIT_RULE = 'hamilton-1';

/** Parties of a pool, in the fixed order that decides ties. */
export const PARTIES = [
  'memberRebate',
  'contributor',
  'distributor',
  'introducer',
  'store',
  'guide',
  'operator',
] as const;
export type Party = (typeof PARTIES)[number];

/** Basis points of the order by party. A party that a plan does not name has no share. */
export type Shares = Readonly<Partial<Record<Party, number>>>;

/** The calculation rules of a commission, stored with it permanently. */
export interface Plan {
  readonly rule: string;
  readonly poolBp: number;
  readonly shares: Shares;
  /** The contributor's rate on the base, which caps do not cut. */
  readonly floorBp: number;
  /** The contributor's rate on the rest of the order, on which nobody else earns. */
  readonly restBp: number;
}

/** Amounts paid in an order: for the goods of the plan, and for all others. */
export interface Bases {
  readonly base: bigint;
  readonly rest: bigint;
}

/** Caps that cut a split after it was computed; the cut returns to the payer. */
export interface Caps {
  readonly total: bigint | null;
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

/** The most for all parties together. */
export function poolOfOrder({ base, rest }: Bases, plan: Plan): bigint {
  return poolOf(base, plan.poolBp) + poolOf(rest, plan.restBp);
}

/**
 * The amount of each present party: the offer's share within its limits, and the assured share of the contributor. The pool is
 * split among all parties of the plan, so the share of an absent party returns to the payer and does not increase the others.
 */
export function splitOf(bases: Bases, plan: Plan, present: ReadonlySet<Party>, caps: Caps = NO_CAPS): Amounts {
  const amounts = new Map(offeredOf(bases.base, plan, present, caps));
  if (present.has('contributor'))
    amounts.set('contributor', (amounts.get('contributor') ?? 0n) + assuredOf(bases, plan));
  return amounts;
}

/**
 * The part of a split that counts against the limits of its offer. Caps cut after the split: by party first, then all in
 * proportion.
 */
export function offeredOf(base: bigint, plan: Plan, present: ReadonlySet<Party>, caps: Caps = NO_CAPS): Amounts {
  const whole = wholeOf(base, plan);
  const floor = assuredOf({ base, rest: 0n }, plan);
  const kept = [...whole].flatMap(([party, amount]): [Party, bigint][] =>
    present.has(party)
      ? [[party, least(party === 'contributor' ? amount - floor : amount, caps.byParty.get(party))]]
      : [],
  );
  const sum = kept.reduce((total, [, amount]) => total + amount, 0n);
  if (caps.total === null || sum <= caps.total || kept.length === 0) return new Map(kept);
  const cut = largestRemainder(
    caps.total,
    kept.map(([, amount]) => amount),
  );
  return new Map(kept.map(([party], index) => [party, cut[index] ?? 0n]));
}

/** The contributor's assured amount, which no limit of an offer cuts: the floor on its goods, and the default on all others. */
export function assuredOf({ base, rest }: Bases, plan: Plan): bigint {
  const share = wholeOf(base, plan).get('contributor') ?? 0n;
  return least(share, poolOf(base, plan.floorBp)) + poolOf(rest, plan.restBp);
}

function wholeOf(base: bigint, plan: Plan): Amounts {
  const parties = PARTIES.filter((party) => (plan.shares[party] ?? 0) > 0);
  if (parties.length === 0) return new Map();
  const whole = largestRemainder(
    poolOf(base, plan.poolBp),
    parties.map((party) => BigInt(plan.shares[party] ?? 0)),
  );
  return new Map(parties.map((party, index) => [party, whole[index] ?? 0n]));
}

/**
 * The amounts that a refund takes back. Each party drops to its part of the split of what remains and never rises. The target is
 * computed anew, not from the refund's own share, so any chain of refunds ends at zero.
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
