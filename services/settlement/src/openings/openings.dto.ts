import { IsText, IsWhole } from '#libs/http';

/** Body of `POST /v1/cycles/{cycle}/openings`. */
export class OpeningDto {
  @IsText(64, { example: 'ln_06EXAMPLE000000000000000AB', description: 'A total of your statement.' })
  line!: string;

  @IsWhole(1, 1_000_000_000, { example: 1, description: 'Position of the leg in the total, from 1 to count.' })
  leg!: number;

  @IsText(500, { example: 'Our count of that day is one less.' })
  reason!: string;
}

export class VerdictDto {
  @IsText(500, { example: 'dispute 2026-17, the member asked for it' })
  reason!: string;
}
