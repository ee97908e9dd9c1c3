import { Transform } from 'class-transformer';

import { IsText, IsWhole, queryNumber } from '#libs/http';
import { MAX_PAGE } from '#libs/kernel';

export class WalletQuery {
  @IsText(64, {
    optional: true,
    example: 'A-001',
    description: 'Also show what can be spent at this store of the brand.',
  })
  storeRef?: string;
}

/** Lots are read to be summed, so pages have the maximum size. */
export class LotsQuery {
  @Transform(({ value }) => queryNumber(value))
  @IsWhole(1, MAX_PAGE, { optional: true, example: MAX_PAGE })
  limit: number = MAX_PAGE;

  @IsText(512, { optional: true, description: '`page.after` of the previous page, with the same filters.' })
  after?: string;
}
