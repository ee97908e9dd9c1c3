import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleDestroy } from '@nestjs/common';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { InternalTokens, KEPT_IDLE_MS, isNotConnected } from '#libs/auth';
import { instanceUrls } from '#libs/config';
import type { ServiceUrls } from '#libs/config';
import { DomainError, fail } from '#libs/kernel';
import { GATEWAY_CONFIG } from '../gateway.config.js';
import type { GatewayConfig } from '../gateway.config.js';
import type { Instance } from '../proxy/instances.http.js';
import { UpstreamPoolsHttp } from '../proxy/upstream-pools.http.js';

export type ServiceName = keyof ServiceUrls;

/**
 * Requests of the gateway itself to the services, as opposed to the calls it passes on. Proofs over whole books may take long, so
 * each request has its own time limit.
 */
@Injectable()
export class NetworkClient implements OnModuleDestroy {
  readonly services: readonly ServiceName[];
  private readonly urls: Readonly<Record<ServiceName, readonly string[]>>;
  private readonly tokens: InternalTokens;
  private readonly agent = new Agent({
    connections: 8,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEPT_IDLE_MS,
    keepAliveMaxTimeout: KEPT_IDLE_MS,
  });

  constructor(
    @Inject(GATEWAY_CONFIG) config: GatewayConfig,
    private readonly pools: UpstreamPoolsHttp,
  ) {
    this.tokens = new InternalTokens(config);
    this.urls = instanceUrls(config);
    const names = Object.keys(this.urls) as ServiceName[];
    // A service that this network does not run has another's address; that address is asked once, under the first name.
    this.services = names.filter(
      (name, i) => names.findIndex((other) => this.urls[other][0] === this.urls[name][0]) === i,
    );
  }

  async onModuleDestroy(): Promise<void> {
    await this.agent.destroy();
  }

  /**
   * Returns the JSON answer of one service, from its first instance that answers. Instances are chosen as for calls that are passed on.
   * @throws DomainError `unavailable` if no instance answers 2xx in time
   */
  async ask<T>(service: ServiceName, path: string, limitMs: number): Promise<T> {
    const token = await this.tokenFor(service);
    let cause: unknown;
    for (const instance of this.inTurn(service)) {
      try {
        return await instance.ask(async (origin, silent) => {
          const { statusCode, body } = await request(origin + path, {
            dispatcher: this.agent,
            headers: { authorization: `Bearer ${token}` },
            signal: AbortSignal.any([silent, AbortSignal.timeout(limitMs)]),
          });
          if (statusCode < 300) return (await body.json()) as T;
          await body.dump();
          throw new Error(`${service} answered ${statusCode} to ${path}`);
        });
      } catch (error) {
        if (isNotConnected(error)) this.pools.get(service).shun(instance);
        cause = error;
      }
    }
    throw new DomainError(
      'unavailable',
      { detail: `The ${service} service did not answer.`, retryAfter: 1 },
      { cause },
    );
  }

  /**
   * Sends a command to one service. No other instance is tried once one may have carried it out.
   * @throws DomainError `not_found`; `unavailable` if no instance could be reached; `outcome_unknown` if one did not answer and may
   * have carried it out
   */
  async tell(service: ServiceName, path: string, body: object, limitMs: number): Promise<void> {
    const token = await this.tokenFor(service);
    const send = (origin: string): Promise<Dispatcher.ResponseData | null> =>
      request(origin + path, {
        method: 'POST',
        dispatcher: this.agent,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(limitMs),
      }).catch((cause: unknown) => (isNotConnected(cause) ? null : fail('outcome_unknown', {}, cause)));
    let answer: Dispatcher.ResponseData | null = null;
    for (const instance of this.inTurn(service)) {
      answer = await instance.ask(send);
      if (answer !== null) break;
      this.pools.get(service).shun(instance);
    }
    if (answer === null) fail('unavailable', { detail: `The ${service} service did not answer.`, retryAfter: 1 });
    await answer.body.dump();
    if (answer.statusCode === 404) fail('not_found');
    if (answer.statusCode >= 300) {
      fail('outcome_unknown', {}, new Error(`${service} answered ${answer.statusCode} to ${path}`));
    }
  }

  /** Sends the same question to all services in parallel; answers are by service name. */
  async askAll<T>(path: string, limitMs: number): Promise<[ServiceName, T][]> {
    return Promise.all(
      this.services.map(async (name): Promise<[ServiceName, T]> => [name, await this.ask<T>(name, path, limitMs)]),
    );
  }

  /** Whether an instance of a service reports that it is ready. Never throws. */
  async isReady(service: ServiceName, limitMs: number): Promise<boolean> {
    const token = await this.tokenFor(service);
    const answers = await Promise.all(this.urls[service].map((url) => this.instanceReady(url, token, limitMs)));
    return answers.includes(true);
  }

  private *inTurn(service: ServiceName): Generator<Instance> {
    const instances = this.pools.get(service);
    const tried: Instance[] = [];
    for (let next = instances.next(); next !== null; next = instances.next(tried)) {
      tried.push(next);
      yield next;
    }
  }

  /** Token valid for every service at that address, whichever of them this network runs. */
  private tokenFor(service: ServiceName): Promise<string> {
    const [address] = this.urls[service];
    const names = Object.keys(this.urls) as ServiceName[];
    return this.tokens.token(names.filter((name) => this.urls[name][0] === address));
  }

  private async instanceReady(url: string, token: string, limitMs: number): Promise<boolean> {
    try {
      const { statusCode, body } = await request(`${url}/internal/v1/ready`, {
        dispatcher: this.agent,
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(limitMs),
      });
      await body.dump();
      return statusCode === 200;
    } catch {
      return false;
    }
  }
}
