import { shape } from '#libs/http';

const { object, named, text, minor, points, price, list, maybe, instant } = shape;
const CYCLE = {
  id: text,
  status: shape.oneOf(['open', 'cut_off', 'frozen', 'confirmed', 'closed']),
  from: instant,
  to: instant,
  currency: text,
  cutOffAt: maybe(instant),
};

export const CYCLES = object({ data: list(named('Cycle', CYCLE)) });

export const CYCLE_RESULT = named('CycleResult', {
  ...CYCLE,
  positions: list(object({ party: text, net: minor })),
  matrix: list(object({ issuer: text, redeemer: text, points, amount: price })),
  gross: minor,
  netted: minor,
  sum: minor,
  entities: list(object({ entity: text, net: minor })),
  roundingRemainder: price,
});
