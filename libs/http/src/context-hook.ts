import type { FastifyInstance, FastifyRequest } from 'fastify';
import { monotonicMs } from '#libs/kernel';
import { contextFromHeaders, histogram, runInContext } from '#libs/observability';
import type { NestLogger, RequestContext } from '#libs/observability';

const CONTEXT = 'hezongContext';
const STARTED = 'hezongStarted';

/**
 * Gives every request its context and measures it; at level debug it logs each answer. The context is entered after the body was read,
 * because Node runs socket callbacks outside of any context entered by an earlier hook.
 */
export function installContext(server: FastifyInstance, service: string, logger: NestLogger['pino']): void {
  const seconds = histogram('hezong_http_seconds', 'Time to answer, by route.', ['service', 'route', 'status']);
  type Series = ReturnType<typeof seconds.labels>;
  const series = new Map<string, Series>();
  server.decorateRequest(CONTEXT, null);
  server.decorateRequest(STARTED, 0);
  server.addHook('onRequest', (request, reply, done) => {
    const context = contextFromHeaders(request.headers['traceparent'], request.headers['x-request-id']);
    Reflect.set(request, CONTEXT, context);
    Reflect.set(request, STARTED, monotonicMs());
    void reply.header('x-request-id', context.requestId).header('cache-control', 'no-store');
    done();
  });
  server.addHook('preValidation', (request, _reply, done) => {
    const context = contextOf(request);
    if (context === undefined) done();
    else runInContext(context, done);
  });
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.is404 ? 'none' : `${request.method} ${request.routeOptions.url ?? ''}`;
    const key = `${route} ${reply.statusCode}`;
    let one = series.get(key);
    if (one === undefined) {
      one = seconds.labels({ service, route, status: String(reply.statusCode) });
      series.set(key, one);
    }
    const ms = monotonicMs() - Number(Reflect.get(request, STARTED));
    one.observe(ms / 1_000);
    const context = contextOf(request);
    if (context !== undefined && logger.isLevelEnabled('debug')) {
      runInContext(context, () => logger.debug({ route, status: reply.statusCode, ms: Math.round(ms) }, 'answered'));
    }
    done();
  });
}

export function contextOf(request: FastifyRequest): RequestContext | undefined {
  return (Reflect.get(request, CONTEXT) as RequestContext | null) ?? undefined;
}
