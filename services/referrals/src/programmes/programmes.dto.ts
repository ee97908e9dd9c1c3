import { IsInstant, IsPrice, IsText, IsWhole } from '#libs/http';
import { Decimal, fail, instantFrom, MICRO_SCALE } from '#libs/kernel';
import type { ProgrammeTerms } from './programme.js';

/** Body of `POST /v1/operator/referral-programmes`. */
export class ProgrammeDto {
  @IsWhole(0, 10_000, {
    example: 200,
    description: 'Contributor’s share on goods outside any offer, in basis points.',
  })
  contributorBp!: number;

  @IsWhole(0, 10_000, {
    optional: true,
    example: 100,
    description: 'Contributor’s minimum share on goods of an offer, whatever the offer and its limits say. Default: 0.',
  })
  contributorFloorBp?: number | null;

  @IsWhole(1, 1_000, {
    optional: true,
    example: 1,
    description: 'Levels that earn: 1, or 2 with a sign-off. More is refused.',
  })
  maxDepth?: number | null;

  @IsText(200, { optional: true, description: 'Who approved level 2, and where the approval is recorded.' })
  signOff?: string | null;

  @IsWhole(1, 180, { optional: true, example: 180, description: 'How long an introduction earns.' })
  introducerDays?: number | null;

  @IsWhole(0, 180, { optional: true, example: 14, description: 'Return window of orders without an offer, in days.' })
  returnDays?: number | null;

  @IsPrice({
    optional: true,
    aboveZero: true,
    example: '1.05',
    description: 'Price of a point when earnings are converted, in minor units.',
  })
  conversionPrice?: string | null;

  @IsInstant()
  validFrom!: string;
}

/** @throws DomainError `depth_exceeded`, `validation_failed` for level 2 without a sign-off */
export function programmeTermsFrom(body: ProgrammeDto): ProgrammeTerms {
  const maxDepth = body.maxDepth ?? 1;
  if (maxDepth !== 1 && maxDepth !== 2) fail('depth_exceeded');
  const signOff = body.signOff ?? null;
  if (maxDepth === 2 && signOff === null) {
    const detail = 'Level 2 needs a legal sign-off.';
    fail('validation_failed', { errors: [{ pointer: '/signOff', code: 'required', detail }] });
  }
  const price = body.conversionPrice ?? null;
  return {
    contributorBp: body.contributorBp,
    contributorFloorBp: body.contributorFloorBp ?? 0,
    maxDepth,
    signOff,
    introducerDays: body.introducerDays ?? 180,
    returnDays: body.returnDays ?? 14,
    conversionPriceMicro: price === null ? null : Decimal.parse(price).toScaled(MICRO_SCALE),
    validFrom: instantFrom(body.validFrom),
  };
}
