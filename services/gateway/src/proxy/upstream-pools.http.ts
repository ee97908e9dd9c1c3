import { Pool } from 'undici';
import { UPSTREAMS } from './routes.js';
import type { Upstream } from './routes.js';

/** Keep-alive connections to each service. How long an answer may take to begin is watched by the caller, silence in mid-answer here. */
export class UpstreamPools {
  private readonly pools: ReadonlyMap<Upstream, Pool>;

  constructor(urls: Readonly<Record<Upstream, string>>, connections: number, silenceMs: number) {
    this.pools = new Map(
      UPSTREAMS.map((name) => [
        name,
        new Pool(new URL(urls[name]).origin, {
          connections,
          pipelining: 1,
          headersTimeout: 0,
          bodyTimeout: silenceMs,
          connectTimeout: 2_000,
          keepAliveTimeout: 10_000,
        }),
      ]),
    );
  }

  get(name: Upstream): Pool {
    const pool = this.pools.get(name);
    if (pool === undefined) throw new Error(`no upstream ${name}`);
    return pool;
  }

  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()));
  }
}
