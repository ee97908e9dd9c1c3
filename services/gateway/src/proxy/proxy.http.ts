import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { PUBLIC_CONFIG } from '#libs/auth';
import { contextOf } from '#libs/http';
import { contextFromHeaders } from '#libs/observability';
import type { RequestContext } from '#libs/observability';
import type { Quota } from '../quota/quota.http.js';
import { withBody } from './body.http.js';
import type { Deadlines } from './deadlines.js';
import { upstreamHeaders } from './headers.http.js';
import { ProxyCall } from './proxy-call.http.js';
import { refuse } from './refusal.http.js';
import { PROXY_ROUTES } from './routes.js';
import type { Instance, Instances, UpstreamPools } from './upstream-pools.http.js';

export interface ProxyParts {
  readonly pools: UpstreamPools;
  readonly deadlines: Deadlines;
  readonly quota: Quota;
  readonly trustProxy: boolean;
}

/**
 * Registers the routes that pass through. They live in a scope of their own in which no body is parsed; the answer goes from
 * socket to socket, so a call costs the gateway little more than reading its head. Who may call what is decided by the service.
 */
export function registerProxy(root: FastifyInstance, parts: ProxyParts): void {
  void root.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
    for (const route of PROXY_ROUTES) {
      const instances = parts.pools.get(route.upstream);
      scope.all(route.path, { config: PUBLIC_CONFIG }, async (request, reply) => {
        reply.hijack();
        const context =
          contextOf(request) ?? contextFromHeaders(request.headers['traceparent'], request.headers['x-request-id']);
        const quota = await parts.quota.take(request.raw, route.bucket);
        if (quota.retryAfter === null) {
          pass(instances, parts, request.raw, reply.raw, context, quota.headers);
          return;
        }
        request.raw.resume();
        refuse(reply.raw, 'rate_limited', context, { headers: quota.headers, retryAfter: quota.retryAfter });
      });
    }
    done();
  });
}

function pass(
  instances: Instances,
  parts: ProxyParts,
  request: IncomingMessage,
  response: ServerResponse,
  context: RequestContext,
  headers: readonly string[],
): void {
  withBody(request, (body) => {
    const options = {
      // Verbatim: a path that were normalised here could name another route than the one matched.
      path: request.url ?? '/',
      method: request.method ?? 'GET',
      headers: upstreamHeaders(request, context, parts.trustProxy),
      body,
    };
    const tried: Instance[] = [];
    /** Gives the call to an instance that has not had it; false when there is none left. */
    const dispatch = (): boolean => {
      const instance = instances.next(tried);
      if (instance === null) return false;
      tried.push(instance);
      instance.pool.dispatch(options, call);
      return true;
    };
    // A body that is a stream may be spent; one that is whole can be sent again.
    const repeatable = body === null || Buffer.isBuffer(body);
    const call = new ProxyCall(
      request,
      response,
      parts.deadlines,
      headers,
      (code) => refuse(response, code, context, { headers }),
      () => {
        const [last] = tried.slice(-1);
        if (last !== undefined) instances.shun(last);
        return repeatable && dispatch();
      },
    );
    dispatch();
  });
}
