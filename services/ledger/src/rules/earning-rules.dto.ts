import { IsInstant, IsOneOf, IsPart, IsParts, IsText, IsWhole, PageQuery } from '#libs/http';
import { fail, instantFrom, instantOrNull } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';

import type { EarningBasis } from './earning.js';
import type { ExpiryPolicy, NewRule } from './rule.js';

export class RuleMatchDto {
  @IsText(64, { each: true, optional: true, example: ['A-001'] })
  stores?: string[] | null;

  @IsText(100, { each: true, optional: true, example: ['drinks'] })
  categories?: string[] | null;

  @IsText(100, { each: true, optional: true, example: ['gift-card'] })
  excludeCategories?: string[] | null;

  @IsText(64, { each: true, optional: true, example: [] })
  tiers?: string[] | null;
}

export class EarnDto {
  @IsWhole(0, 1_000_000_000, { example: 1 })
  points!: number;

  @IsWhole(1, 1_000_000_000_000, { example: 100, description: 'Minor units of money.' })
  per!: number;
}

export class RuleExpiryDto {
  @IsOneOf(['rolling', 'fixed', 'never'], { example: 'rolling' })
  kind!: 'rolling' | 'fixed' | 'never';

  @IsWhole(1, 1200, { optional: true, example: 12, description: 'With rolling.' })
  months?: number | null;

  @IsOneOf(['month', 'day'], {
    optional: true,
    example: 'month',
    description: 'With rolling: points are valid to the end of that month or day. Default: day.',
  })
  roundTo?: 'month' | 'day' | null;

  @IsInstant({ optional: true, description: 'With fixed: points are valid to the end of that day.' })
  at?: string | null;
}

export class SampleLineDto {
  @IsText(64, { example: '1' })
  lineId!: string;

  @IsText(100, { optional: true, example: 'drinks' })
  category?: string | null;

  @IsWhole(0, Number.MAX_SAFE_INTEGER, { example: 5600 })
  net!: number;
}

export class SampleOrderDto {
  @IsInstant()
  occurredAt!: string;

  @IsText(64, { optional: true, example: 'A-001' })
  storeRef?: string | null;

  @IsParts(() => SampleLineDto)
  lines!: SampleLineDto[];
}

export class EarningRuleDto {
  @IsText(63, { example: 'aurora' })
  brand!: string;

  @IsText(64, { example: 'base' })
  name!: string;

  @IsInstant({ example: '2026-01-01T00:00:00+08:00' })
  validFrom!: string;

  @IsInstant({ optional: true, description: 'End, exclusive. Default: open.' })
  validTo?: string | null;

  @IsPart(() => RuleMatchDto, { optional: true })
  match?: RuleMatchDto | null;

  @IsPart(() => EarnDto)
  earn!: EarnDto;

  @IsOneOf(['floor', 'half_up', 'ceil'], { optional: true, example: 'floor', description: 'Default: floor.' })
  rounding?: 'floor' | 'half_up' | 'ceil' | null;

  @IsWhole(0, 3660, { optional: true, example: 0, description: 'Days until the points can be spent. Default: 0.' })
  pendingDays?: number | null;

  @IsOneOf(['delivered'], {
    optional: true,
    description:
      'Points of an order that will be delivered wait for its delivery. Cannot be combined with pendingDays.',
  })
  pendingUntil?: 'delivered' | null;

  @IsPart(() => RuleExpiryDto)
  expiry!: RuleExpiryDto;

  @IsWhole(-1_000_000, 1_000_000, { optional: true, example: 0, description: 'Higher goes first. Default: 0.' })
  priority?: number | null;

  @IsPart(() => SampleOrderDto, { optional: true, description: 'With ?simulate=true: what this order would earn.' })
  sampleOrder?: SampleOrderDto | null;
}

export class RuleQuery {
  @IsText(5, { optional: true, pattern: /^(true|false)$/, example: 'true', description: 'Store nothing.' })
  simulate?: string;
}

export class RulesQuery extends PageQuery {
  @IsText(63, { optional: true, example: 'aurora' })
  brand?: string;

  @IsText(64, { optional: true, example: 'base' })
  name?: string;
}

/** Builds the rule from a body whose fields are valid one by one; refuses contradictions between them. */
export function ruleFrom(body: EarningRuleDto): NewRule {
  const validFrom = instantFrom(body.validFrom);
  const validTo = instantOrNull(body.validTo);
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

/** Each kind of expiry has its own fields and no others. */
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
  if (kind === 'fixed' && typeof at === 'string' && instantFrom(at) <= validFrom) {
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
  return kind === 'fixed' ? { kind, at: instantFrom(at ?? '') } : { kind };
}

export function sampleOrderFrom({ occurredAt, storeRef, lines }: SampleOrderDto): EarningBasis {
  return {
    occurredAt: instantFrom(occurredAt),
    store: storeRef ?? null,
    tier: null,
    lines: lines.map(({ lineId, category, net }) => ({ lineId, category: category ?? '', net: BigInt(net) })),
  };
}
