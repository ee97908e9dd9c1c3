import { divRound, MICRO_SCALE } from '#libs/kernel';
import type { LineType } from '../entries/line.js';
import { isBrand, partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';

/** The purpose of a group's money. */
export type GroupKind = 'reimbursement' | 'fee' | 'commission' | 'conversion';

/** The kind of group for each line type; null if no money moves. */
export const GROUP_KINDS: Readonly<Record<LineType, GroupKind | null>> = {
  accrual: null,
  accrual_reversal: null,
  expiry: null,
  redemption: 'reimbursement',
  redemption_reversal: 'reimbursement',
  fee: 'fee',
  fee_reversal: 'fee',
  contributor: 'commission',
  contributor_reversal: 'commission',
  referral: 'commission',
  referral_reversal: 'commission',
  conversion: 'conversion',
  conversion_reversal: 'conversion',
};

/** All lines of a cycle with the same payer, payee, kind and price: the unit of rounding. */
export interface PriceGroup {
  readonly payer: Party;
  readonly payee: Party;
  readonly kind: GroupKind;
  /** The asset of the points; null if no points are counted. */
  readonly asset: string | null;
  readonly priceMicro: bigint;
  readonly points: bigint;
  readonly amountMicro: bigint;
}

/** Result of a cycle. Money in minor units; positive receives, negative pays. */
export interface Netting {
  /** By party. */
  readonly positions: ReadonlyMap<Party, bigint>;
  /** Reimbursements between different brands before netting. */
  readonly gross: bigint;
  /** The part of the reimbursements that moves between brands after netting. */
  readonly netted: bigint;
  /** Exact amount minus rounded amount over all groups, in millionths of a minor unit. */
  readonly remainderMicro: bigint;
}

const MICRO = 10n ** BigInt(MICRO_SCALE);

/** Rounds a group once, half away from zero, so payer and payee have the same figure. */
export function roundGroup(amountMicro: bigint): bigint {
  return divRound(amountMicro, MICRO, 'half_up');
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function add<K>(to: Map<K, bigint>, key: K, amount: bigint): void {
  to.set(key, (to.get(key) ?? 0n) + amount);
}

/**
 * Multilateral netting of rounded groups. A negative group (give-backs of an earlier cycle) flows from payee to payer; its
 * absolute value counts towards `gross`.
 */
export function net(groups: readonly PriceGroup[]): Netting {
  const positions = new Map<Party, bigint>();
  const reimbursed = new Map<Party, bigint>();
  let gross = 0n;
  let remainderMicro = 0n;
  for (const { payer, payee, kind, amountMicro } of groups) {
    const amount = roundGroup(amountMicro);
    remainderMicro += amountMicro - amount * MICRO;
    add(positions, payer, -amount);
    add(positions, payee, amount);
    if (kind !== 'reimbursement' || payer === payee || !isBrand(payer) || !isBrand(payee)) continue;
    add(reimbursed, payer, -amount);
    add(reimbursed, payee, amount);
    gross += magnitude(amount);
  }
  const netted = [...reimbursed.values()].reduce((sum, value) => (value > 0n ? sum + value : sum), 0n);
  return { positions, gross, netted, remainderMicro };
}

/** The ids of the legal entities that settle for both sides of a group; null if there is none. */
export interface Entities {
  readonly payerEntity: string | null;
  readonly payeeEntity: string | null;
}

/** Nets of legal entities. Brands of one entity settle as one; a brand without a known entity settles for itself. */
export function netByEntity(groups: readonly (PriceGroup & Entities)[]): Map<string, bigint> {
  const entities = new Map<string, bigint>();
  for (const { payer, payee, payerEntity, payeeEntity, amountMicro } of groups) {
    const amount = roundGroup(amountMicro);
    if (isBrand(payer)) add(entities, payerEntity ?? partyName(payer), -amount);
    if (isBrand(payee)) add(entities, payeeEntity ?? partyName(payee), amount);
  }
  return entities;
}
