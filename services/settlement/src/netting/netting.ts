import { divRound, MICRO_SCALE } from '#libs/kernel';

/** All lines of a cycle between one payer and one payee at one price: the unit that is rounded. */
export interface PriceGroup {
  readonly payer: string;
  readonly payee: string;
  /** The operator is the payee. */
  readonly fee: boolean;
  readonly priceMicro: bigint;
  readonly points: bigint;
  readonly amountMicro: bigint;
}

/** What a cycle comes to. Money in minor units; positive receives, negative pays. */
export interface Netting {
  /** By brand, fees included. */
  readonly brands: ReadonlyMap<string, bigint>;
  readonly operator: bigint;
  /** Reimbursements between different brands before netting. */
  readonly gross: bigint;
  /** What moves between brands once they are netted, fees apart. */
  readonly netted: bigint;
  /** Exact amount minus rounded amount over all groups, in millionths: what rounding left aside. */
  readonly remainderMicro: bigint;
}

const MICRO = 10n ** BigInt(MICRO_SCALE);

/** A group is rounded once, half away from zero, so that payer and payee carry the same figure. */
export function roundGroup(amountMicro: bigint): bigint {
  return divRound(amountMicro, MICRO, 'half_up');
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/**
 * Multilateral netting of rounded groups. A group below zero (give-backs of an earlier cycle) flows from payee to payer
 * and counts towards `gross` by its size.
 */
export function net(groups: readonly PriceGroup[]): Netting {
  const brands = new Map<string, bigint>();
  const reimbursed = new Map<string, bigint>();
  const add = (to: Map<string, bigint>, party: string, amount: bigint): void => {
    to.set(party, (to.get(party) ?? 0n) + amount);
  };
  let operator = 0n;
  let gross = 0n;
  let remainderMicro = 0n;
  for (const group of groups) {
    const amount = roundGroup(group.amountMicro);
    remainderMicro += group.amountMicro - amount * MICRO;
    add(brands, group.payer, -amount);
    if (group.fee) {
      operator += amount;
      continue;
    }
    add(brands, group.payee, amount);
    if (group.payer === group.payee) continue;
    add(reimbursed, group.payer, -amount);
    add(reimbursed, group.payee, amount);
    gross += magnitude(amount);
  }
  const netted = [...reimbursed.values()].reduce((sum, value) => (value > 0n ? sum + value : sum), 0n);
  return { brands, operator, gross, netted, remainderMicro };
}

/** Nets of legal entities: brands of one entity settle as one. */
export function netByEntity(
  brands: ReadonlyMap<string, bigint>,
  entityOf: (brand: string) => string,
): Map<string, bigint> {
  const entities = new Map<string, bigint>();
  for (const [brand, value] of brands) {
    const entity = entityOf(brand);
    entities.set(entity, (entities.get(entity) ?? 0n) + value);
  }
  return entities;
}
