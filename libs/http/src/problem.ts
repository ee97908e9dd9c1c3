import { ERROR_CATALOGUE, isDomainError } from '#libs/kernel';
import type { ErrorCode, ErrorDetails, FieldFault } from '#libs/kernel';
import { isConnectionLoss, sqlState } from '#libs/postgres';

/** Media type of RFC 9457. */
export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** A refusal as sent over the wire (RFC 9457), with further members such as `limit`. */
export interface Problem {
  /** Page of the error catalogue, relative to the network's public URL. */
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  retryable: boolean;
  traceId?: string;
  errors?: FieldFault[];
  [extra: string]: unknown;
}

/** Problem of a code. A 404 has only its code, so that every 404 has the same bytes. */
export function problemOf(code: ErrorCode, details: ErrorDetails = {}, traceId?: string): Problem {
  const entry = ERROR_CATALOGUE[code];
  const problem: Problem = {
    type: `/docs/errors/${code}`,
    title: entry.title,
    status: entry.status,
    code,
    detail: entry.status === 404 ? entry.meaning : (details.detail ?? entry.meaning),
    retryable: entry.retryable,
  };
  if (entry.status === 404) return problem;
  if (traceId !== undefined) problem.traceId = traceId;
  if (details.errors !== undefined) problem.errors = details.errors;
  for (const [key, value] of Object.entries(details.extra ?? {})) {
    if (!Object.hasOwn(problem, key)) problem[key] = value;
  }
  return problem;
}

/** Meaning of an exception for the caller; `fault` is true when it is our fault and must be logged. */
export interface Verdict {
  code: ErrorCode;
  details: ErrorDetails;
  fault: boolean;
}

/** SQLSTATEs for text that cannot be stored: zero byte, invalid encoding. */
const BAD_INPUT_STATES = new Set(['22021', '22P05']);

/** Finds the code of any exception. The text of unknown errors is never sent to the caller. */
export function verdictOf(thrown: unknown): Verdict {
  if (isDomainError(thrown)) return { code: thrown.code, details: thrown.details, fault: thrown.status >= 500 };
  if (isConnectionLoss(thrown)) return { code: 'unavailable', details: {}, fault: true };
  const state = sqlState(thrown);
  if (state === '40001' || state === '40P01' || state === '55P03' || state === '57014')
    return { code: 'unavailable', details: { retryAfter: 1 }, fault: true };
  if (state !== null && BAD_INPUT_STATES.has(state)) return { code: 'validation_failed', details: {}, fault: true };
  const status = httpStatusOf(thrown);
  if (status === 404) return { code: 'not_found', details: {}, fault: false };
  if (status === 413) return { code: 'body_too_large', details: {}, fault: false };
  if (status === 503) return { code: 'unavailable', details: { retryAfter: 1 }, fault: false };
  if (status !== null && status >= 400 && status < 500) return { code: 'body_unreadable', details: {}, fault: false };
  return { code: 'internal_error', details: {}, fault: true };
}

/** Status of a Fastify error (`statusCode`) or Nest error (`getStatus()`). */
function httpStatusOf(thrown: unknown): number | null {
  if (typeof thrown !== 'object' || thrown === null) return null;
  const status: unknown = Reflect.get(thrown, 'statusCode') ?? Reflect.get(thrown, 'status');
  return typeof status === 'number' ? status : null;
}
