/** What a freeze is at: it reads days, then sums the cycle, then writes statements. */
export const FREEZE_STAGES = ['days', 'sums', 'statements', 'done'] as const;
export type FreezeStage = (typeof FREEZE_STAGES)[number];

/** How far a freeze has come. */
export interface Freeze {
  readonly cycle: string;
  readonly stage: FreezeStage;
  /** The newest day that was read through; null: none. */
  readonly through: string | null;
  /** Lines up to that day, and a root over their digests. */
  readonly lineCount: bigint;
  readonly linesRoot: string;
  readonly startedAt: Date;
}
