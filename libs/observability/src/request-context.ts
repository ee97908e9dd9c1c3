import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const REQUEST_ID = /^[\w.:-]{1,64}$/;
const NO_TRACE = '0'.repeat(32);

/** Data of one request or handled event, for logs and for calls made on its behalf. */
export interface RequestContext {
  readonly requestId: string;
  /** 32 hex digits (W3C trace context): the caller's, or new. */
  readonly traceId: string;
  /** Value for the traceparent header of calls and events caused by this request. */
  readonly traceparent: string;
  /** Whether the caller records this trace (W3C flag `sampled`): then it is stored with the written rows too. */
  readonly sampled: boolean;
  /** The event being handled, if any. */
  readonly eventId?: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

/**
 * Reads the W3C `traceparent` and the `x-request-id` of a caller. Malformed values are replaced and never passed on, so neither header
 * can carry text into logs.
 */
export function contextFromHeaders(traceparent: unknown, requestId: unknown): RequestContext {
  const own = randomUUID().replaceAll('-', '');
  const given = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null;
  const known = given?.[1] !== undefined && given[1] !== NO_TRACE;
  const traceId = (known ? given[1] : undefined) ?? own;
  const sampled = known && (Number.parseInt(given[3] ?? '0', 16) & 1) === 1;
  return {
    requestId: typeof requestId === 'string' && REQUEST_ID.test(requestId) ? requestId : traceId,
    traceId,
    traceparent: `00-${traceId}-${own.slice(0, 16)}-${sampled ? '01' : '00'}`,
    sampled,
  };
}

/** Context for handling an event: the trace of the request that caused it, with the event's own id. */
export function contextOfEvent(traceparent: unknown, eventId: string | undefined): RequestContext {
  const context = contextFromHeaders(traceparent, eventId);
  return { ...context, eventId: context.requestId };
}

/** Runs a function within a context; everything that it starts, even later, has the context. */
export function runInContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

/** The context of the running request or event; undefined at boot and in timers. */
export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}
