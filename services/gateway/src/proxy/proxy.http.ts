import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { PUBLIC_CONFIG } from '#libs/auth';
import { contextOf } from '#libs/http';
import { monotonicMs } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';
import { contextFromHeaders } from '#libs/observability';
import type { RequestContext } from '#libs/observability';
import type { QuotaHttp, QuotaVerdict } from '../quota/quota.http.js';
import type { BodyRoom } from './body-room.js';
import { withBody } from './body.http.js';
import type { Deadlines } from './deadlines.js';
import { upstreamHeaders } from './headers.http.js';
import type { Instance } from './instances.http.js';
import { ProxyCallHttp } from './proxy-call.http.js';
import { refuse } from './refusal.http.js';
import { PROXY_ROUTES, UNPROVEN_BODY_LIMIT } from './routes.js';
import type { ProxyRoute } from './routes.js';
import type { TrustedProxiesHttp } from './trusted-proxies.http.js';
import type { UpstreamPoolsHttp } from './upstream-pools.http.js';

export interface ProxyParts {
  readonly pools: UpstreamPoolsHttp;
  readonly deadlines: Deadlines;
  readonly quota: QuotaHttp;
  readonly proxies: TrustedProxiesHttp;
  readonly room: BodyRoom;
}

/** Marks proxied routes in their configuration. */
export const PASSED = 'hezongPassed';

/**
 * Registers the proxied routes in a scope in which no body is parsed. The answer goes from socket to socket, so a call costs the
 * gateway little more than parsing its head. Authorization is left to the service.
 */
export function registerProxy(root: FastifyInstance, parts: ProxyParts): void {
  void root.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
    for (const route of PROXY_ROUTES) {
      scope.all(route.path, { config: { ...PUBLIC_CONFIG, [PASSED]: true } }, async (request, reply) => {
        reply.hijack();
        const context =
          contextOf(request) ?? contextFromHeaders(request.headers['traceparent'], request.headers['x-request-id']);
        const quota = await parts.quota.take(request.raw, route.bucket);
        if (quota.retryAfter === null) {
          pass(route, parts, request.raw, reply.raw, context, quota);
          return;
        }
        request.raw.resume();
        refuse(reply.raw, 'rate_limited', context, quota);
      });
    }
    done();
  });
}

/**
 * Limit for a body, and the error code above it. An unproven caller gets a token error, because a valid token would raise the limit.
 */
export function excess(bodyLimit: number, { proven }: QuotaVerdict): { limit: number; code: ErrorCode } {
  if (proven === true || bodyLimit <= UNPROVEN_BODY_LIMIT) return { limit: bodyLimit, code: 'body_too_large' };
  return { limit: UNPROVEN_BODY_LIMIT, code: proven === false ? 'token_invalid' : 'unavailable' };
}

function pass(
  route: ProxyRoute,
  parts: ProxyParts,
  request: IncomingMessage,
  response: ServerResponse,
  context: RequestContext,
  quota: QuotaVerdict,
): void {
  const { limit, code } = excess(route.bodyLimit, quota);
  const { headers, caller } = quota;
  withBody(
    request,
    limit,
    { room: parts.room, caller },
    {
      take: (body, release) => forward(route, parts, request, response, context, quota, body, release),
      refuse: (why) => refuse(response, why === 'body_too_large' ? code : why, context, { headers }),
    },
  );
}

function forward(
  route: ProxyRoute,
  parts: ProxyParts,
  request: IncomingMessage,
  response: ServerResponse,
  context: RequestContext,
  { headers, caller }: QuotaVerdict,
  body: Buffer | null,
  release: () => void,
): void {
  const instances = parts.pools.get(route.upstream);
  const options = {
    // As routed: a normalized path could name a route other than the one matched.
    path: request.url ?? '/',
    method: request.method ?? 'GET',
    headers: upstreamHeaders(request, context, parts.proxies),
    body,
  };
  const tried: Instance[] = [];
  let startedAt = 0;
  let hasTurn = false;
  const giveBack = (since: number | null): void => {
    if (hasTurn) instances.turns.done(caller, since);
    hasTurn = false;
  };
  /** Sends the call to an instance that has not been tried; returns false if there is none left. */
  const dispatch = (): boolean => {
    const instance = instances.next(tried);
    if (instance === null) return false;
    tried.push(instance);
    startedAt = monotonicMs();
    instance.send(options, call);
    return true;
  };
  const call = new ProxyCallHttp(
    request,
    response,
    {
      caller,
      deadlines: parts.deadlines,
      slow: instances.slow,
      yielded: () => giveBack(null),
      left: () => {
        release();
        giveBack(startedAt);
      },
    },
    headers,
    route.getHasEffect === true,
    (code) => refuse(response, code, context, { headers }),
    () => {
      const [last] = tried.slice(-1);
      if (last !== undefined) instances.shun(last);
      return dispatch();
    },
  );
  instances.turns.take(caller, () => {
    hasTurn = true;
    if (call.isWanted && dispatch()) return true;
    hasTurn = false;
    release();
    return false;
  });
}
