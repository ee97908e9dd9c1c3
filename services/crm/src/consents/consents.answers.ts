import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { CONSENT_PURPOSES } from './consent.js';

export const CONSENT = shape.named('Consent', {
  id: shape.text,
  purpose: shape.oneOf(CONSENT_PURPOSES),
  granted: shape.flag,
  policyVersion: shape.text,
  channel: shape.text,
  at: shape.instant,
  recordedAt: shape.instant,
});
export const CONSENT_PAGE = shape.page(CONSENT);

export type ConsentView = AnswerOf<typeof CONSENT>;
