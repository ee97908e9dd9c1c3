import { Decimal, formatInstant } from '#libs/kernel';

import { OPERATOR } from '../postings/issuer.js';
import type { NetworkReason } from '../postings/lot-reasons.js';
import { evaluate } from '../rules/earning.js';
import type { Earning } from '../rules/earning.js';
import { availableFrom, expiryOf } from '../rules/expiry.js';
import type { RuleVersion } from '../rules/rule.js';
import { addsPoints } from '../tiers/tier.js';
import type { TierBenefit } from '../tiers/tier.js';
import { bonusOn, bonusTrace } from '../tiers/tier-bonus.js';
import type { OrderLine } from './order-returns.js';

export interface BoughtLine {
  lineId: string;
  sku: string | null;
  category: string;
  quantity: bigint;
  /** Minor units paid in money, after discounts and points. */
  net: bigint;
}

/** The claimed referral of the order, as reported at the checkout. */
export interface OrderReferral {
  code: string | null;
  guide: string | null;
  click: string | null;
}

/** `in_store`: the buyer has the goods; `delivery`: the buyer has them once a delivery is reported. */
export type Fulfilment = 'in_store' | 'delivery';

/** A purchase as a brand reports it. */
export interface Order {
  externalId: string;
  memberRef: string;
  storeRef: string | null;
  occurredAt: Date;
  currency: string;
  campaign: string | null;
  /** Authorization of the points that paid the rest, by its public id. */
  authorizationId: string | null;
  referral: OrderReferral | null;
  fulfilment: Fulfilment;
  lines: readonly BoughtLine[];
}

/** Points that one rule, or a tier bonus on it, gives for an order, with the times they become spendable and expire. */
export interface PlannedLot {
  ruleId: string;
  reason: Extract<NetworkReason, 'purchase' | 'tier_bonus'>;
  /** Who owes the points; the selling brand if absent. */
  issuer?: string;
  points: bigint;
  untilDelivered?: boolean;
  availableFrom: Date | null;
  expiresAt: Date | null;
}

/** What an order gives, before posting. */
export interface OrderPlan {
  earning: Earning;
  /** The tier whose multiplier applies, even if rounding left no points to add. */
  tier: TierBenefit | null;
  /** Points of the tier bonus, included in `points`. */
  bonus: bigint;
  points: bigint;
  trace: string[];
  lots: PlannedLot[];
  /** Points spendable immediately. */
  earned: bigint;
  /** Points that become spendable later, at the latest at `availableAt`. */
  pending: bigint;
  availableAt: Date | null;
}

/** Works out what an order gives at `now`: one lot for each rule that gives points, and one for each tier bonus on it. */
export function planOrder(
  order: Order,
  rules: readonly RuleVersion[],
  now: Date,
  zone: string,
  member: TierBenefit | null = null,
): OrderPlan {
  const { occurredAt, storeRef, lines } = order;
  const earning = evaluate(rules, { occurredAt, store: storeRef, tier: member?.tier ?? null, lines });
  const tier = member !== null && addsPoints(member) ? member : null;
  const bonuses = tier === null ? [] : bonusesOf(earning, tier);
  const bonus = bonuses.reduce((sum, { points }) => sum + points, 0n);
  const base = earning.byRule.map(({ rule, points }) => ({ rule, points, reason: 'purchase' as const }));
  const lots = [...base, ...bonuses].filter(({ points }) => points > 0n).map((part) => plannedLot(part, order, zone));
  const waits = (lot: PlannedLot): boolean =>
    lot.untilDelivered === true || (lot.availableFrom !== null && lot.availableFrom > now);
  const waiting = lots.filter(waits);
  const pending = waiting.reduce((sum, { points }) => sum + points, 0n);
  const availableAt = waiting.reduce<Date | null>(
    (latest, lot) => (latest === null || (lot.availableFrom ?? latest) > latest ? lot.availableFrom : latest),
    null,
  );
  const points = earning.points + bonus;
  return {
    earning,
    tier,
    bonus,
    points,
    trace: tier !== null && bonus > 0n ? [...earning.trace, bonusTrace(tier, earning.points, bonus)] : earning.trace,
    lots,
    earned: points - pending,
    pending,
    availableAt,
  };
}

interface LotPart {
  rule: RuleVersion;
  points: bigint;
  reason: PlannedLot['reason'];
  issuer?: string;
}

