import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '#libs/kernel';

/** Shortest interval between the starts of small batches. An event after a quiet time is handled immediately. */
const APART_MS = 200;

/** Batches of this size are worth a transaction and are not delayed. */
const ENOUGH = 200;

/**
 * Waits after a small batch so that the next one is larger: under a steady flow a batch of three costs as many round trips as one of
 * three hundred.
 */
export async function breathe(records: number, beganAt: number, stopping: AbortSignal): Promise<void> {
  const left = APART_MS - (monotonicMs() - beganAt);
  if (records >= ENOUGH || left <= 0) return;
  await sleep(left, undefined, { signal: stopping }).catch(() => undefined);
}
