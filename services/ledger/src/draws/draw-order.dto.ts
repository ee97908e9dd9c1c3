import { IsOneOf } from '#libs/http';

/** What may go before the earliest end when a spend takes points. */
export const PREFERENCES = ['limited', 'own'] as const;

export class DrawOrderDto {
  @IsOneOf(PREFERENCES, {
    each: true,
    maxItems: PREFERENCES.length,
    example: ['limited'],
    description:
      'What goes first, the weightiest first: `limited`, points that cannot be spent everywhere; `own`, points of the brand where they are spent. Then whatever ends first. Empty: nothing but the end counts.',
  })
  prefers!: (typeof PREFERENCES)[number][];
}
