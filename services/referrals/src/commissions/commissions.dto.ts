import { IsOneOf, IsText, PageQuery } from '#libs/http';
import { COMMISSION_STATES } from './commission.js';

const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;

export class CommissionsQuery extends PageQuery {
  @IsOneOf(COMMISSION_STATES, { optional: true })
  state?: string;

  @IsText(10, { optional: true, pattern: DAY, example: '2026-03-01', description: 'With a leg recorded on this day.' })
  day?: string;
}

export class DaysQuery {
  @IsText(10, { pattern: DAY, example: '2026-03-01' })
  from!: string;

  @IsText(10, { pattern: DAY, example: '2026-03-31' })
  to!: string;

  @IsOneOf(['contributor', 'seller'], {
    optional: true,
    description:
      'What the brand earned as contributor, by seller; or all that its own orders cost it, over all parties.',
  })
  as?: 'contributor' | 'seller';
}

export class VerdictDto {
  @IsText(500, { example: 'same surname, two people: shown by ID' })
  reason!: string;
}
