import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

export const GRANT_ANSWER = shape.named('GrantAnswer', { id: shape.text, points: shape.points });

export type GrantAnswer = AnswerOf<typeof GRANT_ANSWER>;
