import type { Problem } from './gen/types.gen.js';

const PROBLEM = Symbol.for('hezong.sdk.problem');
const UNREACHABLE = Symbol.for('hezong.sdk.unreachable');

const RETRYABLE_STATUSES = new Set([429, 502, 503, 504]);

/** A refusal by the network. Decide by `code`: it is stable; the texts are for people. */
export class HezongProblem extends Error {
  readonly [PROBLEM] = true;
  override readonly name = 'HezongProblem';
  /** E.g. `points_insufficient`; each code has a page at `type`. */
  readonly code: string;
  readonly status: number;
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly errors: NonNullable<Problem['errors']>;
  /** Quote it when asking the operator about this call. */
  readonly traceId: string | undefined;
  /** Whether the same call, with the same key, may succeed later. The client has already tried a few times. */
  readonly retryable: boolean;
  /** All members of the answer, e.g. `limit` of `points_insufficient`. */
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Readonly<Record<string, unknown>>) {
    const told = body as Partial<Problem>;
    // a refused token has an OAuth error
    const code = told.code ?? textOr(body['error'], 'answer_unexpected');
    const detail = told.detail ?? textOr(body['error_description'], '');
    super(`${code} (${status})${detail === '' ? '' : `: ${detail}`}`);
    this.code = code;
    this.status = status;
    this.type = told.type ?? 'about:blank';
    this.title = told.title ?? code;
    this.detail = detail;
    this.errors = told.errors ?? [];
    this.traceId = told.traceId;
    // the token service reports an unavailable database as an OAuth error
    this.retryable = told.retryable ?? (RETRYABLE_STATUSES.has(status) || code === 'server_error');
    this.body = body;
  }

  /** Works in every realm and for every copy of this library. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && PROBLEM in value;
  }
}

/** No answer in time, after all attempts. The outcome of the call is unknown: repeat it with the same content. */
export class HezongUnreachable extends Error {
  readonly [UNREACHABLE] = true;
  override readonly name = 'HezongUnreachable';
  readonly retryable = true;

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && UNREACHABLE in value;
  }
}

/** Body of a refusal; `{}` for anything that is not a JSON object, such as a proxy's own page. */
export function refusalOf(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}
