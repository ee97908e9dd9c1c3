import type { Party } from '../splits/split.js';

/** A share of a commission that can be taken from. */
export interface FreeShare {
  readonly commissionId: string;
  readonly party: Party;
  readonly owner: string;
  readonly free: bigint;
}

/** Money that had been paid when a refund reached it, as far as nothing repaid it yet. */
export interface Debt {
  readonly drawId: string;
  readonly owner: string;
  readonly open: bigint;
}

/** What one share gives, and for which debt; null: for its owner. */
export interface Taking {
  readonly share: FreeShare;
  readonly repays: string | null;
  readonly amount: bigint;
}

/**
 * Takes from shares of one owner, the earliest first: debts before anything else, then up to `wanted` (null: all that is left).
 * No share gives more than it has free, so the takings may be less than what was wanted.
 */
export function takeFrom(shares: readonly FreeShare[], debts: readonly Debt[], wanted: bigint | null): Taking[] {
  const takings: Taking[] = [];
  const open = debts.map(({ drawId, open: amount }) => ({ drawId, amount }));
  // debts before this one are repaid
  let next = 0;
  let left = wanted;
  for (const share of shares) {
    let { free } = share;
    const take = (most: bigint, repays: string | null): bigint => {
      const amount = most < free ? most : free;
      free -= amount;
      if (amount > 0n) takings.push({ share, repays, amount });
      return amount;
    };
    for (let debt = open[next]; debt !== undefined && free > 0n; debt = open[next]) {
      debt.amount -= take(debt.amount, debt.drawId);
      if (debt.amount === 0n) next += 1;
    }
    const taken = take(left ?? free, null);
    if (left !== null) left -= taken;
  }
  return takings;
}

export function sumOfTakings(takings: readonly Taking[], repaying: boolean): bigint {
  return takings.reduce((sum, { repays, amount }) => ((repays !== null) === repaying ? sum + amount : sum), 0n);
}
