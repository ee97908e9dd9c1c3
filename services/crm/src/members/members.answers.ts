import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { named, text, instant } = shape;
const CREATED = { memberRef: text, externalId: text, status: text, createdAt: instant };

export const MEMBER_CREATED = named('MemberCreated', CREATED);

export const MEMBER = named('Member', {
  ...CREATED,
  updatedAt: instant,
  contacts: shape.list(shape.oneOf(['phone', 'email'])),
  attributes: shape.attributes,
});
export const MEMBER_PAGE = shape.page(MEMBER);

export type MemberCreatedView = AnswerOf<typeof MEMBER_CREATED>;
export type MemberView = AnswerOf<typeof MEMBER>;
