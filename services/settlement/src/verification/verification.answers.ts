import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { FAULT_KINDS } from './verification.js';

const { object, named, text, whole, flag, list } = shape;

export const VERIFICATION = named('CycleVerification', {
  cycle: text,
  status: text,
  ok: flag,
  // false: a source did not answer, or is still sending
  compared: flag,
  // number of lines read
  lines: whole,
  faults: list(object({ kind: shape.oneOf(FAULT_KINDS), id: text, detail: text })),
  // there are more faults than listed
  more: flag,
});

export type VerificationView = AnswerOf<typeof VERIFICATION>;
