import { ERROR_CATALOGUE } from './error-catalogue.js';
import type { ErrorCode } from './error-catalogue.js';

const MARK = Symbol.for('hezong.DomainError');

/** One fault of one field. `pointer` is a JSON pointer into the body (RFC 6901). */
export interface FieldFault {
  pointer: string;
  code: string;
  detail: string;
}

/** Details of an error besides its code. All of them may be shown to the caller. */
export interface ErrorDetails {
  detail?: string;
  errors?: FieldFault[];
  /** Further members of the problem document, such as `limit`. */
  extra?: Record<string, string | number | boolean | null>;
  /** Seconds after which a repeat may succeed. */
  retryAfter?: number;
}

/**
 * A refusal with a stable code of the catalogue. Thrown by `fail`.
 * Check with `isDomainError`, never with instanceof: a second copy of this module may have created it.
 */
export class DomainError extends Error {
  readonly [MARK] = true;

  constructor(
    readonly code: ErrorCode,
    readonly details: ErrorDetails = {},
    options?: ErrorOptions,
  ) {
    super(details.detail ?? ERROR_CATALOGUE[code].title, options);
    this.name = 'DomainError';
  }

  get status(): number {
    return ERROR_CATALOGUE[this.code].status;
  }

  get retryable(): boolean {
    return ERROR_CATALOGUE[this.code].retryable;
  }
}

/** Whether an exception is a DomainError (optionally of one code), from any realm. */
export function isDomainError(thrown: unknown, code?: ErrorCode): thrown is DomainError {
  return (
    typeof thrown === 'object' &&
    thrown !== null &&
    Reflect.get(thrown, MARK) === true &&
    (code === undefined || Reflect.get(thrown, 'code') === code)
  );
}

/** Refuses with a code of the catalogue. */
export function fail(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown): never {
  throw new DomainError(code, details, cause === undefined ? undefined : { cause });
}
