import { clawBacks, PARTIES, splitOf } from '../splits/split.js';
import type { Amounts, Caps, Party, Plan } from '../splits/split.js';

export const COMMISSION_STATES = [
  'estimated',
  'pending',
  'held',
  'payable',
  'paid',
  'cancelled',
  'duplicate',
  'fraud_hold',
  'reversed',
] as const;
export type CommissionState = (typeof COMMISSION_STATES)[number];

/** A line that the commission is computed on. */
export interface PaidLine {
  readonly lineId: string;
  readonly net: bigint;
  readonly returned: bigint;
}

/** One party of a commission: who it is, and what it holds now. */
export interface Share {
  readonly party: Party;
  readonly owner: string;
  readonly payee: string;
  readonly cap: bigint | null;
  readonly held: bigint;
}

export interface Commission {
  readonly id: string;
  readonly orderId: string;
  readonly orderExternalId: string;
  readonly brand: string;
  readonly store: string;
  readonly walletId: string;
  readonly memberRef: string;
  readonly currency: string;
  readonly offerId: string | null;
  readonly linkId: string | null;
  readonly campaign: string | null;
  readonly plan: Plan;
  readonly lines: readonly PaidLine[];
  readonly base: bigint;
  readonly remaining: bigint;
  readonly pool: bigint;
  readonly used: bigint;
  readonly cap: bigint | null;
  readonly state: CommissionState;
  readonly reason: string | null;
  readonly returnDays: number;
  readonly occurredAt: Date;
  readonly postedAt: Date;
  readonly receivedAt: Date | null;
  readonly holdUntil: Date | null;
  readonly shares: readonly Share[];
}

const DAY_MS = 86_400_000;

/** The return window and one day. */
export function holdUntil(receivedAt: Date, returnDays: number): Date {
  return new Date(receivedAt.getTime() + (returnDays + 1) * DAY_MS);
}

export function capsOf(commission: Pick<Commission, 'cap' | 'shares'>): Caps {
  const byParty = commission.shares.flatMap(({ party, cap }): [Party, bigint][] =>
    cap === null ? [] : [[party, cap]],
  );
  return { total: commission.cap, byParty: new Map(byParty) };
}

/** What each present party should hold of what remains of the order. */
export function targetOf(commission: Pick<Commission, 'plan' | 'remaining' | 'cap' | 'shares'>): Amounts {
  const present = new Set(commission.shares.map(({ party }) => party));
  return splitOf(commission.remaining, commission.plan, present, capsOf(commission));
}

/** The commission after a refund: each party goes down to the split of what remains, never up. */
export function reduced(commission: Commission): Commission {
  const held: Amounts = new Map(commission.shares.map((share) => [share.party, share.held]));
  const back = clawBacks(held, targetOf(commission));
  const shares = commission.shares.map((share) => ({ ...share, held: share.held - (back.get(share.party) ?? 0n) }));
  return { ...commission, shares };
}

/** Lines after a return, and what it took of them. What a line no longer has can't be taken again. */
export function takeBack(
  lines: readonly PaidLine[],
  returned: readonly { lineId: string; net: bigint }[],
): { lines: PaidLine[]; taken: bigint } {
  let taken = 0n;
  const after = lines.map((line) => {
    const asked = returned.reduce((sum, { lineId, net }) => (lineId === line.lineId ? sum + net : sum), 0n);
    const left = line.net - line.returned;
    const take = asked < 0n ? 0n : asked > left ? left : asked;
    taken += take;
    return { ...line, returned: line.returned + take };
  });
  return { lines: after, taken };
}

/** Where a commission goes when nothing of its order remains. */
export function endState(state: CommissionState): CommissionState {
  if (state === 'pending' || state === 'fraud_hold') return 'cancelled';
  return state === 'held' || state === 'payable' || state === 'paid' ? 'reversed' : state;
}

export function byParty<T extends { readonly party: Party }>(a: T, b: T): number {
  return PARTIES.indexOf(a.party) - PARTIES.indexOf(b.party);
}
