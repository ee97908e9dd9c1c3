import { IsExternalId, IsOneOf, IsParts, IsText } from '#libs/http';
import { OWNER_KINDS } from './owner.js';
import type { OwnerKind } from './owner.js';

export class OwnerDto {
  @IsOneOf(OWNER_KINDS, { example: 'member' })
  kind!: OwnerKind;

  @IsExternalId({ optional: true, example: 'G-7', description: 'Store or guide of the calling brand.' })
  ref?: string | null;

  @IsText(64, {
    optional: true,
    example: 'mb_01JQ8Z5W7N4X2V9T3R6P1M8K5H',
    description: 'The member; for a guide, the guide as a person.',
  })
  memberRef?: string | null;
}

/** Body of `POST /v1/distributors`, and one row of an import. */
export class DistributorDto extends OwnerDto {
  @IsText(64, {
    optional: true,
    description: 'The distributor who introduced this one; only in a programme of depth 2.',
  })
  introducer?: string | null;
}

export class DistributorsDto {
  @IsParts(() => DistributorDto, { max: 200 })
  rows!: DistributorDto[];
}
