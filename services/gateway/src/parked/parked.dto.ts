import { IsText } from '#libs/http';

export class SetAsideDto {
  @IsText(1_000, { description: 'Why the event may be passed over.', example: 'sent twice by hand, ticket 4711' })
  reason!: string;
}
