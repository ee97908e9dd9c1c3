import { defineTable, filled, integer, jsonb, key, orNull, text, timestamptz, uuid } from '#libs/postgres';
import type { RuleVersion } from './rule.js';

type RuleTerms = Pick<RuleVersion, 'match' | 'earn' | 'rounding' | 'pendingDays' | 'pendingUntil' | 'expiry'>;

export const EARNING_RULES = defineTable('earning_rule', {
  id: key(uuid()),
  brand: text(),
  name: text(),
  version: integer(),
  validFrom: timestamptz(),
  validTo: orNull(timestamptz()),
  priority: integer(),
  terms: { ...jsonb(termsOf), write: (terms) => JSON.stringify(terms, asNumber) },
  createdAt: filled(timestamptz()),
});

function asNumber(_key: string, part: unknown): unknown {
  return typeof part === 'bigint' ? Number(part) : part;
}

function termsOf(stored: unknown): RuleTerms {
  const { earn, expiry, ...terms } = stored as Omit<RuleTerms, 'earn'> & { earn: { points: number; per: number } };
  return {
    ...terms,
    earn: { points: BigInt(earn.points), per: BigInt(earn.per) },
    expiry: expiry.kind === 'fixed' ? { kind: 'fixed', at: new Date(expiry.at) } : expiry,
  };
}
