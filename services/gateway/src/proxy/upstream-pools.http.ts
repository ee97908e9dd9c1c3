import { Pool } from 'undici';
import { KEPT_IDLE_MS } from '#libs/auth';
import { monotonicMs } from '#libs/kernel';
import { UPSTREAMS } from './routes.js';
import { SlowReaders } from './slow-readers.js';
import { Turns } from './turns.js';
import type { Upstream } from './routes.js';

/** Share of the connections to a service that unread answers may occupy. */
const UNREAD_PART = 1 / 4;

/** How long an unreachable instance is tried only after all others. */
const SHUN_MS = 1_000;

/** One instance of a service, with its keep-alive connections. */
export interface Instance {
  readonly pool: Pool;
  /** Real time until which the instance is avoided. */
  shunnedUntil: number;
}

/** The instances of one service, used in turn. */
export class Instances {
  readonly turns: Turns;
  readonly slow: SlowReaders;
  private turn = 0;

  /** @param connections most connections to each instance */
  constructor(
    private readonly all: readonly Instance[],
    connections: number,
  ) {
    this.turns = new Turns(all.length * connections, monotonicMs);
    this.slow = new SlowReaders(Math.ceil(all.length * connections * UNREAD_PART));
  }

  /** Picks the instance for the next call: in turn, recently unreachable ones last. Null if all have been tried. */
  next(tried: readonly Instance[] = []): Instance | null {
    const now = monotonicMs();
    let last: Instance | null = null;
    for (let i = 0; i < this.all.length; i += 1) {
      const instance = this.all[(this.turn + i) % this.all.length];
      if (instance === undefined || tried.includes(instance)) continue;
      if (instance.shunnedUntil <= now) {
        this.turn = (this.turn + i + 1) % this.all.length;
        return instance;
      }
      last ??= instance;
    }
    return last;
  }

  shun(instance: Instance): void {
    if (this.all.length > 1) instance.shunnedUntil = monotonicMs() + SHUN_MS;
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(({ pool }) => pool.destroy()));
  }
}

/**
 * Keep-alive connections to each instance of each service. The deadline until an answer begins is watched by the caller of this
 * class, silence in mid-answer here.
 */
export class UpstreamPoolsHttp {
  private readonly services: ReadonlyMap<Upstream, Instances>;

  constructor(urls: Readonly<Record<Upstream, readonly string[]>>, connections: number, silenceMs: number) {
    const open = (url: string): Instance => ({
      shunnedUntil: 0,
      pool: new Pool(new URL(url).origin, {
        connections,
        pipelining: 1,
        headersTimeout: 0,
        bodyTimeout: silenceMs,
        connectTimeout: 2_000,
        keepAliveTimeout: KEPT_IDLE_MS,
        keepAliveMaxTimeout: KEPT_IDLE_MS,
      }),
    });
    this.services = new Map(UPSTREAMS.map((name) => [name, new Instances(urls[name].map(open), connections)]));
  }

  get(name: Upstream): Instances {
    const instances = this.services.get(name);
    if (instances === undefined) throw new Error(`no upstream ${name}`);
    return instances;
  }

  async close(): Promise<void> {
    await Promise.all([...this.services.values()].map((instances) => instances.close()));
  }
}
