import {
  Field,
  IsCurrency,
  IsExternalId,
  IsInstant,
  IsMinorAmount,
  IsOneOf,
  IsPart,
  IsParts,
  IsText,
  IsWhole,
} from '#libs/http';
import { fail, instantFrom } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';

import type { OrderDelivery } from './delivery.js';
import type { Order, OrderReferral } from './order.js';
import type { OrderReturn } from './order-returns.js';

/** Most money of one order, in minor units: sums over millions of orders still fit into 64 bits. */
const MOST = 1_000_000_000_000n;

/** Categories are the brand's own words; real tills send empty ones. */
const explainCategory = (value: unknown): { code: string; detail: string } | null => {
  if (typeof value !== 'string') return { code: 'not_a_string', detail: 'Must be a string.' };
  if (value.length > 100) return { code: 'too_long', detail: 'Must have at most 100 characters.' };
  return /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(value)
    ? { code: 'control_character', detail: 'Must not contain control characters.' }
    : null;
};

export class OrderLineDto {
  @IsText(64, { example: '1' })
  lineId!: string;

  @IsText(128, { optional: true, example: 'latte' })
  sku?: string | null;

  @Field('category', explainCategory, { type: 'string', maxLength: 100 }, { optional: true, example: 'drinks' })
  category?: string | null;

  @IsWhole(0, Number.MAX_SAFE_INTEGER, { example: 2, description: 'Zero only on a line that costs nothing.' })
  quantity!: number;

  @IsWhole(0, Number(MOST), {
    example: 5600,
    description:
      'Money paid for the line in minor units, after discounts and points. All lines together have the same bounds.',
  })
  net!: number;
}

export class ReferralDto {
  @IsText(64, { optional: true, description: 'A referral code that the buyer named.', example: 'AURORA7' })
  code?: string | null;

  @IsText(64, { optional: true, description: 'The guide who served the buyer.' })
  guide?: string | null;

  @IsText(128, { optional: true, description: 'The click that led to the order.' })
  click?: string | null;
}

export class OrderDto {
  @IsExternalId()
  externalId!: string;

  @IsText(64, { example: 'mb_06EXAMPLE000000000000000AB' })
  memberRef!: string;

  @IsText(64, { optional: true, example: 'A-001' })
  storeRef?: string | null;

  @IsInstant({ description: 'At most as many days back as the contract allows: 30 unless it says otherwise.' })
  occurredAt!: string;

  @IsCurrency()
  currency!: string;

  @IsText(64, { optional: true, example: 'spring' })
  campaign?: string | null;

  @IsParts(() => OrderLineDto, { max: 500 })
  lines!: OrderLineDto[];

  @IsText(64, { optional: true, description: 'The authorization that paid the rest, if any.' })
  authorizationId?: string | null;

  @IsPart(() => ReferralDto, { optional: true, description: 'Who brought the order, as far as the checkout knows.' })
  referral?: ReferralDto | null;

  @IsOneOf(['in_store', 'delivery'], {
    optional: true,
    example: 'in_store',
    description: 'delivery: the buyer has the goods once a delivery is reported. Default: in_store.',
  })
  fulfilment?: 'in_store' | 'delivery' | null;
}

export class OrderQuery {
  @IsText(5, { optional: true, pattern: /^(true|false)$/, example: 'true', description: 'Simulate: post nothing.' })
  simulate?: string;
}

export class ReturnLineDto {
  @IsText(64, { example: '1' })
  lineId!: string;

  @IsWhole(0, Number.MAX_SAFE_INTEGER, { example: 1 })
  quantity!: number;

  @IsMinorAmount({ example: 2800 })
  net!: number;
}

export class DeliveryDto {
  @IsExternalId({ example: 'A-DEL-1' })
  externalId!: string;

  @IsInstant({ description: 'Not earlier than the order.' })
  occurredAt!: string;
}

export class OrderReturnDto {
  @IsExternalId({ example: 'A-RET-1' })
  externalId!: string;

  @IsInstant({ description: 'Not earlier than the order.' })
  occurredAt!: string;

  @IsParts(() => ReturnLineDto, { max: 500 })
  lines!: ReturnLineDto[];
}

/** Builds the order from a body whose fields are valid one by one; refuses contradictions between them. */
export function orderFrom(body: OrderDto): Order {
  const faults = repeatedLines(body.lines);
  body.lines.forEach(({ quantity, net }, index) => {
    if (quantity === 0 && net > 0) {
      const detail = 'The quantity is 0, but net is not.';
      faults.push({ pointer: `/lines/${index}/quantity`, code: 'out_of_range', detail });
    }
  });
  if (faults.length > 0) fail('validation_failed', { errors: faults });
  const lines = body.lines.map(({ lineId, sku, category, quantity, net }) => ({
    lineId,
    sku: sku ?? null,
    category: category ?? '',
    quantity: BigInt(quantity),
    net: BigInt(net),
  }));
  if (lines.reduce((sum, { net }) => sum + net, 0n) > MOST)
    fail('amount_out_of_range', {
      detail: `The lines of an order come to at most ${MOST} minor units together.`,
      extra: { limit: Number(MOST) },
    });
  return {
    externalId: body.externalId,
    memberRef: body.memberRef,
    storeRef: body.storeRef ?? null,
    occurredAt: instantFrom(body.occurredAt),
    currency: body.currency,
    campaign: body.campaign ?? null,
    authorizationId: body.authorizationId ?? null,
    referral: referralFrom(body.referral),
    fulfilment: body.fulfilment ?? 'in_store',
    lines,
  };
}

function referralFrom(said: OrderDto['referral']): OrderReferral | null {
  const [code, guide, click] = [said?.code ?? null, said?.guide ?? null, said?.click ?? null];
  return code === null && guide === null && click === null ? null : { code, guide, click };
}

/** Builds the delivery from a body whose fields are valid one by one. */
export function deliveryFrom(body: DeliveryDto): OrderDelivery {
  return { externalId: body.externalId, occurredAt: instantFrom(body.occurredAt) };
}

/** Builds the return from a body whose fields are valid one by one; refuses contradictions between them. */
export function orderReturnFrom(body: OrderReturnDto): OrderReturn {
  const faults = repeatedLines(body.lines);
  if (faults.length > 0) fail('validation_failed', { errors: faults });
  return {
    externalId: body.externalId,
    occurredAt: instantFrom(body.occurredAt),
    lines: body.lines.map(({ lineId, quantity, net }) => ({
      lineId,
      quantity: BigInt(quantity),
      net: BigInt(net),
    })),
  };
}

function repeatedLines(lines: readonly { lineId: string }[]): FieldFault[] {
  if (lines.length === 1) return [];
  const seen = new Set<string>();
  return lines.flatMap(({ lineId }, index) => {
    if (!seen.has(lineId)) {
      seen.add(lineId);
      return [];
    }
    return [{ pointer: `/lines/${index}/lineId`, code: 'duplicate', detail: 'Another line has this id.' }];
  });
}
