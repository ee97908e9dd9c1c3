import { IsExternalId, IsInstant, IsParts, IsPoints, IsText } from '#libs/http';

import { NETWORK_REASONS } from '../postings/lot-reasons.js';
import type { Place } from '../postings/place.js';

export class PlaceDto {
  @IsText(63, { example: 'aurora' })
  brand!: string;

  @IsText(64, {
    optional: true,
    example: 'A-001',
    description: 'A store of the brand. Default: all of its stores.',
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

  @IsText(64, {
    example: 'sign_up',
    description:
      'Reason: sign_up, review, check_in, goodwill or a word of the brand’s own, but none that the network gives points for: ' +
      `${NETWORK_REASONS.join(', ')}.`,
  })
  reason!: string;

  @IsText(64, { optional: true, example: 'spring' })
  campaign?: string | null;

  @IsInstant({ optional: true, description: 'Default: now. At most as many days back as the contract allows.' })
  occurredAt?: string | null;

  @IsInstant({
    optional: true,
    description: 'The points are valid to the end of that day. Default: they never expire.',
    example: '2027-03-31T23:59:59+08:00',
  })
  expiresAt?: string | null;

  @IsParts(() => PlaceDto, {
    optional: true,
    max: 50,
    description: 'The only places where the points can be spent. Default: everywhere.',
  })
  places?: PlaceDto[] | null;
}

export function placeFrom({ brand, storeRef }: PlaceDto): Place {
  return { brand, store: storeRef ?? null };
}
