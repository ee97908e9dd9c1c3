import { IsExternalId, IsText } from '#libs/http';

export class DebtWriteOffDto {
  @IsExternalId({ example: 'wo-1' })
  externalId!: string;

  @IsText(63, { example: 'crest' })
  brand!: string;

  @IsText(200, { example: 'left the alliance, final settlement 2026-12' })
  reason!: string;
}
