import { DEFAULT_LATENESS_DAYS, DEFAULT_LIMITS } from '#libs/directory';
import { IsCurrency, IsFlag, IsInstant, IsOneOf, IsPart, IsPoints, IsPrice, IsText, IsWhole } from '#libs/http';
import { fail, instantFrom, instantOrNull } from '#libs/kernel';
import { priceToMicro } from './contract.js';
import type { ContractTerms } from './contract.js';

export const CONTRACT_ROLES = ['issuer', 'redeemer'] as const;
export const ATTESTABLE = ['phone', 'email'] as const;

export class PricesBody {
  @IsPrice({ description: 'What the issuer pays per point issued, in minor units.', example: '1.05' })
  accrual!: string;

  @IsPrice({ description: 'What the redeemer receives per point accepted, in minor units.', example: '0.90' })
  reimbursement!: string;

  @IsPrice({ description: 'What the operator keeps per point, in minor units.', example: '0.15' })
  operatorFee!: string;
}

const limit = (what: string, points: number): PropertyDecorator =>
  IsPoints({ optional: true, description: `${what}. Default: ${points.toLocaleString('en')}.`, example: points });

/** Limits of a brand's grants without the operator's approval. Days follow the alliance's zone. */
export class LimitsBody {
  @limit('Points per order', DEFAULT_LIMITS.order)
  order?: number | null;

  @limit('Points per grant', DEFAULT_LIMITS.grant)
  grant?: number | null;

  @limit('Points from orders and grants per member and day', DEFAULT_LIMITS.memberDay)
  memberDay?: number | null;

  @limit('Points from orders and grants per day', DEFAULT_LIMITS.brandDay)
  brandDay?: number | null;

  @limit('Points that an earning rule gives per minor unit', DEFAULT_LIMITS.perMinorUnit)
  perMinorUnit?: number | null;
}

export class CreateContractBody {
  @IsInstant({ example: '2026-01-01T00:00:00+08:00' })
  validFrom!: string;

  @IsInstant({ optional: true, description: 'End, exclusive. null: open.' })
  validTo?: string | null;

  @IsOneOf(CONTRACT_ROLES, { each: true, maxItems: 2, example: ['issuer', 'redeemer'] })
  roles!: (typeof CONTRACT_ROLES)[number][];

  @IsText(40, {
    description: 'pay_at_redemption: the issuer pays when its points are spent.',
    example: 'pay_at_redemption',
  })
  fundingMode!: string;

  @IsCurrency()
  currency!: string;

  @IsPart(() => PricesBody)
  prices!: PricesBody;

  @IsPrice({ description: 'Value of a point to a member, in minor units.', example: '1.00' })
  faceValue!: string;

  @IsOneOf(['monthly'], { example: 'monthly' })
  cycle!: string;

  @IsFlag({
    optional: true,
    description: 'Whether the operator’s fee also applies to the brand’s own points. Default: false.',
  })
  feeOnOwn?: boolean | null;

  @IsWhole(1, 3_650, {
    optional: true,
    example: 30,
    description:
      'Days after which an order or a grant can no longer be reported. Default: 30. null: no limit, for importing history.',
  })
  latenessDays?: number | null;

  @IsOneOf(ATTESTABLE, {
    each: true,
    optional: true,
    maxItems: 2,
    example: ['phone'],
    description:
      'Contact points that count as verified by the brand when sent without verification details. Default: phone.',
  })
  attests?: (typeof ATTESTABLE)[number][] | null;

  @IsPart(() => LimitsBody, { optional: true })
  limits?: LimitsBody | null;
}

export class EndContractBody {
  @IsInstant({ description: 'End, exclusive. Must be in the future.' })
  validTo!: string;
}

export function contractTermsFrom(body: CreateContractBody): ContractTerms {
  const roles = [...new Set(body.roles)].sort();
  if (roles.length === 0 || roles.length !== body.roles.length) {
    const detail = 'Must be issuer, redeemer or both, each once.';
    fail('validation_failed', { errors: [{ pointer: '/roles', code: 'not_allowed', detail }] });
  }
  return {
    validFrom: instantFrom(body.validFrom),
    validTo: instantOrNull(body.validTo),
    roles,
    fundingMode: body.fundingMode,
    currency: body.currency,
    cycle: body.cycle,
    feeOnOwn: body.feeOnOwn ?? false,
    latenessDays: body.latenessDays === undefined ? DEFAULT_LATENESS_DAYS : body.latenessDays,
    attests: [...new Set(body.attests ?? ['phone'])].sort(),
    limits: {
      order: body.limits?.order ?? DEFAULT_LIMITS.order,
      grant: body.limits?.grant ?? DEFAULT_LIMITS.grant,
      memberDay: body.limits?.memberDay ?? DEFAULT_LIMITS.memberDay,
      brandDay: body.limits?.brandDay ?? DEFAULT_LIMITS.brandDay,
      perMinorUnit: body.limits?.perMinorUnit ?? DEFAULT_LIMITS.perMinorUnit,
    },
    accrualMicro: priceToMicro(body.prices.accrual),
    reimbursementMicro: priceToMicro(body.prices.reimbursement),
    operatorFeeMicro: priceToMicro(body.prices.operatorFee),
    faceValueMicro: priceToMicro(body.faceValue),
  };
}
