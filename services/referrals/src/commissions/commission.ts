import { clawBacks, offeredOf, PARTIES, splitOf } from '../splits/split.js';
import type { Amounts, Bases, Caps, Party, Plan } from '../splits/split.js';

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
  /** Outside the goods of the offer. */
  readonly rest: boolean;
}

/** One party of a commission: who it is, and what it holds now. */
export interface Share {
  readonly party: Party;
  readonly owner: string;
  readonly payee: string;
  /** The brand through which it is earned; null for the operator. */
  readonly through: string | null;
  readonly cap: bigint | null;
  readonly held: bigint;
  /** Whether the brand through which it is earned knows of it. */
  readonly told: boolean;
}

/** Earned through the brand that promotes. */
export const PROMOTED: ReadonlySet<Party> = new Set(['distributor', 'introducer']);

/** Whether the brand through which a share is earned reads the whole order anyway; else it is told in sums over several buyers. */
export function toldAtOnce({ party, through }: Pick<Share, 'party' | 'through'>, seller: string): boolean {
  return !PROMOTED.has(party) || through === seller;
}

/** Whether settlement hears of a share's legs at once: a brand that promotes reads them in its statement, so not before it is told. */
export function settledAtOnce({ payee, told }: Pick<Share, 'payee' | 'told'>): boolean {
  return told || !payee.startsWith('brand:');
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
  /** Paid for the goods of the plan, and what refunds left of it; the same for all other goods. */
  readonly base: bigint;
  readonly remaining: bigint;
  readonly rest: bigint;
  readonly restRemaining: bigint;
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
  /** Nobody could say who contributed the buyer when it was opened: whoever did still earns. */
  readonly unbound: boolean;
  readonly shares: readonly Share[];
}

const DAY_MS = 86_400_000;

/**
 * The return window and one day, from when the buyer had the goods or, if that was later, from when the network heard of it: nobody is
 * payable at once because a till dates its order long ago.
 */
export function holdUntil(receivedAt: Date, heardAt: Date, returnDays: number): Date {
  return new Date(Math.max(receivedAt.getTime(), heardAt.getTime()) + (returnDays + 1) * DAY_MS);
}

export function capsOf(commission: Pick<Commission, 'cap' | 'shares'>): Caps {
  const byParty = commission.shares.flatMap(({ party, cap }): [Party, bigint][] =>
    cap === null ? [] : [[party, cap]],
  );
  return { total: commission.cap, byParty: new Map(byParty) };
}

/** What a split is made of: plan, caps, who is there, and what remains of the order. */
export type Splittable = Pick<Commission, 'plan' | 'remaining' | 'restRemaining' | 'cap' | 'shares'>;

/** What each present party should hold of what remains of the order. */
export function targetOf(commission: Splittable): Amounts {
  return splitOf(basesOf(commission), commission.plan, partiesOf(commission), capsOf(commission));
}

/** The part of it that counts against the limits of the offer. */
export function offeredIn(commission: Splittable): Amounts {
  return offeredOf(commission.remaining, commission.plan, partiesOf(commission), capsOf(commission));
}

export function basesOf({ remaining, restRemaining }: Pick<Commission, 'remaining' | 'restRemaining'>): Bases {
  return { base: remaining, rest: restRemaining };
}

function partiesOf({ shares }: Pick<Commission, 'shares'>): Set<Party> {
  return new Set(shares.map(({ party }) => party));
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
): { lines: PaidLine[]; taken: Bases } {
  const taken = { base: 0n, rest: 0n };
  const after = lines.map((line) => {
    const asked = returned.reduce((sum, { lineId, net }) => (lineId === line.lineId ? sum + net : sum), 0n);
    const left = line.net - line.returned;
    const take = asked < 0n ? 0n : asked > left ? left : asked;
    taken[line.rest ? 'rest' : 'base'] += take;
    return { ...line, returned: line.returned + take };
  });
  return { lines: after, taken };
}

/** The share of a contributor, before anything is posted. Who sells to customers of its own, is not known or has left gets none. */
export function contributorShare(contributor: string | null, seller: string): Share | null {
  if (contributor === null || contributor === seller) return null;
  const owner = `brand:${contributor}`;
  return { party: 'contributor', owner, payee: owner, through: contributor, cap: null, held: 0n, told: true };
}

/** Reasons that tell nothing beyond the seller's own order. */
const TOLD_REASONS: ReadonlySet<string | null> = new Set(['order_known', 'returned']);

/**
 * State and reason as the seller reads them. A suspicion would tell that its buyer and the owner of another brand's code are one person: it
 * looks like any other, also once its hold is over, and what the operator wrote about it is the operator's. For the same reason nothing tells
 * whether persons have been paid by now.
 */
export function shownState(
  { state, reason, holdUntil: until }: Pick<Commission, 'state' | 'reason' | 'holdUntil'>,
  now: Date,
): Pick<Commission, 'state' | 'reason'> {
  const going = until === null ? 'pending' : until <= now ? 'payable' : 'held';
  const shown = ['held', 'payable', 'paid', 'fraud_hold'].includes(state) ? going : state;
  return { state: shown, reason: TOLD_REASONS.has(reason) ? reason : null };
}

/** Where a commission goes when nothing of its order remains. */
export function endState({ state, receivedAt }: Pick<Commission, 'state' | 'receivedAt'>): CommissionState {
  if (state === 'pending' || (state === 'fraud_hold' && receivedAt === null)) return 'cancelled';
  return state === 'held' || state === 'fraud_hold' || state === 'payable' || state === 'paid' ? 'reversed' : state;
}

export function byParty<T extends { readonly party: Party }>(a: T, b: T): number {
  return PARTIES.indexOf(a.party) - PARTIES.indexOf(b.party);
}
