import { IsInstant, IsOneOf, IsText } from '#libs/http';

export const TOUCH_KINDS = ['click', 'code', 'deep_link'] as const;
export type TouchKind = (typeof TOUCH_KINDS)[number];

/** Body of `POST /v1/touches`. */
export class TouchDto {
  @IsText(40, { example: '4N7P8R1S5D9XJ' })
  code!: string;

  @IsOneOf(TOUCH_KINDS, { example: 'click' })
  kind!: TouchKind;

  @IsText(64, { optional: true, description: 'The member of the calling brand who placed the order.' })
  memberRef?: string | null;

  @IsText(64, { optional: true, description: 'The campaign in which the code was shown.' })
  campaign?: string | null;

  @IsInstant({ description: 'When it happened. It counts from when it was recorded.' })
  at!: string;
}
