import { divRound, largestRemainder } from '#libs/kernel';

import { rulesInForce, takes } from './precedence.js';
import { ruleLabel } from './rule.js';
import type { RuleVersion } from './rule.js';

/** The fields of an order line that matter for earning. */
export interface EarningLine {
  lineId: string;
  category: string;
  /** Minor units paid in money, after discounts and points. */
  net: bigint;
}

/** The fields of an order that matter for earning. */
export interface EarningBasis {
  occurredAt: Date;
  store: string | null;
  tier: string | null;
  lines: readonly EarningLine[];
}

export interface RuleEarning {
  rule: RuleVersion;
  /** Sum of the matched lines' net. */
  net: bigint;
  points: bigint;
}

/** What an order earns, before posting. */
export interface Earning {
  points: bigint;
  byRule: RuleEarning[];
  /** In the order of the input. `ruleId` is null if no rule applied to the line. */
  lines: { lineId: string; ruleId: string | null; points: bigint }[];
  trace: string[];
}

/** Points of a rule on a sum of money, with the rule's rounding. */
export function pointsOn(rule: Pick<RuleVersion, 'earn' | 'rounding'>, net: bigint): bigint {
  return divRound(net * rule.earn.points, rule.earn.per, rule.rounding);
}

/** One line of a trace: `base v1: 1 per 100 on 5600 = 56`. */
export function traceOf(rule: RuleVersion, net: bigint, points: bigint): string {
  return `${ruleLabel(rule)}: ${rule.earn.points} per ${rule.earn.per} on ${net} = ${points}`;
}

/**
 * What an order earns. The first rule in force that matches a line applies to it. Points are computed once per rule on the sum of
 * its lines; lines get their shares by largest remainder.
 */
export function evaluate(rules: readonly RuleVersion[], basis: EarningBasis): Earning {
  const inForce = rulesInForce(rules, basis.occurredAt);
  const assignment = basis.lines.map((line) => {
    if (line.net === 0n) return null;
    const facts = { store: basis.store, tier: basis.tier, category: line.category };
    return inForce.find((rule) => takes(rule, facts)) ?? null;
  });
  return earn(basis.lines, assignment);
}

/** What lines earn when the rule of each is known: the second half of `evaluate`, and all that a return needs. */
export function earn(lines: readonly EarningLine[], assignment: readonly (RuleVersion | null)[]): Earning {
  const members = new Map<string, { rule: RuleVersion; indexes: number[] }>();
  lines.forEach((line, index) => {
    const rule = assignment[index];
    if (!rule || line.net === 0n) return;
    const group = members.get(rule.id) ?? { rule, indexes: [] };
    group.indexes.push(index);
    members.set(rule.id, group);
  });

  const shares: bigint[] = lines.map(() => 0n);
  const byRule: RuleEarning[] = [];
  for (const { rule, indexes } of members.values()) {
    const weights = indexes.map((index) => lines[index]?.net ?? 0n);
    const net = weights.reduce((sum, weight) => sum + weight, 0n);
    const points = pointsOn(rule, net);
    byRule.push({ rule, net, points });
    largestRemainder(points, weights).forEach((share, position) => {
      const index = indexes[position];
      if (index !== undefined) shares[index] = share;
    });
  }
  return {
    points: byRule.reduce((sum, part) => sum + part.points, 0n),
    byRule,
    lines: lines.map((line, index) => ({
      lineId: line.lineId,
      ruleId: assignment[index]?.id ?? null,
      points: shares[index] ?? 0n,
    })),
    trace: byRule.map((part) => traceOf(part.rule, part.net, part.points)),
  };
}
