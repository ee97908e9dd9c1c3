import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { MAX_PAGE } from '#libs/kernel';
import { IsInstant, IsText, IsWhole } from './fields.js';

const DEFAULT_PAGE = 50;

/** A number in a query is text; other text is kept and refused by the field's rule. */
export function queryNumber(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
}

/** `?limit=&after=` of every list. */
export class PageQuery {
  @Transform(({ value }) => queryNumber(value))
  @IsWhole(1, MAX_PAGE, { optional: true, example: DEFAULT_PAGE })
  @ApiProperty({ required: false, default: DEFAULT_PAGE })
  limit: number = DEFAULT_PAGE;

  @IsText(512, { optional: true, description: '`page.after` of the previous page, with the same filters.' })
  after?: string;
}

/** A list that can be followed by time of change. */
export class SyncQuery extends PageQuery {
  @IsInstant({ optional: true, description: 'Only members changed after this time.' })
  updatedAfter?: string;
}
