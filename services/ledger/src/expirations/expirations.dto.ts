import { IsExternalId, IsText } from '#libs/http';

export class ExpirationDto {
  @IsExternalId({ example: 'x-1' })
  externalId!: string;

  @IsText(63, { example: 'crest' })
  brand!: string;

  @IsText(64, { example: 'spring' })
  campaign!: string;

  @IsText(200, { example: 'promotion closed' })
  reason!: string;
}
