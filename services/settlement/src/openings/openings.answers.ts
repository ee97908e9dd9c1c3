import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, whole, list, maybe, optional, instant, oneOf } = shape;

const LEG = named('OpenedLeg', {
  amountMicro: text,
  currency: text,
  day: text,
  occurredAt: instant,
  payee: text,
  payer: text,
  points: text,
  priceMicro: text,
  redeemer: maybe(text),
  salt: text,
  type: text,
  proof: list(object({ side: oneOf(['left', 'right']), hash: text })),
});

export const OPENING = named('Opening', {
  id: text,
  cycle: text,
  day: text,
  // each reader's own: the total for the asker, the line for the brand whose customer it concerns
  line: maybe(text),
  leg: optional(whole),
  askedBy: text,
  reason: text,
  // for the asker and the operator
  askedAt: optional(instant),
  status: oneOf(['asked', 'opened', 'refused']),
  decidedBy: maybe(text),
  decidedAt: optional(maybe(instant)),
  decision: maybe(text),
  opened: optional(maybe(LEG)),
  // operator only
  counterparty: optional(maybe(text)),
  client: optional(text),
});
export const OPENINGS = object({ data: list(OPENING) });

export type OpeningView = AnswerOf<typeof OPENING>;
export type OpeningsView = AnswerOf<typeof OPENINGS>;
