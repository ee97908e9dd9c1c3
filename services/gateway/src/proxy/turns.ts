/** Starts a call; returns false if nobody waits for it any longer. */
export type Start = () => boolean;

/** Initial limit of calls of one caller at a service; and the minimum for a caller with far more demand than the others. */
const FIRST = 8;
const LEAST = 2;
/** A call that takes longer is slow: the service is overloaded. Well below the second that other callers may have to wait. */
const SLOW_MS = 400;
/** The same threshold for a caller with no more demand than the others, or alone: the next caller must not find the service full. */
const FULL_MS = 800;
/** A call quicker than this says nothing about how long the caller's next calls will take. */
const QUICK_MS = 20;
/** Most concurrent calls of a caller with quick calls: enough to use the service fully, and not harmful if slow calls follow. */
const MOST_QUICK = 32;
/** How long a caller without calls still counts as sharing the service. */
const PRESENT_MS = 5_000;

/** The calls of one caller to a service. */
interface Calls {
  readonly waiting: Start[];
  running: number;
  /** How many calls may be at the service at the same time; not a whole number. */
  limit: number;
  /** When the limit was last cut. Calls started earlier say nothing about the new limit. */
  cutAt: number;
  /** Upper bound of `limit`. */
  most: number;
  seenAt: number;
}

/**
 * Limits the concurrent calls to a service. Calls above the limit wait here, and callers take turns.
 *
 * Each caller has its own limit, so that none can fill a service before the calls of others reach it. The limit grows with use and
 * is halved when calls are slow, sooner for a caller with far more demand than the others (additive increase, multiplicative
 * decrease: Chiu and Jain, 1989). Growth from quick calls is capped, because slow calls might follow them.
 */
export class Turns {
  private running = 0;
  /** Calls that are at the service or waiting. */
  private wanted = 0;
  private readonly callers = new Map<string, Calls>();
  /** Callers with a waiting call and room for it, in turn. */
  private readonly ready = new Set<string>();
  private sweptAt = 0;

  /**
   * @param most limit of calls of all callers together
   * @param now monotonic time, ms
   */
  constructor(
    public most: number,
    private readonly now: () => number,
  ) {}

  take(caller: string, start: Start): void {
    const now = this.now();
    this.forgetAbsent(now);
    const calls = this.callers.get(caller) ?? this.newCalls(now);
    calls.seenAt = now;
    calls.waiting.push(start);
    this.wanted += 1;
    this.callers.set(caller, calls);
    this.next(caller, calls);
  }

  /**
   * Call once for each started call, when it has left the service.
   * @param startedAt null if the time it took says nothing about the service's load
   */
  done(caller: string, startedAt: number | null): void {
    const calls = this.callers.get(caller);
    if (calls === undefined) return;
    if (startedAt !== null) this.learn(calls, startedAt);
    this.running -= 1;
    this.wanted -= 1;
    calls.running -= 1;
    this.next(caller, calls);
  }

  private newCalls(seenAt: number): Calls {
    return { waiting: [], running: 0, limit: FIRST, cutAt: 0, most: this.most, seenAt };
  }

  private learn(calls: Calls, startedAt: number): void {
    const now = this.now();
    calls.seenAt = now;
    const took = now - startedAt;
    const most = this.wantsMost(calls);
    const least = most ? LEAST : FIRST;
    if (took < QUICK_MS) calls.most = Math.min(calls.most, MOST_QUICK);
    if (took > (most ? SLOW_MS : FULL_MS)) {
      if (startedAt < calls.cutAt || calls.limit <= least) return;
      calls.limit = Math.max(least, Math.min(calls.limit, calls.running) / 2);
      calls.cutAt = now;
    } else if (calls.running >= Math.floor(calls.limit)) {
      calls.limit += calls.cutAt === 0 ? 1 : 1 / calls.limit;
    }
    calls.limit = Math.min(calls.most, calls.limit);
  }

  /** Whether a caller has, running or waiting, more than twice as many calls as the others on average. */
  private wantsMost({ running, waiting }: Calls): boolean {
    const own = running + waiting.length;
    return this.callers.size > 1 && own > (2 * (this.wanted - own)) / (this.callers.size - 1);
  }

  private next(caller: string, calls: Calls): void {
    if (hasRoom(calls)) this.ready.add(caller);
    for (const first of this.ready) {
      if (this.running >= this.most) return;
      this.ready.delete(first);
      const own = this.callers.get(first);
      if (own === undefined) continue;
      this.running += 1;
      own.running += 1;
      if (own.waiting.shift()?.() !== true) {
        this.running -= 1;
        this.wanted -= 1;
        own.running -= 1;
      }
      if (hasRoom(own)) this.ready.add(first);
    }
  }

  private forgetAbsent(now: number): void {
    if (now - this.sweptAt < PRESENT_MS) return;
    this.sweptAt = now;
    for (const [caller, { running, waiting, seenAt }] of this.callers) {
      if (running === 0 && waiting.length === 0 && now - seenAt > PRESENT_MS) this.callers.delete(caller);
    }
  }
}

function hasRoom({ waiting, running, limit }: Calls): boolean {
  return waiting.length > 0 && running < Math.floor(limit);
}
