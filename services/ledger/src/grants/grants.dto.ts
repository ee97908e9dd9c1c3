import { IsExternalId, IsInstant, IsParts, IsPoints, IsText } from '#libs/http';

export class PlaceDto {
  @IsText(63, { example: 'aurora' })
  brand!: string;

  @IsText(64, {
    optional: true,
    example: 'A-001',
    description: 'A store of your own. Absent: all stores of the brand.',
  })
  storeRef?: string | null;
}

export class GrantDto {
  @IsExternalId({ example: 'A-G-1' })
  externalId!: string;

  @IsText(64, { example: 'mb_06EXAMPLE000000000000000AB' })
  memberRef!: string;

  @IsPoints({ example: 500 })
  points!: number;

  @IsText(64, { example: 'sign_up', description: 'Why: sign_up, review, check_in, goodwill or the brand’s own word.' })
  reason!: string;

  @IsText(64, { optional: true, example: 'spring' })
  campaign?: string | null;

  @IsInstant({ optional: true, description: 'Default: now. Up to as many days back as the contract says.' })
  occurredAt?: string | null;

  @IsInstant({
    optional: true,
    description: 'The points last to the end of that day. Absent: they never expire.',
    example: '2027-03-31T23:59:59+08:00',
  })
  expiresAt?: string | null;

  @IsParts(() => PlaceDto, {
    optional: true,
    max: 50,
    description: 'Where alone the points can be spent. Absent: everywhere.',
  })
  places?: PlaceDto[] | null;
}
