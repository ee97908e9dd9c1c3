import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import type { ErrorCode } from '#libs/kernel';
import type { Deadlines, Expiring } from './deadlines.js';
import { callerHeaders } from './headers.http.js';
import type { InstanceCall } from './instances.http.js';
import type { SlowReaders } from './slow-readers.js';

/** Methods without side effects, unless their route says otherwise. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

type Controller = Dispatcher.DispatchController;

/**
 * Runs a function after undici's parser has returned. Writing part of one answer to a connection may emit `drain` on another answer
 * and may break off a third. The parser is shared and refuses to be entered twice; such an answer, and its connection to the
 * service, would then hang forever.
 */
const afterwards = queueMicrotask;

/** The limits that a call is subject to. */
export interface Watch {
  readonly caller: string;
  readonly deadlines: Deadlines;
  readonly slow: SlowReaders;
  /** Called when no answer is expected soon: the call no longer takes the place of others. */
  readonly yielded: () => void;
  /** Called once, when the call has left the service. */
  readonly left: () => void;
}

/**
 * One proxied call: streams the upstream's answer to the caller. A failure before the request was put on the wire is `unavailable`.
 * A later failure may have had its effect, so it is `outcome_unknown`, never a plain failure.
 */
export class ProxyCallHttp implements InstanceCall, Expiring {
  private controller: Controller | undefined;
  private settled = false;
  private hasLeft = false;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly watch: Watch,
    private readonly extraHeaders: readonly string[],
    /** Whether its GET has an effect. */
    private readonly getHasEffect: boolean,
    private readonly refuse: (code: ErrorCode) => void,
    /** Called if nothing was put on the wire, or for a read; returns whether another instance has taken the call. */
    private readonly elsewhere: () => boolean,
  ) {
    watch.deadlines.add(this);
  }

  /**
   * Whether the call should still be sent. A GET whose caller has disconnected is dropped. A write is carried out, because its answer
   * is kept under its key.
   */
  get isWanted(): boolean {
    return !this.settled && !(this.request.socket.destroyed && SAFE.has(this.request.method ?? ''));
  }

  /** Whether it has no effect: it can be sent twice, and losing its answer is not an unknown outcome. */
  private get isRead(): boolean {
    return !this.getHasEffect && SAFE.has(this.request.method ?? '');
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller;
    if (this.settled) controller.abort(new Error('deadline passed'));
  }

  onResponseStart(controller: Controller, status: number): void {
    if (status < 200) return;
    if (this.settled) {
      controller.abort(new Error('deadline passed'));
      return;
    }
    // The answer has begun; from here on the pool watches for silence between its parts.
    this.watch.deadlines.done(this);
    const headers = callerHeaders(controller.rawHeaders as Buffer[]);
    headers.push(...this.extraHeaders);
    // The answer usually arrives whole: corked, its head and body leave in one packet.
    this.response.cork();
    this.response.writeHead(status, headers);
    process.nextTick(() => this.response.uncork());
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.settled || this.request.socket.destroyed) {
      controller.abort(new Error('nobody waits for it'));
      return;
    }
    if (this.response.write(chunk)) return;
    controller.pause();
    // A paused answer occupies a connection to the service, so both its duration and the number of such answers are limited.
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

  /** A read, and a write that is not on the wire, goes to another instance; any other call waits on, and takes no one's place. */
  onSilence(): boolean {
    const { controller, response } = this;
    const mayMove = controller === undefined || this.isRead;
    if (mayMove && this.isWanted && !response.headersSent) {
      this.controller = undefined;
      if (this.elsewhere()) return true;
      this.controller = controller;
    }
    this.watch.yielded();
    return false;
  }

  expire(): void {
    if (this.settled) {
      // Ended but not read: a pipelined answer has no socket of its own yet, so the request's socket is used.
      this.request.socket.destroy();
      return;
    }
    this.settle();
    this.lose();
    afterwards(() => this.controller?.abort(new Error('deadline passed')));
  }

  /** Gives the caller one deadline to read what was written. A closed connection counts as read. */
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
    // A pipelined answer whose turn has not come gets no event when the connection closes.
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
      // An incomplete answer must not look complete: break the connection instead of ending it.
      this.request.socket.destroy();
      return;
    }
    const mayHaveHappened = this.controller !== undefined && !this.isRead;
    this.refuse(mayHaveHappened ? 'outcome_unknown' : 'unavailable');
  }
}
