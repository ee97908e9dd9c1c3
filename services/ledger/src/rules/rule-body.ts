import { fail, formatInstant, parseInstant } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';

import type { EarningRuleView } from './earning-rules.answers.js';
import type { EarningRuleDto, RuleExpiryDto } from './earning-rules.dto.js';
import type { ExpiryPolicy, RuleVersion } from './rule.js';

/** A rule as the operator asks for it: not yet a version. */
export type NewRule = Omit<RuleVersion, 'id' | 'version'>;

/** The rule in a body whose fields are each in order; refuses what is wrong between them. */
export function ruleFrom(body: EarningRuleDto): NewRule {
  const validFrom = instant(body.validFrom);
  const validTo = typeof body.validTo === 'string' ? instant(body.validTo) : null;
  const faults: FieldFault[] = expiryFaults(body.expiry, validFrom);
  if (validTo !== null && validTo <= validFrom) {
    faults.push({ pointer: '/validTo', code: 'out_of_range', detail: 'The rule ends before it starts.' });
  }
  if (body.pendingUntil === 'delivered' && (body.pendingDays ?? 0) > 0) {
    const detail = 'Points can wait for the delivery or for a number of days, not for both.';
    faults.push({ pointer: '/pendingUntil', code: 'not_allowed', detail });
  }
  if (faults.length > 0) fail('validation_failed', { errors: faults });
  return {
    brand: body.brand,
    name: body.name,
    validFrom,
    validTo,
    priority: body.priority ?? 0,
    match: {
      stores: body.match?.stores ?? [],
      categories: body.match?.categories ?? [],
      excludeCategories: body.match?.excludeCategories ?? [],
      tiers: body.match?.tiers ?? [],
    },
    earn: { points: BigInt(body.earn.points), per: BigInt(body.earn.per) },
    rounding: body.rounding ?? 'floor',
    pendingDays: body.pendingDays ?? 0,
    ...(body.pendingUntil === 'delivered' ? { pendingUntil: body.pendingUntil } : {}),
    expiry: expiryFrom(body.expiry),
  };
}

/** A version as it goes on the wire. */
export function ruleView<Id extends string | null>(
  rule: NewRule,
  id: Id,
  version: number,
): Omit<EarningRuleView, 'id'> & { id: Id } {
  const { brand, name, validFrom, validTo, match, earn, rounding, pendingDays, pendingUntil, expiry, priority } = rule;
  return {
    id,
    brand,
    name,
    version,
    validFrom: formatInstant(validFrom),
    validTo: validTo === null ? null : formatInstant(validTo),
    match,
    earn: { points: Number(earn.points), per: Number(earn.per) },
    rounding,
    pendingDays,
    ...(pendingUntil === undefined ? {} : { pendingUntil }),
    expiry: expiry.kind === 'fixed' ? { kind: 'fixed', at: formatInstant(expiry.at) } : expiry,
    priority,
  };
}

/** Each kind of expiry has its own fields, and no others. */
function expiryFaults(expiry: RuleExpiryDto, validFrom: Date): FieldFault[] {
  const needed: Record<RuleExpiryDto['kind'], string[]> = { rolling: ['months'], fixed: ['at'], never: [] };
  const allowed: Record<RuleExpiryDto['kind'], string[]> = { rolling: ['months', 'roundTo'], fixed: ['at'], never: [] };
  const { kind, months, roundTo, at } = expiry;
  const given = Object.entries({ months, roundTo, at })
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([field]) => field);
  const faults: FieldFault[] = [
    ...needed[kind]
      .filter((field) => !given.includes(field))
      .map((field) => ({ pointer: `/expiry/${field}`, code: 'required', detail: 'The field is missing.' })),
    ...given
      .filter((field) => !allowed[kind].includes(field))
      .map((field) => ({
        pointer: `/expiry/${field}`,
        code: 'not_allowed',
        detail: `${kind} does not have this field.`,
      })),
  ];
  if (kind === 'fixed' && typeof at === 'string' && instant(at) <= validFrom) {
    faults.push({
      pointer: '/expiry/at',
      code: 'out_of_range',
      detail: 'The points would have expired when they are given.',
    });
  }
  return faults;
}

function expiryFrom({ kind, months, roundTo, at }: RuleExpiryDto): ExpiryPolicy {
  if (kind === 'rolling') return { kind, months: months ?? 0, roundTo: roundTo ?? 'day' };
  return kind === 'fixed' ? { kind, at: instant(at ?? '') } : { kind };
}

function instant(text: string): Date {
  return parseInstant(text) ?? fail('validation_failed');
}
