import type { ServerResponse } from 'node:http';
import { CHALLENGE } from '#libs/auth';
import { PROBLEM_TYPE, problemOf } from '#libs/http';
import type { ErrorCode } from '#libs/kernel';
import { counter } from '#libs/observability';
import type { RequestContext } from '#libs/observability';

const refusals = counter('hezong_gateway_refusals_total', 'Calls refused by the gateway itself, by code.', ['code']);

/** Answers a refused call in the same problem format as the services. */
export function refuse(
  response: ServerResponse,
  code: ErrorCode,
  context: RequestContext,
  extra: { headers?: readonly string[]; retryAfter?: number | null; floods?: boolean } = {},
): void {
  refusals.inc({ code });
  if (response.headersSent || response.destroyed) return;
  const retryAfter = extra.retryAfter ?? 1;
  const problem = problemOf(code, {}, context.traceId);
  const body = Buffer.from(JSON.stringify(problem));
  response.writeHead(problem.status, [
    'content-type',
    PROBLEM_TYPE,
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
    'x-request-id',
    context.requestId,
    ...(problem.retryable ? ['retry-after', String(retryAfter)] : []),
    ...(extra.floods === true ? ['connection', 'close'] : []),
    ...(problem.status === 401 ? ['www-authenticate', CHALLENGE] : []),
    ...(extra.headers ?? []),
  ]);
  response.end(body);
}
