import { Agent, Pool } from 'undici';
import { KEPT_IDLE_MS } from '#libs/auth';
import { Instance, Instances } from './instances.http.js';
import { UPSTREAMS } from './routes.js';
import type { Upstream } from './routes.js';

/**
 * Keep-alive connections to each instance of each service. The deadline until an answer begins is watched by the caller of this
 * class, silence in mid-answer here.
 */
export class UpstreamPoolsHttp {
  private readonly services: ReadonlyMap<Upstream, Instances>;
  private readonly probes = new Agent({ connections: 1, keepAliveTimeout: KEPT_IDLE_MS });

  constructor(urls: Readonly<Record<Upstream, readonly string[]>>, connections: number, silenceMs: number) {
    const open = (url: string): Instance => {
      const { origin } = new URL(url);
      const pool = new Pool(origin, {
        connections,
        pipelining: 1,
        headersTimeout: 0,
        bodyTimeout: silenceMs,
        connectTimeout: 2_000,
        keepAliveTimeout: KEPT_IDLE_MS,
        keepAliveMaxTimeout: KEPT_IDLE_MS,
      });
      return new Instance(origin, pool, this.probes, silenceMs);
    };
    this.services = new Map(UPSTREAMS.map((name) => [name, new Instances(urls[name].map(open), connections)]));
  }

  get(name: Upstream): Instances {
    const instances = this.services.get(name);
    if (instances === undefined) throw new Error(`no upstream ${name}`);
    return instances;
  }

  async close(): Promise<void> {
    await Promise.all([this.probes.destroy(), ...[...this.services.values()].map((instances) => instances.close())]);
  }
}
