import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { DomainError, ERROR_CATALOGUE } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';
import { currentContext } from '#libs/observability';
import { InternalTokens } from './internal-token.js';
import type { SigningConfig } from './internal-token.js';

export type Instances = Readonly<Record<string, readonly string[]>>;

const TIMEOUT_MS = 2_000;
/**
 * How long callers in the network keep an idle connection. A stopping service waits longer, so that it closes no connection on which a call
 * is arriving. Milliseconds.
 */
export const KEPT_IDLE_MS = 2_000;

const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
/** A kept-alive connection that the other side had closed: safe to repeat for idempotent calls. */
const CUT_OFF = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/**
 * Calls between services: JSON in and out, a timeout of two seconds, one retry when no connection could be made, at the next instance
 * of the service if it has several.
 * A 404 is returned as null; a refusal with a code of the catalogue is thrown with that code; any other failure is `unavailable`.
 */
export class InternalClient {
  private readonly tokens: InternalTokens;
  private readonly agent = new Agent({
    connections: 32,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    keepAliveTimeout: KEPT_IDLE_MS,
    keepAliveMaxTimeout: KEPT_IDLE_MS,
  });

  /** @param instances base URLs of every instance of the other services, by name */
  constructor(
    config: SigningConfig,
    private readonly instances: Instances,
  ) {
    this.tokens = new InternalTokens(config);
  }

  get<T>(url: string): Promise<T | null> {
    return this.call<T>('GET', url);
  }

  put<T>(url: string, body: unknown): Promise<T | null> {
    return this.call<T>('PUT', url, body);
  }

  post<T>(url: string, body: unknown): Promise<T | null> {
    return this.call<T>('POST', url, body);
  }

  /** Closes the connections, after the last request that may need them is answered. */
  async onApplicationShutdown(): Promise<void> {
    await this.agent.close();
  }

  private async call<T>(method: 'GET' | 'PUT' | 'POST', url: string, body?: unknown): Promise<T | null> {
    const headers: Record<string, string> = {
      authorization: `Bearer ${await this.tokens.token(this.addressees(url))}`,
    };
    const context = currentContext();
    if (context !== undefined) {
      headers['traceparent'] = context.traceparent;
      headers['x-request-id'] = context.requestId;
    }
    if (body !== undefined) headers['content-type'] = 'application/json';
    const send = (target: string): Promise<Dispatcher.ResponseData> =>
      request(target, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        dispatcher: this.agent,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    let response: Dispatcher.ResponseData;
    try {
      response = await send(url).catch((error: unknown) => {
        if (mayRepeat(method, error)) return send(this.another(url));
        throw error;
      });
      if (response.statusCode === 204) return null;
      const text = await response.body.text();
      if (response.statusCode === 404) return null;
      const answer: unknown = text === '' ? null : JSON.parse(text);
      if (response.statusCode < 400) return answer as T;
      throw refusal(answer, url);
    } catch (error) {
      if (error instanceof DomainError) throw error;
      throw new DomainError('unavailable', {}, { cause: error });
    }
  }

  /** Names of the services at an address; several where services share the address. */
  private addressees(url: string): string[] {
    const names = Object.keys(this.instances).filter((name) =>
      this.instances[name]?.some((base) => url.startsWith(`${base}/`)),
    );
    if (names.length === 0) throw new Error(`${url} is an address of no service`);
    return names;
  }

  /** The same path at the next instance; the same URL when there is only one. */
  private another(url: string): string {
    for (const bases of Object.values(this.instances)) {
      const at = bases.findIndex((base) => url.startsWith(`${base}/`));
      const base = bases[at];
      if (base !== undefined) return `${bases[(at + 1) % bases.length] ?? base}${url.slice(base.length)}`;
    }
    return url;
  }
}

function mayRepeat(method: string, error: unknown): boolean {
  return isNotConnected(error) || (method !== 'POST' && CUT_OFF.has(codeOf(error)));
}

/** Whether a call failed without a connection: nothing was sent, so another instance may be called. */
export function isNotConnected(error: unknown): boolean {
  return NOT_CONNECTED.has(codeOf(error));
}

function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : '';
}

function refusal(answer: unknown, url: string): DomainError {
  if (typeof answer === 'object' && answer !== null) {
    const code: unknown = Reflect.get(answer, 'code');
    const detail: unknown = Reflect.get(answer, 'detail');
    if (typeof code === 'string' && Object.hasOwn(ERROR_CATALOGUE, code) && code !== 'token_invalid') {
      return new DomainError(code as ErrorCode, typeof detail === 'string' ? { detail } : {});
    }
  }
  return new DomainError('unavailable', {}, { cause: new Error(`${url} answered ${JSON.stringify(answer)}`) });
}
