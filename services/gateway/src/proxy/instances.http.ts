import { request } from 'undici';
import type { Dispatcher, Pool } from 'undici';
import { NearServer } from '#libs/http';
import { monotonicMs } from '#libs/kernel';
import { callNear } from './near-call.http.js';
import type { CallOptions } from './near-call.http.js';
import { SlowReaders } from './slow-readers.js';
import { Turns } from './turns.js';

/** Share of the connections to a service that unread answers may occupy. */
const UNREAD_PART = 1 / 4;

/** How long an unreachable instance is tried only after all others. */
const SHUN_MS = 1_000;

/** How long an instance with calls in flight may send nothing before it is asked for a sign of life. */
const QUIET_MS = 500;
/** How long that may take; after this the instance is silent. */
const PROBE_MS = 750;
const LISTEN_EVERY_MS = 250;

/** A call as its instance sees it. */
export interface InstanceCall extends Dispatcher.DispatchHandler {
  /** Its instance is silent. @returns whether another instance has taken the call */
  onSilence(): boolean;
}

/** One instance of a service, with its keep-alive connections and the calls in flight at it. One in this thread is called without them. */
export class Instance {
  /** Real time until which the instance is avoided. */
  shunnedUntil = 0;
  /** Whether the instance gave no sign of life when asked for one. */
  silent = false;
  private quietSince = 0;
  private probing = false;
  private readonly attempts = new Set<{ onSilence(): void }>();

  /**
   * @param origin base URL of the instance
   * @param silenceMs longest pause in mid-answer
   */
  constructor(
    private readonly origin: string,
    private readonly pool: Pool,
    private readonly probes: Dispatcher,
    private readonly silenceMs: number,
  ) {}

  get inFlight(): number {
    return this.attempts.size;
  }

  send(options: CallOptions, call: InstanceCall): void {
    const attempt = new Attempt(
      call,
      () => this.heard(),
      () => this.attempts.delete(attempt),
    );
    this.begin(attempt);
    const near = NearServer.at(this.origin);
    if (near === undefined) this.pool.dispatch(options, attempt);
    else callNear(near, this.origin, options, attempt, this.silenceMs);
  }

  /**
   * Runs a call of the gateway itself, on connections of its own.
   * @param call gets the base URL, and a signal that is aborted once the instance is silent
   */
  async ask<T>(call: (origin: string, silent: AbortSignal) => Promise<T>): Promise<T> {
    const silence = new AbortController();
    const attempt = { onSilence: () => silence.abort(new Error('silent')) };
    this.begin(attempt);
    try {
      const answer = await call(this.origin, silence.signal);
      this.heard();
      return answer;
    } finally {
      this.attempts.delete(attempt);
    }
  }

  /** Whether the instance must be asked for a sign of life now. */
  get isInDoubt(): boolean {
    return !this.probing && (this.silent || (this.inFlight > 0 && monotonicMs() - this.quietSince >= QUIET_MS));
  }

  /** Asks for any answer at all, on a connection of its own. @returns false if there was none in time */
  async isAlive(): Promise<boolean> {
    this.probing = true;
    try {
      const { body } = await request(this.origin, {
        method: 'HEAD',
        dispatcher: this.probes,
        signal: AbortSignal.timeout(PROBE_MS),
      });
      await body.dump();
    } catch (error) {
      // A refused or lost connection is not silence: the calls on it learn the same.
      if (error instanceof Error && error.name === 'TimeoutError') return false;
    } finally {
      this.probing = false;
    }
    this.heard();
    return true;
  }

  /** Tells the calls in flight that no answer is to be expected. */
  silence(): void {
    this.silent = true;
    for (const attempt of [...this.attempts]) attempt.onSilence();
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }

  private begin(attempt: { onSilence(): void }): void {
    if (this.attempts.size === 0) this.quietSince = monotonicMs();
    this.attempts.add(attempt);
  }

  private heard(): void {
    this.quietSince = monotonicMs();
    this.silent = false;
  }
}

/** One call at one instance. Nothing more is heard of it once another instance has taken the call. */
class Attempt implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | undefined;
  private moved = false;

  constructor(
    private readonly call: InstanceCall,
    private readonly heard: () => void,
    private readonly left: () => void,
  ) {}

  onSilence(): void {
    if (!this.call.onSilence()) return;
    this.moved = true;
    this.left();
    this.controller?.abort(new Error('moved to another instance'));
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.controller = controller;
    if (this.moved) controller.abort(new Error('moved to another instance'));
    else this.call.onRequestStart?.(controller, context);
  }

  onResponseStart(...head: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>): void {
    this.heard();
    if (!this.moved) this.call.onResponseStart?.(...head);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.heard();
    if (!this.moved) this.call.onResponseData?.(controller, chunk);
  }

  onResponseEnd(...end: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>): void {
    this.left();
    if (!this.moved) this.call.onResponseEnd?.(...end);
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.left();
    if (!this.moved) this.call.onResponseError?.(controller, error);
  }
}

/** The instances of one service. Each call goes to the one with the fewest calls in flight. */
export class Instances {
  readonly turns: Turns;
  readonly slow: SlowReaders;
  private turn = 0;
  private readonly timer: NodeJS.Timeout | undefined;

  /** @param connections most connections to each instance */
  constructor(
    private readonly all: readonly Instance[],
    private readonly connections: number,
  ) {
    this.turns = new Turns(all.length * connections, monotonicMs);
    this.slow = new SlowReaders(Math.ceil(all.length * connections * UNREAD_PART));
    if (all.length > 1) this.timer = setInterval(() => this.listen(), LISTEN_EVERY_MS).unref();
  }

  /**
   * Picks the instance for the next call: fewest calls in flight, equal ones in turn; recently unreachable ones after all others, and
   * silent ones last. Null if all have been tried.
   */
  next(tried: readonly Instance[] = []): Instance | null {
    const now = monotonicMs();
    const rank = ({ silent, shunnedUntil, inFlight }: Instance): number[] => [
      Number(silent),
      Number(shunnedUntil > now),
      inFlight,
    ];
    let best: Instance | null = null;
    for (let i = 0; i < this.all.length; i += 1) {
      const instance = this.all[(this.turn + i) % this.all.length];
      if (instance === undefined || tried.includes(instance)) continue;
      if (best === null || isBefore(rank(instance), rank(best))) best = instance;
    }
    if (best !== null) this.turn = (this.all.indexOf(best) + 1) % this.all.length;
    return best;
  }

  shun(instance: Instance): void {
    if (this.all.length > 1) instance.shunnedUntil = monotonicMs() + SHUN_MS;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.all.map((instance) => instance.close()));
  }

  /** Asks the instances in doubt for a sign of life. The last audible one never counts as silent. */
  private listen(): void {
    this.turns.most = this.connections * this.all.filter(({ silent }) => !silent).length;
    for (const instance of this.all) {
      if (!instance.isInDoubt) continue;
      void instance.isAlive().then((alive) => {
        if (alive || instance.silent) return;
        if (this.all.some((other) => other !== instance && !other.silent)) instance.silence();
      });
    }
  }
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at !== -1 && (a[at] ?? 0) < (b[at] ?? 0);
}
