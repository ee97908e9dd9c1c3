import { IsDay, IsOneOf, IsText, PageQuery } from '#libs/http';
import { COMMISSION_STATES } from './commission.js';

export class CommissionsQuery extends PageQuery {
  @IsOneOf(COMMISSION_STATES, { optional: true })
  state?: string;

  @IsDay({ optional: true, description: 'Only commissions with a leg recorded on this day.' })
  day?: string;
}

export class DaysQuery {
  @IsDay({ example: '2026-03-01' })
  from!: string;

  @IsDay({ example: '2026-03-31' })
  to!: string;

  @IsOneOf(['contributor', 'seller'], {
    optional: true,
    description: 'What the brand earned as contributor, by seller; or what its own orders cost it, over all parties.',
  })
  as?: 'contributor' | 'seller';
}

export class VerdictDto {
  @IsText(500, { example: 'same surname, two people: shown by ID' })
  reason!: string;
}
