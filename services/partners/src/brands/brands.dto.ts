import { ApiProperty } from '@nestjs/swagger';
import { IsCurrency, IsOneOf, IsPart, IsParts, IsText } from '#libs/http';
import { BRAND_STATUSES, FIRST_STATUSES } from './brand-lifecycle.js';

const SLUG = /^[a-z][a-z0-9-]{1,30}$/;

export class LegalEntityBody {
  @IsText(64, { description: 'The entity that settles; several brands may share one.', example: 'le-aurora' })
  id!: string;

  @IsText(200, { example: 'Aurora Ltd' })
  name!: string;
}

export class StoreBody {
  @IsText(64, { description: 'The brand’s own code of the store.', example: 'A-001' })
  ref!: string;

  @IsText(200, { example: 'Harbour' })
  name!: string;
}

export class CreateBrandBody {
  @IsText(31, { pattern: SLUG, description: 'The brand’s id everywhere; never changes.', example: 'aurora' })
  slug!: string;

  @IsText(200, { example: 'Aurora Coffee' })
  name!: string;

  @IsPart(() => LegalEntityBody)
  legalEntity!: LegalEntityBody;

  @IsCurrency()
  currency!: string;

  @IsParts(() => StoreBody, { optional: true, min: 0, max: 10_000 })
  stores?: StoreBody[] | null;

  @IsOneOf(FIRST_STATUSES, { optional: true, description: 'The initial status. Default: sandbox.' })
  status?: (typeof FIRST_STATUSES)[number] | null;
}

export class ChangeBrandBody {
  @IsText(200, { optional: true, example: 'Aurora Coffee & Tea' })
  name?: string | null;

  @IsParts(() => StoreBody, { optional: true, min: 0, max: 10_000 })
  @ApiProperty({ description: 'All stores of the brand. A store that is left out is closed to new orders.' })
  stores?: StoreBody[] | null;
}

export class StatusBody {
  @IsOneOf(BRAND_STATUSES, { example: 'live' })
  status!: (typeof BRAND_STATUSES)[number];
}