/** The tier bonus, per rule: each has its own rounding, expiry and waiting time. */
function bonusesOf({ byRule }: Earning, tier: TierBenefit): LotPart[] {
  const multiplier = Decimal.parse(tier.multiplier);
  const issuer = tier.funder === 'operator' ? { issuer: OPERATOR } : {};
  return byRule.map(({ rule, net }) => ({
    rule,
    points: bonusOn(rule, net, multiplier),
    reason: 'tier_bonus',
    ...issuer,
  }));
}

function plannedLot({ rule, points, reason, issuer }: LotPart, order: Order, zone: string): PlannedLot {
  const untilDelivered = rule.pendingUntil === 'delivered' && order.fulfilment === 'delivery';
  return {
    ruleId: rule.id,
    reason,
    ...(issuer === undefined ? {} : { issuer }),
    points,
    ...(untilDelivered ? { untilDelivered } : {}),
    availableFrom: untilDelivered ? null : availableFrom(rule.pendingDays, order.occurredAt, zone),
    expiresAt: expiryOf(rule.expiry, order.occurredAt, zone),
  };
}

/** A line in the stored document of an order; `rule` is the version that applied. */
interface DocumentLine {
  lineId: string;
  sku: string | null;
  category: string;
  quantity: number;
  net: number;
  rule: string | null;
  points: number;
}

/** An order as stored permanently, so that returns can be recomputed and the brand can read it. */
export interface OrderDocument {
  memberRef: string;
  storeRef: string | null;
  /** Its uuid. */
  authorizationId: string | null;
  occurredAt: string;
  availableAt: string | null;
  pending: number;
  lines: DocumentLine[];
  trace: string[];
  /** The tier by whose multiplier returns are computed, and the points it added per line; absent if there was none. */
  tier?: TierBenefit;
  bonus?: number;
  referral?: OrderReferral;
  fulfilment?: Fulfilment;
}

/** What has been returned of an order so far, by line: quantity and net. */
export type ReturnedLines = Readonly<Record<string, [quantity: number, net: number]>>;

/** `authorizationId` is the uuid of the order's authorization. */
export function documentOf(order: Order, plan: OrderPlan, authorizationId: string | null): OrderDocument {
  return {
    memberRef: order.memberRef,
    storeRef: order.storeRef,
    authorizationId,
    occurredAt: formatInstant(order.occurredAt),
    availableAt: plan.availableAt === null ? null : formatInstant(plan.availableAt),
    pending: Number(plan.pending),
    lines: order.lines.map(({ lineId, sku, category, quantity, net }, index) => ({
      lineId,
      sku,
      category,
      quantity: Number(quantity),
      net: Number(net),
      rule: plan.earning.lines[index]?.ruleId ?? null,
      points: Number(plan.earning.lines[index]?.points ?? 0n),
    })),
    trace: plan.trace,
    ...(plan.tier === null ? {} : { tier: benefitOf(plan.tier), bonus: Number(plan.bonus) }),
    ...(order.referral === null ? {} : { referral: order.referral }),
    ...(order.fulfilment === 'in_store' ? {} : { fulfilment: order.fulfilment }),
  };
}

function benefitOf({ tier, rank, multiplier, funder, ladderVersion }: TierBenefit): TierBenefit {
  return { tier, rank, multiplier, funder, ladderVersion };
}

/** What has been returned of one line. Line ids are arbitrary text of the brand. */
export function returnedOfLine(returned: ReturnedLines | null, lineId: string): [quantity: number, net: number] {
  return (returned !== null && Object.hasOwn(returned, lineId) ? returned[lineId] : undefined) ?? [0, 0];
}

export function linesOf(document: OrderDocument, returned: ReturnedLines | null): OrderLine[] {
  return document.lines.map(({ lineId, category, quantity, net, rule }) => {
    const [returnedQuantity, returnedNet] = returnedOfLine(returned, lineId);
    return {
      lineId,
      category,
      quantity: BigInt(quantity),
      net: BigInt(net),
      returnedQuantity: BigInt(returnedQuantity),
      returnedNet: BigInt(returnedNet),
      ruleId: rule,
    };
  });
}

export function returnedOf(lines: readonly OrderLine[]): ReturnedLines {
  return Object.fromEntries(
    lines
      .filter((line) => line.returnedQuantity > 0n || line.returnedNet > 0n)
      .map((line) => [line.lineId, [Number(line.returnedQuantity), Number(line.returnedNet)]]),
  );
}
