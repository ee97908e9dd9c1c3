import { createClient } from './gen/client/index.js';
import { KEYED } from './gen/keyed.gen.js';
import { HezongApi } from './gen/sdk.gen.js';
import { allPages } from './pages.js';
import type { Page, PageQuery } from './pages.js';
import { HezongProblem, refusalOf } from './problem.js';
import { DEFAULT_RETRIES, sendWithRetries } from './retries.js';
import type { Fetch, RetryPolicy } from './retries.js';
import { Tokens } from './tokens.js';

export interface HezongOptions {
  /** Base URL of the gateway, e.g. `https://api.hezong.example`. */
  readonly gateway: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Default: `/oauth/token` of the gateway. */
  readonly tokenUrl?: string;
  /** Default: all scopes that the client may have. */
  readonly scopes?: readonly string[];
  /** Timeout of each attempt; default 10 s. A single call overrides it with `meta: { timeoutMs }`. */
  readonly timeoutMs?: number;
  readonly retries?: Partial<RetryPolicy>;
  readonly fetch?: Fetch;
}

/** Options of a single call, as its `meta`. */
interface CallMeta {
  readonly timeoutMs?: number;
  /** The call is safe to repeat although the server keeps no key for it: e.g. it sets the same value again. */
  readonly repeatable?: boolean;
}

interface CallFacts {
  readonly repeatable: boolean;
  readonly timeoutMs: number;
}

const KEY = 'idempotency-key';
const METHODS_WITHOUT_DOUBT = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);

/**
 * Typed calls of the network, e.g. `client.orders.accept({ body })`. The client gets and renews its tokens, sends a key with every call
 * that has no `externalId`, repeats calls with the same content where that is safe, and throws a `HezongProblem` for refusals.
 */
export class HezongClient extends HezongApi {
  constructor(options: HezongOptions) {
    const retries = { ...DEFAULT_RETRIES, ...options.retries };
    const timeoutMs = options.timeoutMs ?? 10_000;
    const gateway = options.gateway.replace(/\/+$/, '');
    const fetch: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    const tokens = new Tokens(fetch, {
      tokenUrl: options.tokenUrl ?? `${gateway}/oauth/token`,
      clientId: options.clientId,
      clientSecret: options.clientSecret,
      scopes: options.scopes,
      timeoutMs,
      retries,
    });
    const facts = new WeakMap<Request, CallFacts>();
    const client = createClient({
      baseUrl: gateway,
      throwOnError: true,
      auth: () => tokens.get(),
      fetch: (input) => send(input instanceof Request ? input : new Request(input)),
    });
    client.interceptors.request.use((request, call) => {
      const { url, body, meta } = call as { url: string; body?: unknown; meta?: CallMeta };
      const named = isRecord(body) && typeof body['externalId'] === 'string';
      if (request.method === 'POST' && !named && KEYED.has(url) && !request.headers.has(KEY)) {
        request.headers.set(KEY, crypto.randomUUID());
      }
      facts.set(request, {
        repeatable:
          meta?.repeatable ?? (METHODS_WITHOUT_DOUBT.has(request.method) || named || request.headers.has(KEY)),
        timeoutMs: meta?.timeoutMs ?? timeoutMs,
      });
      return request;
    });
    client.interceptors.error.use((error, response: Response | undefined) =>
      response === undefined
        ? error
        : new HezongProblem(response.status, isRecord(error) ? error : refusalOf(String(error))),
    );
    super({ client });

    async function send(request: Request): Promise<Response> {
      const body = request.body === null ? undefined : await request.arrayBuffer();
      const call = {
        url: request.url,
        method: request.method,
        headers: new Headers(request.headers),
        body,
        ...(facts.get(request) ?? { repeatable: false, timeoutMs }),
        signal: request.signal,
      };
      const answer = await sendWithRetries(fetch, call, retries);
      const [, token] = /^Bearer (.+)$/.exec(call.headers.get('authorization') ?? '') ?? [];
      if (answer.status !== 401 || token === undefined) return answer;
      // revoked, or signed with a retired key: retries once with a new token
      tokens.drop(token);
      call.headers.set('authorization', `Bearer ${await tokens.get()}`);
      return sendWithRetries(fetch, call, retries);
    }
  }

  /**
   * All items of a list, over all its pages:
   * `for await (const line of client.pages((page) => client.statements.lines({ path: { cycle }, query: { ...page, limit: 200 } })))`.
   */
  pages<Item>(call: (page: PageQuery) => Promise<Page<Item>>): AsyncGenerator<Item, void, undefined> {
    return allPages(call);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
