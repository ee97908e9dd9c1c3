import { IsCurrency, IsExternalId, IsMinorAmount, IsOneOf, IsText } from '#libs/http';
import { OWNER_KINDS } from '../distributors/owner.js';
import type { OwnerKind } from '../distributors/owner.js';

export class EarningsQuery {
  @IsOneOf(OWNER_KINDS, { optional: true, description: 'Whose earnings. Default: the calling brand’s own.' })
  kind?: OwnerKind;

  @IsExternalId({ optional: true, description: 'A store or guide.' })
  ref?: string;

  @IsText(64, { optional: true, description: 'A member.' })
  memberRef?: string;
}

/** Body of `POST /v1/earnings/conversions`. */
export class ConversionDto {
  @IsExternalId({ example: 'CV-1' })
  externalId!: string;

  @IsText(64, { example: 'mb_01JQ8Z5W7N4X2V9T3R6P1M8K5H' })
  memberRef!: string;

  @IsMinorAmount({ min: 1, example: 6_000 })
  amount!: number;

  @IsCurrency()
  currency!: string;
}
