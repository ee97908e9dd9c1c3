import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

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
  pendingUntil: optional(oneOf(['delivered'])),
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

const SAMPLE = object({ points: whole, lines: list(object({ lineId: text, points: whole })), trace: texts });

export const SIMULATED_RULE = named('SimulatedEarningRule', {
  ...RULE,
  id: maybe(text),
  sampleOrder: optional(SAMPLE),
});

export type EarningRuleView = AnswerOf<typeof EARNING_RULE>;
export type SimulatedRuleView = AnswerOf<typeof SIMULATED_RULE>;
export type SampleView = AnswerOf<typeof SAMPLE>;
