import { IsExternalId, IsInstant, IsOneOf, IsText, IsWhole } from '#libs/http';

export class TierGrantDto {
  @IsExternalId({ example: 'match-2026-17', description: 'The operator’s own permanent id of the grant.' })
  externalId!: string;

  @IsText(64, { example: 'mb_06EXAMPLE000000000000000AB' })
  memberRef!: string;

  @IsOneOf(['match', 'manual'], { description: 'Either one requires a second person.' })
  source!: 'match' | 'manual';

  @IsWhole(1, 3)
  rank!: number;

  @IsInstant({ optional: true, description: 'Not in the past. Default: now.' })
  from?: string | null;

  @IsInstant()
  to!: string;

  @IsText(500, { example: 'Gold at another programme' })
  reason!: string;

  @IsText(500, { optional: true, example: 'card 7781, seen 2026-03-01' })
  proof?: string | null;
}

export class RevokeDto {
  @IsText(500)
  reason!: string;
}

export class TierGrantsQuery {
  @IsText(64)
  memberRef!: string;
}
