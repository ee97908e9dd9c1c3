import { IsInstant, IsPrice, IsText, IsWhole } from '#libs/http';

/** Body of `POST /v1/operator/referral-programmes`. */
export class ProgrammeDto {
  @IsWhole(0, 10_000, {
    example: 200,
    description: 'What a contributor earns on goods that no offer pays on, in basis points.',
  })
  contributorBp!: number;

  @IsWhole(0, 10_000, {
    optional: true,
    example: 100,
    description:
      'The least that a contributor earns on goods of an offer, whatever the offer and its limits say; 0 unless said.',
  })
  contributorFloorBp?: number | null;

  @IsWhole(1, 1_000, {
    optional: true,
    example: 1,
    description: 'Levels that earn: 1, or 2 with a sign-off. More is refused.',
  })
  maxDepth?: number | null;

  @IsText(200, { optional: true, description: 'Who approved level 2 and where that is written.' })
  signOff?: string | null;

  @IsWhole(1, 180, { optional: true, example: 180, description: 'For how long an introduction earns.' })
  introducerDays?: number | null;

  @IsWhole(0, 180, { optional: true, example: 14, description: 'Return window of orders under the default.' })
  returnDays?: number | null;

  @IsPrice({
    optional: true,
    aboveZero: true,
    example: '1.05',
    description: 'Minor units per point at which earnings become points.',
  })
  conversionPrice?: string | null;

  @IsInstant()
  validFrom!: string;
}
