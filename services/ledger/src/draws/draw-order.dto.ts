import { IsOneOf } from '#libs/http';

/** Criteria that may come before the earliest expiry when a spend takes points. */
export const PREFERENCES = ['limited', 'own'] as const;

export class DrawOrderDto {
  @IsOneOf(PREFERENCES, {
    each: true,
    maxItems: PREFERENCES.length,
    example: ['limited'],
    description:
      'Which points are used first, most important criterion first: `limited`, points that cannot be spent everywhere; `own`, points of the brand where they are spent. Then the points that expire first. Empty: only the expiry counts.',
  })
  prefers!: (typeof PREFERENCES)[number][];
}
