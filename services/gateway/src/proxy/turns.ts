/** Starts a call; false when nobody waits for it any longer. */
export type Start = () => boolean;

/** How many calls of a caller may be with a service at first; and at the least, if it wants far more than the others. */
const FIRST = 8;
const LEAST = 2;
/** A call that took longer was slow: the service has more than it can do. Well below the second that others may be made to wait. */
const SLOW_MS = 400;
/** The same for a caller who wants no more than the others, or is alone: whoever comes next must not find the service full. */
const FULL_MS = 800;
/** A quick call shows how little a caller's calls may take, and nothing of what the next one will. */
const QUICK_MS = 20;
/** The most calls at once of a caller who makes quick ones: enough for all that a service can do of those, and no burden if others follow. */
const MOST_QUICK = 32;
/** For how long a caller without calls counts as one of those who share the service. */
const PRESENT_MS = 5_000;

/** A caller's calls of one service. */
interface Calls {
  readonly waiting: Start[];
  running: number;
  /** How many may be with the service at once; no whole number. */
  limit: number;
  /** When the limit was last cut: calls started before tell nothing of the new one. */
  cutAt: number;
  /** The most that `limit` may become. */
  most: number;
  seenAt: number;
}

/**
 * The calls that may be with a service at once. Those above wait here, and the callers take turns.
 *
 * Each caller has a limit of its own, so that none fills a service before the calls of others get there. It grows with use and is halved when
 * calls are slow, sooner for a caller who wants far more than the others (additive increase, multiplicative decrease: Chiu and Jain, 1989).
 * Quick calls earn only so much room, which heavy ones might fill next.
 */
export class Turns {
  private running = 0;
  /** Calls that are with the service or wait. */
  private wanted = 0;
  private readonly callers = new Map<string, Calls>();
  /** Callers with a call that waits and room for it, in turn. */
  private readonly ready = new Set<string>();
  private sweptAt = 0;

  /**
   * @param most calls of all callers
   * @param now monotonic time, ms
   */
  constructor(
    private readonly most: number,
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

  /** To be called once for each call that was started, when it has left the service. */
  done(caller: string, startedAt: number): void {
    const calls = this.callers.get(caller);
    if (calls === undefined) return;
    this.learn(calls, startedAt);
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

  /** Whether it has, or waits for, more than twice as many calls as the others on average. */
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
