import { bigint, date, defineTable, key, orNull, text, timestamptz } from '#libs/postgres';
import type { CycleStatus, CycleStep } from './cycle.js';
import type { FreezeStage } from './freeze.js';

export const CYCLES = defineTable('cycle', {
  id: key(text()),
  month: text(),
  currency: text(),
  status: text<CycleStatus>(),
  from: timestamptz('from_at'),
  to: timestamptz('to_at'),
  cutOffAt: orNull(timestamptz()),
  closedThrough: orNull(date()),
  lineCount: orNull(bigint()),
  linesRoot: orNull(text()),
  resultsRoot: orNull(text()),
});

export const FREEZES = defineTable('cycle_freeze', {
  cycle: key(text()),
  stage: text<FreezeStage>(),
  through: orNull(date()),
  lineCount: bigint(),
  linesRoot: text(),
  startedAt: timestamptz(),
});

const onRecord = (step: CycleStep, states: readonly CycleStatus[]): string =>
  `select c.id from cycle c where c.status in (${states.map((state) => `'${state}'`).join(', ')})
     and exists (select from operator_audit a where a.method = 'NOTE' and a.path = '/v1/operator/cycles/' || c.id || '/${step}')`;

/** SQL of the ids of cycles whose freeze has begun, by a step that is on the operator's record. */
export const FROZEN_ON_RECORD = onRecord('freeze', ['freezing', 'frozen', 'confirmed', 'closed']);
/** SQL of the ids of cycles that were confirmed by a step that is on the operator's record. */
export const CONFIRMED_ON_RECORD = onRecord('confirm', ['confirmed', 'closed']);
