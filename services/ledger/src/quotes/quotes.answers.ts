import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

export const QUOTE = shape.named('Quote', {
  id: shape.text,
  points: shape.points,
  value: shape.minor,
  currency: shape.text,
  reimbursement: shape.price,
  expiresAt: shape.instant,
});

export type QuoteAnswer = AnswerOf<typeof QUOTE>;
