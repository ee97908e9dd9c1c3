import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '#libs/kernel';

/** Small batches begin at least this far apart. An event after a quiet time is handled at once. */
const APART_MS = 200;

/** A batch of this size has paid for its transaction. */
const ENOUGH = 200;

/**
 * Waits after a small batch so that the next one has more in it: under a steady flow a batch of three costs as many round trips
 * as one of three hundred.
 */
export async function breathe(records: number, beganAt: number, stopping: AbortSignal): Promise<void> {
  const left = APART_MS - (monotonicMs() - beganAt);
  if (records >= ENOUGH || left <= 0) return;
  await sleep(left, undefined, { signal: stopping }).catch(() => undefined);
}
