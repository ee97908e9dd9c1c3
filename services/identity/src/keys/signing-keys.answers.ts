import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const KEY = shape.named('SigningKey', {
  kid: shape.text,
  status: shape.oneOf(['next', 'current', 'retired']),
  createdAt: shape.instant,
  retiredUntil: shape.maybe(shape.instant),
});

export const SIGNING_KEYS = shape.object({ data: shape.list(KEY) });

export type SigningKeyView = AnswerOf<typeof KEY>;
export type SigningKeysView = AnswerOf<typeof SIGNING_KEYS>;
