import { IsOneOf, IsText, PageQuery } from '#libs/http';
import { COMMISSION_STATES } from './commission.js';

export class CommissionsQuery extends PageQuery {
  @IsOneOf(COMMISSION_STATES, { optional: true })
  state?: string;
}

const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;

export class DaysQuery {
  @IsText(10, { pattern: DAY, example: '2026-03-01' })
  from!: string;

  @IsText(10, { pattern: DAY, example: '2026-03-31' })
  to!: string;
}

export class VerdictDto {
  @IsText(500, { example: 'same surname, two people: shown by ID' })
  reason!: string;
}
