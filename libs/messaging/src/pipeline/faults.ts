import { isDomainError } from '#libs/kernel';
import { isConnectionLoss, isTransient, sqlState } from '#libs/postgres';

/** The consumer is leaving: unfinished records stay in the log for the next one. Never a reason to park or to dead-letter. */
export class Stopping extends Error {
  readonly code = 'stopping';
}

/** A failed heartbeat means that the partition is no longer ours; it must not be taken for a failure of the handler. */
export class LostWork extends Stopping {
  constructor(override readonly cause: unknown) {
    super('the consumer lost its partitions');
  }
}

export class HandlerTimeout extends Error {
  readonly code = 'handler_timeout';
}

/** SQLSTATE of a statement that exceeded its time limit. */
const CANCELED = '57014';

/** How the pipeline treats a failure. */
export type FaultClass =
  /** A server cannot be reached, or two transactions conflict: no event is at fault, so wait and repeat without limit. */
  | 'transient'
  /** It took too long: repeated like that, of a batch in parts that take less. */
  | 'slow'
  /** The handler asks to come again later. It may mean this one event, so nobody else waits for it. */
  | 'later'
  /** The handler refuses by a rule: repeating changes nothing. */
  | 'refused'
  /** Anything else: a few tries, then aside. */
  | 'unknown';

export function classify(error: unknown): FaultClass {
  if (error instanceof HandlerTimeout || sqlState(error) === CANCELED) return 'slow';
  if (isConnectionLoss(error) || isTransient(error)) return 'transient';
  if (isDomainError(error)) return error.retryable ? 'later' : 'refused';
  return 'unknown';
}

/** A stable code and a text for the record of a failure. */
export function recorded(error: unknown): { code: string; message: string } {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  const message = error instanceof Error || hasMessage(error) ? error.message : String(error);
  return { code: typeof code === 'string' ? code : 'handler_failed', message: message.slice(0, 2_000) };
}

function hasMessage(error: unknown): error is { message: string } {
  return typeof error === 'object' && error !== null && typeof Reflect.get(error, 'message') === 'string';
}
