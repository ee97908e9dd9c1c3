import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { APPROVAL_STATES } from './approvals.dto.js';

const { named, text, maybe, instant } = shape;

export const APPROVAL = named('Approval', {
  id: text,
  act: text,
  maker: text,
  payload: { type: 'object', additionalProperties: true, description: 'Everything the act does.' },
  payloadHash: text,
  state: shape.oneOf(APPROVAL_STATES),
  checker: maybe(text),
  reason: maybe(text),
  askedAt: instant,
  expiresAt: instant,
  decidedAt: maybe(instant),
  usedAt: maybe(instant),
});
export const APPROVAL_PAGE = shape.page(APPROVAL);

export type ApprovalView = AnswerOf<typeof APPROVAL>;
