import { IsInstant, IsPrice, IsText, IsWhole } from '#libs/http';

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
