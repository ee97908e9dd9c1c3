import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, whole, price, instant, maybe, texts } = shape;

export const CONTRACT = named('Contract', {
  id: text,
  brand: text,
  version: whole,
  validFrom: instant,
  validTo: maybe(instant),
  roles: texts,
  fundingMode: text,
  currency: text,
  prices: object({ accrual: price, reimbursement: price, operatorFee: price }),
  faceValue: price,
  cycle: text,
  feeOnOwn: shape.flag,
  latenessDays: maybe(whole),
  attests: texts,
  limits: object({ order: whole, grant: whole, memberDay: whole, brandDay: whole, perMinorUnit: whole }),
  createdAt: instant,
});
export const CONTRACT_PAGE = shape.page(CONTRACT);

export type ContractView = AnswerOf<typeof CONTRACT>;
