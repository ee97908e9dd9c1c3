import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, whole, price, list, maybe, instant } = shape;

export const PROGRAMME = named('ReferralProgramme', {
  version: whole,
  contributorBp: whole,
  contributorFloorBp: whole,
  maxDepth: whole,
  signOff: maybe(text),
  introducerDays: whole,
  returnDays: whole,
  conversionPrice: maybe(price),
  validFrom: instant,
  createdBy: text,
});
export const PROGRAMMES = object({ data: list(PROGRAMME) });

export type ProgrammeView = AnswerOf<typeof PROGRAMME>;
export type ProgrammesView = AnswerOf<typeof PROGRAMMES>;
