import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { IncomingMessage, validateHeaderName, validateHeaderValue } from 'node:http';
import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { NearServer } from '#libs/http';

/** Methods for which an HTTP client does not announce an empty body (RFC 9110, 8.6). */
const WITHOUT_LENGTH = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT']);
/** Answers without a body (RFC 9110, 6.4.1). */
const WITHOUT_BODY = new Set([204, 304]);

/** Node's own way to fill a request from parsed headers: repeated ones are merged by its rules. */
interface Parsed {
  _addHeaderLines(headers: readonly string[], count: number): void;
}

type Headers = OutgoingHttpHeaders | readonly OutgoingHttpHeader[];
type Callback = (error?: Error | null) => void;

/** Outside of all calls: the context of the caller, or of the call that ended just before, is none of the server's. */
const outside = new AsyncResource('near call');

export interface CallOptions {
  readonly path: string;
  readonly method: string;
  /** Names and values alternately. */
  readonly headers: string[];
  readonly body: Buffer | null;
}

/**
 * Calls a server that runs in this thread without a connection: nothing is written to or parsed from a socket. The server handles the
 * request as any other, and the handler hears what an HTTP client would tell it.
 * @param origin base URL of the server
 * @param silenceMs longest pause between two parts of an answer
 */
export function callNear(
  server: NearServer,
  origin: string,
  { path, method, headers: own, body }: CallOptions,
  handler: Dispatcher.DispatchHandler,
  silenceMs: number,
): void {
  const wire = new Wire();
  const request = new IncomingMessage(wire as unknown as Socket);
  request.method = method;
  request.url = path;
  request.httpVersion = '1.1';
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  const headers = ['host', origin.slice(origin.indexOf('//') + 2), 'connection', 'keep-alive', ...own];
  if (body !== null) headers.push('content-length', String(body.length));
  else if (!WITHOUT_LENGTH.has(method)) headers.push('content-length', '0');
  (request as unknown as Parsed)._addHeaderLines(headers, headers.length);
  if (body !== null) request.push(body);
  request.push(null);
  request.complete = true;
  const answer = new NearAnswer(method, wire, handler, silenceMs);
  handler.onRequestStart?.(answer, {});
  // as with a connection, no answer is heard before the sending function has returned
  queueMicrotask(() => {
    if (answer.aborted) return;
    outside.runInAsyncScope(() => server.handle(request, answer as unknown as ServerResponse));
  });
}

/** The part of a socket that handlers use. Destroying it loses the answer. */
class Wire extends EventEmitter {
  readonly remoteAddress = '127.0.0.1';
  destroyed = false;
  lost: (error?: Error) => void = () => undefined;

  get writable(): boolean {
    return !this.destroyed;
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.lost(error);
    this.emit('close');
    return this;
  }
}

/** The answer to a near call: a `ServerResponse` to the server, and the controller of the call to its caller. */
class NearAnswer extends Writable implements Dispatcher.DispatchController {
  statusCode = 200;
  headersSent = false;
  aborted = false;
  paused = false;
  reason: Error | null = null;
  readonly rawHeaders: string[] = [];
  private readonly headers = new Map<string, OutgoingHttpHeader>();
  private resumed: Callback | null = null;
  private silence: NodeJS.Timeout | undefined;
  private isLast = false;
  private isOver = false;

  constructor(
    private readonly method: string,
    readonly socket: Wire,
    private readonly handler: Dispatcher.DispatchHandler,
    private readonly silenceMs: number,
  ) {
    super();
    socket.lost = (error) => this.destroy(error);
    // the handler hears of it
    this.on('error', () => undefined);
  }

  /** As in `ServerResponse`. */
  get finished(): boolean {
    return this.writableEnded;
  }

  /** @throws TypeError on a name or value that cannot be sent, as `ServerResponse` does: later it would be too late */
  setHeader(name: string, value: OutgoingHttpHeader): this {
    if (this.headersSent) throw new Error('the head was sent already');
    validateHeaderName(name);
    for (const one of Array.isArray(value) ? value : [value]) validateHeaderValue(name, String(one));
    this.headers.set(name.toLowerCase(), value);
    return this;
  }

  getHeader(name: string): OutgoingHttpHeader | undefined {
    return this.headers.get(name.toLowerCase());
  }

  getHeaders(): OutgoingHttpHeaders {
    return Object.fromEntries(this.headers);
  }

  getHeaderNames(): string[] {
    return [...this.headers.keys()];
  }

  hasHeader(name: string): boolean {
    return this.headers.has(name.toLowerCase());
  }

  removeHeader(name: string): void {
    this.headers.delete(name.toLowerCase());
  }

  /** @param rest the status message, which is dropped, and headers: as an object, or names and values alternately */
  writeHead(status: number, ...rest: (string | Headers | undefined)[]): this {
    if (this.headersSent) throw new Error('the head was sent already');
    this.statusCode = status;
    const given = rest.find((one) => typeof one === 'object') ?? {};
    if (isList(given)) for (let i = 0; i < given.length; i += 2) this.setHeader(String(given[i]), given[i + 1] ?? '');
    else for (const [name, value] of Object.entries(given)) if (value !== undefined) this.setHeader(name, value);
    this.flushHeaders();
    return this;
  }

  flushHeaders(): void {
    if (this.headersSent) return;
    this.headersSent = true;
    for (const [name, value] of this.headers) {
      if (Array.isArray(value)) for (const one of value) this.rawHeaders.push(name, one);
      else this.rawHeaders.push(name, String(value));
    }
    if (!this.aborted) this.handler.onResponseStart?.(this, this.statusCode, {});
    this.listen();
  }

  override end(...last: unknown[]): this {
    this.isLast = true;
    this.flushHeaders();
    return super.end(...(last as [unknown]));
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Callback): void {
    this.flushHeaders();
    const hasBody = this.method !== 'HEAD' && !WITHOUT_BODY.has(this.statusCode);
    if (hasBody && !this.aborted && chunk.length > 0) this.handler.onResponseData?.(this, chunk);
    this.listen();
    if (this.paused) this.resumed = done;
    else done();
  }

  override _final(done: Callback): void {
    if (!this.isOver) {
      this.over();
      this.handler.onResponseEnd?.(this, {});
    }
    done();
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.lose(error ?? new Error('the answer was broken off'));
    done(error);
  }

  abort(reason: Error): void {
    this.lose(reason);
    this.destroy();
  }

  pause(): void {
    this.paused = true;
    clearTimeout(this.silence);
  }

  resume(): void {
    this.paused = false;
    this.listen();
    const { resumed } = this;
    this.resumed = null;
    resumed?.();
  }

  private lose(reason: Error): void {
    if (this.isOver) return;
    this.over();
    this.aborted = true;
    this.reason = reason;
    this.handler.onResponseError?.(this, reason);
  }

  private over(): void {
    this.isOver = true;
    clearTimeout(this.silence);
  }

  /** Gives up an answer whose next part does not come in time. */
  private listen(): void {
    clearTimeout(this.silence);
    if (this.isLast || this.isOver || this.paused) return;
    this.silence = setTimeout(() => this.abort(new Error('silent in mid-answer')), this.silenceMs).unref();
  }
}

function isList(headers: Headers): headers is readonly OutgoingHttpHeader[] {
  return Array.isArray(headers);
}
