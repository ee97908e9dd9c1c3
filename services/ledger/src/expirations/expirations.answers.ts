import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

export const EXPIRATION_ANSWER = shape.named('ExpirationAnswer', { points: shape.points, lots: shape.whole });

export type ExpirationAnswer = AnswerOf<typeof EXPIRATION_ANSWER>;
