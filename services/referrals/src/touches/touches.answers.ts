import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

export const TOUCH = shape.named('Touch', {
  id: shape.text,
  linkId: shape.maybe(shape.text),
  kind: shape.text,
  at: shape.instant,
  recordedAt: shape.instant,
});

export type TouchView = AnswerOf<typeof TOUCH>;
