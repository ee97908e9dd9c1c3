import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { CYCLE_STATUSES } from './cycle.js';
import { FREEZE_STAGES } from './freeze.js';

const { object, named, text, sum, price, list, maybe, instant, whole } = shape;
const FIELDS = {
  id: text,
  status: shape.oneOf([...CYCLE_STATUSES]),
  from: instant,
  to: instant,
  currency: text,
  cutOffAt: maybe(instant),
};

const CYCLE = named('Cycle', FIELDS);
export const CYCLES = object({ data: list(CYCLE) });

export const CYCLE_RESULT = named('CycleResult', {
  ...FIELDS,
  freeze: maybe(
    object({ stage: shape.oneOf([...FREEZE_STAGES]), through: maybe(text), lines: whole, startedAt: instant }),
  ),
  positions: list(object({ party: text, net: sum })),
  matrix: list(object({ issuer: text, redeemer: text, points: sum, amount: price })),
  gross: sum,
  netted: sum,
  sum,
  entities: list(object({ entity: text, net: sum })),
  roundingRemainder: price,
});

export type CyclesView = AnswerOf<typeof CYCLES>;
export type CycleView = AnswerOf<typeof CYCLE>;
export type CycleResultView = AnswerOf<typeof CYCLE_RESULT>;
