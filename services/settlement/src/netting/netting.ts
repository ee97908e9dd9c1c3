import { divRound, MICRO_SCALE } from '#libs/kernel';

import { isBrand, MEMBERS, OPERATOR } from '../entries/line.js';

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
  /** What is owed to people. */
  readonly members: bigint;
  /** Payments between different brands, reimbursements and commissions alike, before netting. */
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
  const others = new Map<string, bigint>();
  let gross = 0n;
  let remainderMicro = 0n;
  for (const group of groups) {
    const amount = roundGroup(group.amountMicro);
    remainderMicro += group.amountMicro - amount * MICRO;
    const payee = group.fee ? OPERATOR : group.payee;
    add(isBrand(group.payer) ? brands : others, group.payer, -amount);
    add(isBrand(payee) ? brands : others, payee, amount);
    if (group.payer === payee || !isBrand(group.payer) || !isBrand(payee)) continue;
    add(reimbursed, group.payer, -amount);
    add(reimbursed, group.payee, amount);
    gross += magnitude(amount);
  }
  const netted = [...reimbursed.values()].reduce((sum, value) => (value > 0n ? sum + value : sum), 0n);
  const [operator, members] = [others.get(OPERATOR) ?? 0n, others.get(MEMBERS) ?? 0n];
  return { brands, operator, members, gross, netted, remainderMicro };
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
