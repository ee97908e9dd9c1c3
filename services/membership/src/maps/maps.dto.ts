import { IsInstant, IsText, IsWhole } from '#libs/http';

export class TierMapDto {
  @IsText(64, { example: 'platinum', description: 'A word of the brand’s own.' })
  brandTier!: string;

  @IsWhole(1, 3)
  rank!: number;

  @IsInstant()
  validFrom!: string;

  @IsInstant({ optional: true })
  validTo?: string | null;
}

export class BrandTierDto {
  @IsText(64, { optional: true, example: 'platinum' })
  brandTier?: string | null;

  @IsInstant({ optional: true, description: 'When the brand’s own tier ends.' })
  until?: string | null;
}
