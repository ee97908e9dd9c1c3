import { IsText } from '#libs/http';

export class SetAsideDto {
  @IsText(1_000, { description: 'Why the event can be set aside.', example: 'sent twice by hand, ticket 4711' })
  reason!: string;
}
