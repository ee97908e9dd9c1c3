import { bigint, boolean, defineTable, integer, jsonb, key, orNull, text, texts, timestamptz } from '#libs/postgres';
import type { IssuingLimits } from '#libs/directory';

export const CONTRACTS = defineTable('contract', {
  id: key(text()),
  brand: text(),
  version: integer(),
  validFrom: timestamptz(),
  validTo: orNull(timestamptz()),
  roles: texts(),
  fundingMode: text(),
  currency: text(),
  accrualMicro: bigint(),
  reimbursementMicro: bigint(),
  operatorFeeMicro: bigint(),
  faceValueMicro: bigint(),
  cycle: text(),
  feeOnOwn: boolean(),
  latenessDays: orNull(integer()),
  attests: texts(),
  limits: jsonb<IssuingLimits>(),
  createdAt: timestamptz(),
});
