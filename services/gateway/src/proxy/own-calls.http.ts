import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { contextOf } from '#libs/http';
import { contextFromHeaders } from '#libs/observability';
import type { QuotaVerdict } from '../quota/quota.http.js';
import { withBody } from './body.http.js';
import { PASSED, excess } from './proxy.http.js';
import type { ProxyParts } from './proxy.http.js';
import { refuse } from './refusal.http.js';

const BODYLESS = new Set(['GET', 'HEAD', 'TRACE']);

/**
 * Applies the same quotas and body limits to routes that the gateway answers itself, including health and 404s.
 */
export function limitOwnCalls(server: FastifyInstance, { quota, room }: Pick<ProxyParts, 'quota' | 'room'>): void {
  const verdicts = new WeakMap<FastifyRequest, QuotaVerdict>();
  const contextFor = (request: FastifyRequest) =>
    contextOf(request) ?? contextFromHeaders(request.headers['traceparent'], request.headers['x-request-id']);
  server.addHook('onRequest', (request, reply, done) => {
    const { config, url } = request.routeOptions;
    if (Reflect.has(config, PASSED)) return done();
    void quota.take(request.raw, url === '/health' ? 'health' : 'other').then((verdict) => {
      const { headers } = verdict;
      if (verdict.retryAfter === null) {
        verdicts.set(request, verdict);
        for (let i = 0; i < headers.length; i += 2) void reply.header(headers[i] ?? '', headers[i + 1]);
        return done();
      }
      reply.hijack();
      request.raw.resume();
      refuse(reply.raw, 'rate_limited', contextFor(request), verdict);
    }, done);
  });
  server.addHook('preParsing', (request, reply, payload, done) => {
    const verdict = verdicts.get(request);
    if (verdict === undefined || BODYLESS.has(request.method)) return done(null, payload);
    const { limit, code } = excess(request.routeOptions.bodyLimit, verdict);
    const { caller, headers } = verdict;
    withBody(
      request.raw,
      limit,
      { room, caller },
      {
        take: (body, release) => {
          // the body is parsed immediately, so its room is no longer needed
          release();
          done(null, Readable.from(body ?? []));
        },
        refuse: (why) => {
          reply.hijack();
          refuse(reply.raw, why === 'body_too_large' ? code : why, contextFor(request), { headers });
        },
      },
    );
  });
}
