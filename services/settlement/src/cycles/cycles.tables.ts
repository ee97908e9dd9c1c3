import { bigint, date, defineTable, key, orNull, text, timestamptz } from '#libs/postgres';
import type { CycleStatus } from './cycle.js';
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
