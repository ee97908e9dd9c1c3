import { shape } from '#libs/http';

const { object, named, text, whole, list, maybe, instant, texts, oneOf, optional } = shape;

const RULE = {
  id: text,
  brand: text,
  name: text,
  version: whole,
  validFrom: instant,
  validTo: maybe(instant),
  match: object({ stores: texts, categories: texts, excludeCategories: texts, tiers: texts }),
  earn: object({ points: whole, per: whole }),
  rounding: text,
  pendingDays: whole,
  expiry: object({
    kind: oneOf(['rolling', 'fixed', 'never']),
    months: optional(whole),
    roundTo: optional(text),
    at: optional(instant),
  }),
  priority: whole,
};

export const EARNING_RULE = named('EarningRule', RULE);
export const EARNING_RULE_PAGE = shape.page(EARNING_RULE);

export const SIMULATED_RULE = named('SimulatedEarningRule', {
  ...RULE,
  id: maybe(text),
  sampleOrder: optional(object({ points: whole, lines: list(object({ lineId: text, points: whole })), trace: texts })),
});
