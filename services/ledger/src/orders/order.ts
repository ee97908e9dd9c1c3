import { formatInstant } from '#libs/kernel';

import { evaluate } from '../rules/earning.js';
import type { Earning } from '../rules/earning.js';
import { availableFrom, expiryOf } from '../rules/expiry.js';
import type { RuleVersion } from '../rules/rule.js';
import type { OrderLine } from './order-returns.js';

/** A line as it was bought. */
export interface BoughtLine {
  lineId: string;
  sku: string | null;
  category: string;
  quantity: bigint;
  /** Minor units paid in money, after discounts and points. */
  net: bigint;
}

/** A purchase as a brand reports it. */
export interface Order {
  externalId: string;
  memberRef: string;
  storeRef: string | null;
  occurredAt: Date;
  currency: string;
  campaign: string | null;
  /** Authorization of the points that paid the rest, as the brand knows it. */
  authorizationId: string | null;
  lines: readonly BoughtLine[];
}

/** Points that one rule gives for an order, with when they can be spent and when they die. */
export interface PlannedLot {
  ruleId: string;
  points: bigint;
  availableFrom: Date | null;
  expiresAt: Date | null;
}

/** What an order gives, before it is posted. */
export interface OrderPlan {
  earning: Earning;
  lots: PlannedLot[];
  /** Points that can be spent at once. */
  earned: bigint;
  /** Points that become spendable later, at the latest at `availableAt`. */
  pending: bigint;
  availableAt: Date | null;
}

/** Works out what an order gives at `now`: one lot for each rule that gives points. */
export function planOrder(order: Order, rules: readonly RuleVersion[], now: Date, zone: string): OrderPlan {
  const { occurredAt, storeRef, lines } = order;
  const earning = evaluate(rules, { occurredAt, store: storeRef, tier: null, lines });
  const lots = earning.byRule
    .filter(({ points }) => points > 0n)
    .map(({ rule, points }) => ({
      ruleId: rule.id,
      points,
      availableFrom: availableFrom(rule.pendingDays, occurredAt, zone),
      expiresAt: expiryOf(rule.expiry, occurredAt, zone),
    }));
  const waiting = lots.filter((lot) => lot.availableFrom !== null && lot.availableFrom > now);
  const pending = waiting.reduce((sum, { points }) => sum + points, 0n);
  const availableAt = waiting.reduce<Date | null>(
    (latest, lot) => (latest === null || (lot.availableFrom ?? latest) > latest ? lot.availableFrom : latest),
    null,
  );
  return { earning, lots, earned: earning.points - pending, pending, availableAt };
}

/** A line in the stored document of an order; `rule` is the version that took it. */
interface DocumentLine {
  lineId: string;
  sku: string | null;
  category: string;
  quantity: number;
  net: number;
  rule: string | null;
  points: number;
}

/** An order as it is kept for ever, so that returns can recompute it and the brand can read it. */
export interface OrderDocument {
  memberRef: string;
  storeRef: string | null;
  authorizationId: string | null;
  occurredAt: string;
  availableAt: string | null;
  pending: number;
  lines: DocumentLine[];
  trace: string[];
}

/** What has come back of an order so far, by line: quantity and net. */
export type ReturnedLines = Record<string, [quantity: number, net: number]>;

export function documentOf(order: Order, plan: OrderPlan): OrderDocument {
  return {
    memberRef: order.memberRef,
    storeRef: order.storeRef,
    authorizationId: order.authorizationId,
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
    trace: plan.earning.trace,
  };
}

/** The lines of a stored order with what has come back of them. */
export function linesOf(document: OrderDocument, returned: ReturnedLines): OrderLine[] {
  return document.lines.map(({ lineId, category, quantity, net, rule }) => {
    const [returnedQuantity, returnedNet] = returned[lineId] ?? [0, 0];
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

/** What has come back of an order, in the form it is stored in. */
export function returnedOf(lines: readonly OrderLine[]): ReturnedLines {
  return Object.fromEntries(
    lines
      .filter((line) => line.returnedQuantity > 0n || line.returnedNet > 0n)
      .map((line) => [line.lineId, [Number(line.returnedQuantity), Number(line.returnedNet)]]),
  );
}
