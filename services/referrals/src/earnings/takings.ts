import type { Party } from '../splits/split.js';

/** A share of a commission that can be taken from. */
export interface FreeShare {
  readonly commissionId: string;
  readonly party: Party;
  readonly owner: string;
  readonly free: bigint;
}

/** Money that was paid out before a refund reached it, minus repayments. */
export interface Debt {
  readonly drawId: string;
  readonly owner: string;
  readonly open: bigint;
}

/** The amount taken from one share, and the debt it repays; null: it goes to its owner. */
export interface Taking {
  readonly share: FreeShare;
  readonly repays: string | null;
  readonly amount: bigint;
}

/**
 * Takes from shares of one owner, earliest first: debts before anything else, then up to `wanted` (null: all that is left). No
 * share gives more than is available, so the takings may be less than `wanted`.
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
