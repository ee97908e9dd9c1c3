/** Stages of a freeze: reads days, then sums the cycle, then writes statements. */
export const FREEZE_STAGES = ['days', 'sums', 'statements', 'done'] as const;
export type FreezeStage = (typeof FREEZE_STAGES)[number];

export interface Freeze {
  readonly cycle: string;
  readonly stage: FreezeStage;
  /** The newest day that was read; null if none. */
  readonly through: string | null;
  /** Number of lines up to that day. `linesRoot` is a root over their digests. */
  readonly lineCount: bigint;
  readonly linesRoot: string;
  readonly startedAt: Date;
}
