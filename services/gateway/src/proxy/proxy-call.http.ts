import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import type { ErrorCode } from '#libs/kernel';
import type { Deadlines, Expiring } from './deadlines.js';
import { callerHeaders } from './headers.http.js';

/** Methods whose repetition changes nothing: losing their answer is no unknown outcome. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

type Controller = Dispatcher.DispatchController;

/**
 * One call on its way through: hands the upstream's answer to the caller as it comes. What fails before the request was put on
 * the wire is `unavailable`; what fails afterwards may have had its effect, hence `outcome_unknown`, never a plain failure.
 */
export class ProxyCall implements Dispatcher.DispatchHandler, Expiring {
  private controller: Controller | undefined;
  private settled = false;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly deadlines: Deadlines,
    private readonly extraHeaders: readonly string[],
    private readonly refuse: (code: ErrorCode) => void,
    /** Asked when nothing was put on the wire: whether another instance has taken the call. */
    private readonly elsewhere: () => boolean = () => false,
  ) {
    deadlines.add(this);
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller;
    if (this.settled) controller.abort(new Error('deadline passed'));
  }

  onResponseStart(controller: Controller, status: number): void {
    if (status < 200) return;
    // The answer has begun; from here on the pool watches for silence between its parts.
    this.deadlines.done(this);
    const headers = callerHeaders(controller.rawHeaders as Buffer[]);
    headers.push(...this.extraHeaders);
    // The answer usually comes whole: corked, head and body leave in one packet.
    this.response.cork();
    this.response.writeHead(status, headers);
    process.nextTick(() => this.response.uncork());
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.response.destroyed) {
      controller.abort(new Error('caller left'));
      return;
    }
    if (this.response.write(chunk)) return;
    controller.pause();
    const go = (): void => {
      this.response.off('drain', go).off('close', go);
      controller.resume();
    };
    this.response.on('drain', go).on('close', go);
  }

  onResponseEnd(): void {
    this.settle();
    this.response.end();
  }

  onResponseError(_controller: Controller, _error: Error): void {
    if (this.settled) return;
    if (this.controller === undefined && this.elsewhere()) return;
    this.settle();
    this.lose();
  }

  expire(): void {
    if (this.settled) return;
    this.settle();
    this.lose();
    this.controller?.abort(new Error('deadline passed'));
  }

  private settle(): void {
    this.settled = true;
    this.deadlines.done(this);
  }

  private lose(): void {
    if (this.response.headersSent) {
      // Half an answer is no answer: break the connection rather than end it as if it were whole.
      this.response.destroy();
      return;
    }
    const mayHaveHappened = this.controller !== undefined && !SAFE.has(this.request.method ?? '');
    this.refuse(mayHaveHappened ? 'outcome_unknown' : 'unavailable');
  }
}
