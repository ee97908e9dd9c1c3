import type { IncomingMessage } from 'node:http';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { RateLimiterRes } from 'rate-limiter-flexible';
import { bearerToken } from '#libs/auth';
import type { Caller, TokenVerifier } from '#libs/auth';
import { isDomainError } from '#libs/kernel';
import type { Bucket } from '../proxy/routes.js';
import { countedAs } from '../proxy/trusted-proxies.http.js';
import type { TrustedProxiesHttp } from '../proxy/trusted-proxies.http.js';

/** Result of a quota check: the headers that report it, and the seconds to wait if the quota is used up. */
export interface QuotaVerdict {
  readonly headers: readonly string[];
  readonly retryAfter: number | null;
  /** The caller: the client that a token proves, otherwise the address. */
  readonly caller: string;
  /** Whether a token proved the caller; null if that could not be determined. */
  readonly proven: boolean | null;
  /** An address has called more than twice as often as it may, refusals or not: its connections are closed. */
  readonly floods: boolean;
}

export interface QuotaLimits {
  readonly rateTill: number;
  readonly rateOther: number;
  readonly rateAnonymous: number;
  readonly rateToken: number;
  readonly rateClick: number;
}

/** Monitoring asks for health a few times per second; the rest of an address's quota would only keep the gateway busy. */
const HEALTH_PART = 10;

/**
 * Limits calls per second, with separate buckets for tills, clicks, tokens, health and everything else, per client if a token proves one,
 * otherwise per address. Only a verified token counts, or anybody could use up another client's quota by naming it. Each instance
 * counts on its own.
 */
export class QuotaHttp {
  private readonly ofClients: Readonly<Record<Bucket, RateLimiterMemory>>;
  private readonly ofAddresses: Readonly<Record<Bucket, RateLimiterMemory>>;

  constructor(
    private readonly verifier: Pick<TokenVerifier, 'cached' | 'verify'>,
    private readonly proxies: TrustedProxiesHttp,
    limits: QuotaLimits,
  ) {
    const perSecond = (points: number): RateLimiterMemory => new RateLimiterMemory({ points, duration: 1 });
    const anonymous = perSecond(limits.rateAnonymous);
    const [token, click] = [perSecond(limits.rateToken), perSecond(limits.rateClick)];
    // its own, because a load balancer may share its address with those who call through it
    const health = perSecond(Math.ceil(limits.rateAnonymous / HEALTH_PART));
    this.ofAddresses = { till: anonymous, other: anonymous, token, click, health };
    this.ofClients = { till: perSecond(limits.rateTill), other: perSecond(limits.rateOther), token, click, health };
  }

  async take(request: IncomingMessage, bucket: Bucket): Promise<QuotaVerdict> {
    const caller = await this.callerOf(request.headers.authorization);
    if (caller === null || caller === 'unknown' || caller.kind === 'internal') {
      const proven = caller === 'unknown' ? null : false;
      return verdict(this.ofAddresses[bucket], countedAs(this.proxies.addressOf(request)), proven);
    }
    return verdict(this.ofClients[bucket], caller.clientId, true);
  }

  private callerOf(authorization: string | undefined): Promise<Caller | null | 'unknown'> | Caller | null {
    const token = bearerToken(authorization);
    if (token === null) return null;
    return (
      this.verifier.cached(token) ??
      this.verifier.verify(token).catch((error: unknown) => (isDomainError(error, 'unavailable') ? 'unknown' : null))
    );
  }
}

async function verdict(limiter: RateLimiterMemory, key: string, proven: boolean | null): Promise<QuotaVerdict> {
  try {
    const left = await limiter.consume(key);
    return { headers: headersOf(limiter, left), retryAfter: null, caller: key, proven, floods: false };
  } catch (refused) {
    // The limiter rejects with its count; any other error is an internal fault and must not stop a till.
    if (!isCount(refused)) return { headers: [], retryAfter: null, caller: key, proven, floods: false };
    const floods = proven !== true && refused.consumedPoints > 2 * limiter.points;
    return { headers: headersOf(limiter, refused), retryAfter: seconds(refused), caller: key, proven, floods };
  }
}

function isCount(value: unknown): value is RateLimiterRes {
  return typeof value === 'object' && value !== null && 'msBeforeNext' in value;
}

function seconds(count: RateLimiterRes): number {
  return Math.max(1, Math.ceil(count.msBeforeNext / 1_000));
}

function headersOf(limiter: RateLimiterMemory, count: RateLimiterRes): string[] {
  return [
    'ratelimit-limit',
    String(limiter.points),
    'ratelimit-remaining',
    String(Math.max(0, count.remainingPoints)),
    'ratelimit-reset',
    String(seconds(count)),
  ];
}
