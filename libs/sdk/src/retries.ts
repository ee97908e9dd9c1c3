import { HezongProblem, HezongUnreachable, refusalOf } from './problem.js';

export interface RetryPolicy {
  /** Most attempts of a call. */
  readonly attempts: number;
  /** Longest time of repeating, from the first attempt. An unattended caller waits out an outage with `attempts: Infinity`. */
  readonly patienceMs: number;
  /** Longest pause before the first repeat; it doubles with each repeat. */
  readonly baseMs: number;
  /** When a server asks for a longer pause than this, the call is not repeated and its refusal is thrown. */
  readonly maxMs: number;
}

export const DEFAULT_RETRIES: RetryPolicy = { attempts: 5, patienceMs: Infinity, baseMs: 200, maxMs: 20_000 };

export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

/** A call as sent, with exactly the same bytes in each attempt. */
export interface Call {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: ArrayBuffer | undefined;
  /** Whether the call may be repeated when its outcome is unknown. */
  readonly repeatable: boolean;
  /** Timeout of each attempt. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Sends a call until it has a final answer: repeats it after 429, 503, a running call with the same key, and lost connections.
 * Returns the last answer, refusal or not.
 * @throws HezongUnreachable when no attempt was answered
 */
export async function sendWithRetries(fetch: Fetch, call: Call, policy: RetryPolicy): Promise<Response> {
  const end = performance.now() + policy.patienceMs;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await once(fetch, call);
    const pause = outcome.retry && attempt < policy.attempts ? pauseOf(attempt, outcome.afterMs, policy) : null;
    if (pause === null || performance.now() + pause > end) {
      if (outcome.answer !== null) return outcome.answer;
      throw new HezongUnreachable(
        `no answer from ${new URL(call.url).origin} to ${call.method} ${new URL(call.url).pathname}`,
        {
          cause: outcome.fault,
        },
      );
    }
    call.signal.throwIfAborted();
    await sleep(pause, call.signal);
  }
}

type Outcome =
  | { answer: Response; retry: boolean; afterMs: number }
  | { answer: null; fault: unknown; retry: boolean; afterMs: number };

async function once(fetch: Fetch, call: Call): Promise<Outcome> {
  const { url, method, headers, body } = call;
  try {
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(call.timeoutMs)]);
    const answer = await fetch(url, { method, headers, signal, ...(body === undefined ? {} : { body }) });
    if (answer.ok && !(answer.headers.get('content-type') ?? '').includes('json'))
      return { answer, retry: false, afterMs: 0 };
    // an incomplete answer counts as none
    const text = await answer.text();
    const whole = new Response(text === '' ? null : text, {
      status: answer.status,
      statusText: answer.statusText,
      headers: answer.headers,
    });
    const retry = !answer.ok && mayRetry(new HezongProblem(answer.status, refusalOf(text)), call.repeatable);
    return { answer: whole, retry, afterMs: retryAfterMs(answer.headers) };
  } catch (fault) {
    call.signal.throwIfAborted();
    return { answer: null, fault, retry: call.repeatable, afterMs: 0 };
  }
}

/** Codes of refusals that may succeed a moment later, whatever their status. */
const PASSING = new Set(['idempotency_in_progress', 'server_error']);

function mayRetry({ status, retryable, code }: HezongProblem, repeatable: boolean): boolean {
  if (!retryable) return false;
  if (status === 429) return true;
  return repeatable && (status >= 502 || PASSING.has(code));
}

function retryAfterMs(headers: Headers): number {
  const said = headers.get('retry-after');
  if (said === null) return 0;
  const seconds = Number(said);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  // a date is relative to the server's own clock
  const pause = Date.parse(said) - Date.parse(headers.get('date') ?? '');
  return Number.isFinite(pause) ? Math.max(0, pause) : 0;
}

/** Full jitter on top of the server's requested pause, so that callers refused together do not return together. */
function pauseOf(attempt: number, afterMs: number, policy: RetryPolicy): number | null {
  if (afterMs > policy.maxMs) return null;
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return afterMs + Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1)) * (random / 2 ** 32);
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      // rethrows the caller's abort reason, as fetch does
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
