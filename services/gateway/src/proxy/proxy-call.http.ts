import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import type { ErrorCode } from '#libs/kernel';
import type { Deadlines, Expiring } from './deadlines.js';
import { callerHeaders } from './headers.http.js';
import type { SlowReaders } from './slow-readers.js';

/** Methods whose repetition changes nothing: losing their answer is no unknown outcome. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

type Controller = Dispatcher.DispatchController;

/**
 * Once no answer is being read any more. A part of one answer that is written to a connection may tell another answer of it that it is
 * drained, and may break off a third: the parser of undici, one for all, refuses to be entered twice and leaves such an answer, and its
 * connection to the service, standing forever.
 */
const afterwards = queueMicrotask;

/** What watches over a call. */
export interface Watch {
  readonly caller: string;
  readonly deadlines: Deadlines;
  readonly slow: SlowReaders;
  /** Called once, when the call has left the service. */
  readonly left: () => void;
}

/**
 * One call on its way through: hands the upstream's answer to the caller as it comes. What fails before the request was put on
 * the wire is `unavailable`; what fails afterwards may have had its effect, hence `outcome_unknown`, never a plain failure.
 */
export class ProxyCallHttp implements Dispatcher.DispatchHandler, Expiring {
  private controller: Controller | undefined;
  private settled = false;
  private hasLeft = false;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly watch: Watch,
    private readonly extraHeaders: readonly string[],
    private readonly refuse: (code: ErrorCode) => void,
    /** Asked when nothing was put on the wire: whether another instance has taken the call. */
    private readonly elsewhere: () => boolean = () => false,
  ) {
    watch.deadlines.add(this);
  }

  /** Whether it is still to be sent: reading for a caller who has left is not, an effect is carried out, as its key keeps the answer. */
  get isWanted(): boolean {
    return !this.settled && !(this.request.socket.destroyed && SAFE.has(this.request.method ?? ''));
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller;
    if (this.settled) controller.abort(new Error('deadline passed'));
  }

  onResponseStart(controller: Controller, status: number): void {
    if (status < 200) return;
    // The answer has begun; from here on the pool watches for silence between its parts.
    this.watch.deadlines.done(this);
    const headers = callerHeaders(controller.rawHeaders as Buffer[]);
    headers.push(...this.extraHeaders);
    // The answer usually comes whole: corked, head and body leave in one packet.
    this.response.cork();
    this.response.writeHead(status, headers);
    process.nextTick(() => this.response.uncork());
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.request.socket.destroyed) {
      controller.abort(new Error('caller left'));
      return;
    }
    if (this.response.write(chunk)) return;
    controller.pause();
    // A paused answer holds a connection to the service: not for long, and not many of them.
    const { caller, slow } = this.watch;
    slow.add(caller, this);
    this.untilTaken('drain', () => {
      slow.done(caller, this);
      afterwards(() => this.settled || controller.resume());
    });
  }

  onResponseEnd(): void {
    this.leave();
    this.response.end();
    if (this.response.writableLength > 0) this.untilTaken('close');
  }

  onResponseError(_controller: Controller, _error: Error): void {
    if (!this.settled) {
      if (this.controller === undefined && this.elsewhere()) return;
      this.settle();
      this.lose();
    }
    this.leave();
  }

  expire(): void {
    if (this.settled) {
      // Ended, and not taken: a pipelined answer has no connection of its own yet, hence the request's.
      this.request.socket.destroy();
      return;
    }
    this.settle();
    this.lose();
    afterwards(() => this.controller?.abort(new Error('deadline passed')));
  }

  /** Gives the caller the time of a deadline to take what is written; a connection that closes has taken it too. */
  private untilTaken(event: 'drain' | 'close', then?: () => void): void {
    const { request, response } = this;
    const { deadlines } = this.watch;
    deadlines.add(this);
    const taken = (): void => {
      response.off(event, taken);
      request.socket.off('close', taken);
      deadlines.done(this);
      then?.();
    };
    response.on(event, taken);
    // A pipelined answer whose turn has not come is not told that the connection closes.
    request.socket.on('close', taken);
  }

  private settle(): void {
    this.settled = true;
    this.watch.deadlines.done(this);
  }

  private leave(): void {
    if (!this.settled) this.settle();
    if (this.hasLeft) return;
    this.hasLeft = true;
    this.watch.left();
  }

  private lose(): void {
    if (this.response.headersSent) {
      // Half an answer is no answer: break the connection rather than end it as if it were whole.
      this.request.socket.destroy();
      return;
    }
    const mayHaveHappened = this.controller !== undefined && !SAFE.has(this.request.method ?? '');
    this.refuse(mayHaveHappened ? 'outcome_unknown' : 'unavailable');
  }
}
