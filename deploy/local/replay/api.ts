import { setTimeout as sleep } from 'node:timers/promises';
import { Pool, type Dispatcher } from 'undici';
import type { Credentials, SandboxFile } from '../network/sandbox-file.js';

export interface Answer {
  status: number;
  body: unknown;
  replayed: boolean;
}

interface Problem {
  code?: string;
  detail?: string;
}

export class ApiError extends Error {
  constructor(
    readonly call: string,
    readonly status: number,
    readonly problem: Problem,
    readonly sent?: unknown,
  ) {
    super(`${call}: ${status} ${problem.code ?? ''} ${problem.detail ?? JSON.stringify(problem)}`);
  }
}

export interface ApiOptions {
  connections: number;
  /** How long calls are repeated while the network does not answer, ms. */
  patience?: number;
  /** Called when the network stops answering, and when it answers again. */
  onOutage?: (text: string) => void;
  /** Called for each repeated call, with the reason. */
  onRepeat?: (why: string) => void;
}

interface Token {
  value: string;
  until: number;
}

/**
 * A till's client, for thousands of calls: keep-alive connections, one token per credential, and the API's rule for failures: a call
 * without an answer, or with 503, 429 or 409 in progress, is repeated unchanged with the same key until the network is back. `HezongClient`
 * is not used, because it takes several times the processor time per call, on the machine whose speed is measured.
 */
export class Api {
  private readonly pool: Pool;
  private readonly path: string;
  private readonly tokens = new Map<string, Promise<Token>>();
  private readonly patience: number;
  private down = false;
  private lastSuccess = performance.now();
  calls = 0;
  retries = 0;

  constructor(
    readonly network: Pick<SandboxFile, 'gateway' | 'tokenUrl'>,
    private readonly options: ApiOptions,
  ) {
    this.pool = new Pool(network.gateway, {
      connections: options.connections,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      headersTimeout: 30_000,
      bodyTimeout: 30_000,
    });
    this.path = new URL(network.tokenUrl).pathname;
    this.patience = options.patience ?? 120_000;
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }

  /** The next call with these credentials requests a new token. */
  forget({ clientId }: Credentials): void {
    this.tokens.delete(clientId);
  }

  /** The JSON answer of a call that must succeed. */
  async need<T>(
    as: Credentials,
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    key?: string,
  ): Promise<T> {
    const answer = await this.call(as, method, path, body, key);
    if (answer.status >= 400) throw new ApiError(`${method} ${path}`, answer.status, answer.body ?? {}, body);
    return answer.body as T;
  }

  /** Any final answer, refusals included. */
  async call(
    as: Credentials,
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    key?: string,
  ): Promise<Answer> {
    const payload = body === undefined ? null : JSON.stringify(body);
    let renewed = false;
    const began = performance.now();
    for (let attempt = 0; ; attempt += 1) {
      try {
        const headers: Record<string, string> = { authorization: `Bearer ${(await this.token(as)).value}` };
        if (payload !== null) headers['content-type'] = 'application/json';
        if (key !== undefined) headers['idempotency-key'] = key;
        const answer = await this.once(method, path, headers, payload);
        if (answer.status === 401 && !renewed) {
          renewed = true;
          this.tokens.delete(as.clientId);
          continue;
        }
        if (!mayPass(answer)) {
          this.succeeded();
          return answer;
        }
        this.options.onRepeat?.(`${method} ${path} was answered ${answer.status} ${JSON.stringify(answer.body)}`);
      } catch (error) {
        if (error instanceof ApiError) throw error;
        this.options.onRepeat?.(`${method} ${path} was not answered: ${String(error)}`);
        this.lost(error);
      }
      this.retries += 1;
      if (performance.now() - Math.max(this.lastSuccess, began) > this.patience)
        throw new Error(
          `no answer from ${this.network.gateway} for ${Math.round(this.patience / 1000)} s (${method} ${path})`,
        );
      await sleep(Math.min(50 * 2 ** Math.min(attempt, 6), 1_000) * (0.5 + Math.random()));
    }
  }

  private async once(
    method: Dispatcher.HttpMethod,
    path: string,
    headers: Record<string, string>,
    payload: string | null,
  ): Promise<Answer> {
    this.calls += 1;
    const response = await this.pool.request({ method, path, headers, body: payload });
    const text = await response.body.text();
    return {
      status: response.statusCode,
      body: text === '' ? null : JSON.parse(text),
      replayed: response.headers['idempotency-replayed'] === 'true',
    };
  }

  private token(as: Credentials): Promise<Token> {
    const held = this.tokens.get(as.clientId);
    if (held === undefined) return this.renew(as);
    return held.then(
      (token) => (token.until > performance.now() ? token : this.renew(as, held)),
      () => this.renew(as, held),
    );
  }

  /** One renewal for all calls that find the token expired at the same time. */
  private renew(as: Credentials, old?: Promise<Token>): Promise<Token> {
    const current = this.tokens.get(as.clientId);
    if (current !== undefined && current !== old) return current;
    const fresh = this.fetchToken(as);
    this.tokens.set(as.clientId, fresh);
    fresh.catch(() => {
      if (this.tokens.get(as.clientId) === fresh) this.tokens.delete(as.clientId);
    });
    return fresh;
  }

  private async fetchToken(as: Credentials): Promise<Token> {
    const headers = {
      authorization: `Basic ${Buffer.from(`${encodeURIComponent(as.clientId)}:${encodeURIComponent(as.clientSecret)}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const answer = await this.once('POST', this.path, headers, 'grant_type=client_credentials');
    if (answer.status >= 500 || answer.status === 429) throw new Error(`token: ${answer.status}`);
    if (answer.status !== 200) throw new ApiError('POST /oauth/token', answer.status, answer.body ?? {});
    const { access_token: value, expires_in: seconds } = answer.body as { access_token: string; expires_in: number };
    return { value, until: performance.now() + (seconds - 20) * 1_000 };
  }

  private succeeded(): void {
    this.lastSuccess = performance.now();
    if (!this.down) return;
    this.down = false;
    this.options.onOutage?.('the network answers again');
  }

  private lost(error: unknown): void {
    if (this.down) return;
    this.down = true;
    this.options.onOutage?.(
      `the network does not answer (${error instanceof Error ? error.message : String(error)}); repeating with the same keys`,
    );
  }
}

/** Temporary refusals: the same call may succeed a moment later. */
function mayPass(answer: Answer): boolean {
  if (answer.status === 503 || answer.status === 502 || answer.status === 504 || answer.status === 429) return true;
  return answer.status === 409 && (answer.body as Problem | null)?.code === 'idempotency_in_progress';
}
