import { bigint, defineTable, integer, json, jsonb, key, orNull, smallint, text, timestamptz } from '#libs/postgres';
import type { RowOf } from '#libs/postgres';
import type { RankStep } from './ranks.js';
import type { TierDecisionView } from './tiers.answers.js';

export const STANDINGS = defineTable('standing', {
  walletId: key(text()),
  rank: smallint(),
  /** Every published rank, oldest first. */
  steps: json<readonly RankStep[]>(),
  version: bigint(),
  /** The earned rank advanced to `evaluatedAt`; null: to be computed from the facts. */
  state: orNull(text()),
  /** Number of the rules it was judged by. */
  rules: integer(),
  evaluatedAt: orNull(timestamptz()),
  dueAt: orNull(timestamptz()),
});

export type StandingRow = RowOf<typeof STANDINGS>;

export const DECISIONS = defineTable('tier_decision', {
  walletId: key(text()),
  version: key(bigint()),
  from: smallint('from_rank'),
  to: smallint('to_rank'),
  source: text<TierDecisionView['source']>(),
  effectiveAt: orNull(timestamptz()),
  ladderVersion: integer(),
  inputs: jsonb<TierDecisionView['inputs']>(),
  decidedAt: timestamptz(),
});

/** One change of the effective rank, with its reasons. */
export type Decision = RowOf<typeof DECISIONS>;
