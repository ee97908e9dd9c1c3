import { HezongProblem, refusalOf } from './problem.js';
import { sendWithRetries } from './retries.js';
import type { Fetch, RetryPolicy } from './retries.js';

export interface TokenSettings {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly retries: RetryPolicy;
}

interface Kept {
  readonly token: string;
  readonly until: number;
}

/** Access tokens by client credentials: one request at a time, shared by all waiting calls, and renewed before expiry. */
export class Tokens {
  private kept: Kept | undefined;
  private asked: Promise<Kept> | undefined;

  constructor(
    private readonly fetch: Fetch,
    private readonly settings: TokenSettings,
  ) {}

  async get(): Promise<string> {
    // a monotonic clock
    if (this.kept !== undefined && performance.now() < this.kept.until) return this.kept.token;
    this.asked ??= this.ask().finally(() => {
      this.asked = undefined;
    });
    this.kept = await this.asked;
    return this.kept.token;
  }

  /** The server has refused this token. */
  drop(token: string): void {
    if (this.kept?.token === token) this.kept = undefined;
  }

  private async ask(): Promise<Kept> {
    const { tokenUrl, clientId, clientSecret, scopes, timeoutMs, retries } = this.settings;
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (scopes !== undefined) form.set('scope', scopes.join(' '));
    const asked = performance.now();
    const answer = await sendWithRetries(
      this.fetch,
      {
        url: tokenUrl,
        method: 'POST',
        headers: new Headers({
          authorization: `Basic ${btoa(`${encoded(clientId)}:${encoded(clientSecret)}`)}`,
          'content-type': 'application/x-www-form-urlencoded',
          accept: 'application/json',
        }),
        body: new TextEncoder().encode(form.toString()).buffer,
        repeatable: true,
        timeoutMs,
        // others may wait for the same token, so one caller's signal does not cancel the request
        signal: new AbortController().signal,
      },
      retries,
    );
    const body = refusalOf(await answer.text());
    const { access_token: token, expires_in: seconds } = body;
    if (!answer.ok || typeof token !== 'string') throw new HezongProblem(answer.status, body);
    const lifeMs = typeof seconds === 'number' ? seconds * 1000 : 0;
    return { token, until: asked + lifeMs - Math.min(60_000, lifeMs / 5) };
  }
}

/** RFC 6749 requires both parts to be form-encoded before they are joined. */
function encoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
