import { Decimal, fail } from '#libs/kernel';

import { OPERATOR } from '../postings/issuer.js';
import { earn } from '../rules/earning.js';
import type { Earning } from '../rules/earning.js';
import type { RuleVersion } from '../rules/rule.js';
import type { TierBenefit } from '../tiers/tier.js';
import { bonusKept, multipliedPoints } from '../tiers/tier-bonus.js';

/** A line of a stored order: what was bought, what has been returned, and the rule that applied. */
export interface OrderLine {
  lineId: string;
  category: string;
  quantity: bigint;
  net: bigint;
  returnedQuantity: bigint;
  returnedNet: bigint;
  /** Version of the earning rule that applied to the line; null if none did. */
  ruleId: string | null;
}

export interface ReturnLine {
  lineId: string;
  quantity: bigint;
  net: bigint;
}

/** A return of goods as a brand reports it. */
export interface OrderReturn {
  externalId: string;
  occurredAt: Date;
  lines: readonly ReturnLine[];
}

/**
 * Returns the lines of an order after a return.
 * @throws DomainError `return_exceeds_purchase` if more is returned than was bought, by line, quantity or net, with pointers into
 * the return's lines
 */
export function applyReturn(lines: readonly OrderLine[], returned: readonly ReturnLine[]): OrderLine[] {
  const known = new Map(lines.map((line) => [line.lineId, line]));
  const faults = returned.flatMap((back, index) => {
    const line = known.get(back.lineId);
    const at = `/lines/${index}`;
    const code = 'return_exceeds_purchase';
    if (!line) return [{ pointer: `${at}/lineId`, code, detail: 'the order has no such line' }];
    const quantityLeft = line.quantity - line.returnedQuantity;
    const netLeft = line.net - line.returnedNet;
    return [
      ...(back.quantity > quantityLeft
        ? [{ pointer: `${at}/quantity`, code, detail: `${quantityLeft} can still be returned` }]
        : []),
      ...(back.net > netLeft ? [{ pointer: `${at}/net`, code, detail: `${netLeft} can still be returned` }] : []),
    ];
  });
  if (faults.length > 0) fail('return_exceeds_purchase', { errors: faults });

  const back = new Map(returned.map((line) => [line.lineId, line]));
  return lines.map((line) => {
    const part = back.get(line.lineId);
    if (!part) return line;
    return {
      ...line,
      returnedQuantity: line.returnedQuantity + part.quantity,
      returnedNet: line.returnedNet + part.net,
    };
  });
}

/** What an order has earned on its remaining lines, under the rule versions it was posted with. */
export function targetOf(lines: readonly OrderLine[], rules: ReadonlyMap<string, RuleVersion>): Earning {
  return earn(
    lines.map(({ lineId, category, net, returnedNet }) => ({ lineId, category, net: net - returnedNet })),
    lines.map(({ ruleId }) => (ruleId === null ? null : (rules.get(ruleId) ?? fail('internal_error')))),
  );
}

export interface IssuedPart {
  issuer: string;
  points: bigint;
}

/**
 * Each issuer's share of an order with its remaining lines: the seller owes the base points, the funder owes the tier bonus.
 * Together they are the multiplied points of the remaining lines. Neither share grows with a return; both end at zero.
 */
export function partsOf(
  lines: readonly OrderLine[],
  rules: ReadonlyMap<string, RuleVersion>,
  seller: string,
  tier: TierBenefit | null,
): IssuedPart[] {
  if (tier === null) return [{ issuer: seller, points: targetOf(lines, rules).points }];
  const multiplier = Decimal.parse(tier.multiplier);
  const bought = new Map<string, { left: bigint; net: bigint }>();
  for (const { ruleId, net, returnedNet } of lines) {
    if (ruleId === null) continue;
    const sum = bought.get(ruleId) ?? { left: 0n, net: 0n };
    bought.set(ruleId, { left: sum.left + net - returnedNet, net: sum.net + net });
  }
  let total = 0n;
  let operator = 0n;
  for (const [ruleId, { left, net }] of bought) {
    const rule = rules.get(ruleId) ?? fail('internal_error');
    total += multipliedPoints(rule, left, multiplier);
    if (tier.funder === 'operator') operator += bonusKept(rule, left, net, multiplier);
  }
  return [
    { issuer: seller, points: total - operator },
    { issuer: OPERATOR, points: operator },
  ];
}

/** What a return takes back, per issuer. */
export function reversedParts(before: readonly IssuedPart[], after: readonly IssuedPart[]): IssuedPart[] {
  const left = new Map(after.map(({ issuer, points }) => [issuer, points]));
  return before
    .map(({ issuer, points }) => ({ issuer, points: points - (left.get(issuer) ?? 0n) }))
    .filter(({ points }) => points !== 0n);
}
