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

export interface PaidLine {
  readonly lineId: string;
  readonly net: bigint;
  readonly returned: bigint;
  /** Outside the goods of the offer. */
  readonly rest: boolean;
}

/** One party of a commission: its identity and the amount it holds now. */
export interface Share {
  readonly party: Party;
  readonly owner: string;
  readonly payee: string;
  /** The brand through which the share is earned; null for the operator. */
  readonly through: string | null;
  readonly cap: bigint | null;
  readonly held: bigint;
  /** Whether the brand through which the share is earned has been told of it. */
  readonly told: boolean;
}

export const PROMOTED: ReadonlySet<Party> = new Set(['distributor', 'introducer']);

/** Whether the brand through which a share is earned can read the whole order anyway. If not, it is told sums over several buyers. */
export function toldAtOnce({ party, through }: Pick<Share, 'party' | 'through'>, seller: string): boolean {
  return !PROMOTED.has(party) || through === seller;
}

/**
 * Whether settlement receives a share's legs immediately. A promoting brand reads them in its statement, so they wait until it is
 * told.
 */
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
  /** Paid for the goods of the plan, and what remains of it after refunds. The `rest` fields are the same for all other goods. */
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
  /** The buyer's contributor was not known when the commission was opened. The contributor can still earn. */
  readonly unbound: boolean;
  readonly shares: readonly Share[];
}

const DAY_MS = 86_400_000;

/**
 * The end of the hold: the return window and one day, counted from receipt of the goods or, if later, from when the network
 * received the event. A till that dates an order far back cannot make it payable immediately.
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

/** The inputs of a split: plan, caps, present parties, and what remains of the order. */
export type Splittable = Pick<Commission, 'plan' | 'remaining' | 'restRemaining' | 'cap' | 'shares'>;

/** The amount that each present party should hold of what remains of the order. */
export function targetOf(commission: Splittable): Amounts {
  return splitOf(basesOf(commission), commission.plan, partiesOf(commission), capsOf(commission));
}

/** The part of the target that counts against the limits of the offer. */
export function offeredIn(commission: Splittable): Amounts {
  return offeredOf(commission.remaining, commission.plan, partiesOf(commission), capsOf(commission));
}

export function basesOf({ remaining, restRemaining }: Pick<Commission, 'remaining' | 'restRemaining'>): Bases {
  return { base: remaining, rest: restRemaining };
}

function partiesOf({ shares }: Pick<Commission, 'shares'>): Set<Party> {
  return new Set(shares.map(({ party }) => party));
}

/** The commission after a refund. Each party drops to its part of what remains and never rises. */
export function reduced(commission: Commission): Commission {
  const held: Amounts = new Map(commission.shares.map((share) => [share.party, share.held]));
  const back = clawBacks(held, targetOf(commission));
  const shares = commission.shares.map((share) => ({ ...share, held: share.held - (back.get(share.party) ?? 0n) }));
  return { ...commission, shares };
}

/** Lines after a return, and the amount that the return took from them. An amount that a line no longer has cannot be taken again. */
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

/**
 * The share of a contributor before any posting. There is none if the seller contributed the buyer, or if the contributor is
 * unknown or has left.
 */
export function contributorShare(contributor: string | null, seller: string): Share | null {
  if (contributor === null || contributor === seller) return null;
  const owner = `brand:${contributor}`;
  return { party: 'contributor', owner, payee: owner, through: contributor, cap: null, held: 0n, told: true };
}

/** Reasons that reveal nothing beyond the seller's own order. */
const TOLD_REASONS: ReadonlySet<string | null> = new Set(['order_known', 'returned']);

/**
 * State and reason as the seller reads them. A suspicion would reveal that the buyer and the owner of another brand's code are one
 * person. It is therefore shown like any other commission, also after its hold, and the operator's note stays with the operator.
 * For the same reason the seller cannot see whether persons have been paid.
 */
export function shownState(
  { state, reason, holdUntil: until }: Pick<Commission, 'state' | 'reason' | 'holdUntil'>,
  now: Date,
): Pick<Commission, 'state' | 'reason'> {
  const going = until === null ? 'pending' : until <= now ? 'payable' : 'held';
  const shown = ['held', 'payable', 'paid', 'fraud_hold'].includes(state) ? going : state;
  return { state: shown, reason: TOLD_REASONS.has(reason) ? reason : null };
}

/** The final state of a commission when nothing of its order remains. */
export function endState({ state, receivedAt }: Pick<Commission, 'state' | 'receivedAt'>): CommissionState {
  if (state === 'pending' || (state === 'fraud_hold' && receivedAt === null)) return 'cancelled';
  return state === 'held' || state === 'fraud_hold' || state === 'payable' || state === 'paid' ? 'reversed' : state;
}

export function byParty<T extends { readonly party: Party }>(a: T, b: T): number {
  return PARTIES.indexOf(a.party) - PARTIES.indexOf(b.party);
}
