import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { counter } from '#libs/observability';
import type { NestLogger } from '#libs/observability';
import { contextOf } from './context-hook.js';
import { PROBLEM_TYPE, problemOf, verdictOf } from './problem.js';

const problems = counter('hezong_http_problems_total', 'Refusals by code.', ['service', 'code']);

/** Answers every exception with application/problem+json. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly service: string,
    private readonly logger: NestLogger,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw thrown;
    const http = host.switchToHttp();
    this.answer(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { code, details, fault } = verdictOf(thrown);
    const context = contextOf(request);
    problems.inc({ service: this.service, code });
    if (fault) {
      // an unavailable service is a warning, since its own log gives the cause; a fault of ours is an error
      this.logger.pino[code === 'internal_error' ? 'error' : 'warn'](
        { err: thrown, code, traceId: context?.traceId, method: request.method, route: request.routeOptions.url },
        'request failed',
      );
    }
    if (reply.sent) return;
    const problem = problemOf(code, details, context?.traceId);
    if (details.retryAfter !== undefined) void reply.header('retry-after', String(details.retryAfter));
    else if (problem.status === 503) void reply.header('retry-after', '1');
    // closing at once could lose the answer: the rest of the body is read and dropped
    if (problem.status === 413) void reply.removeHeader('connection');
    void reply.status(problem.status).header('content-type', PROBLEM_TYPE).send(JSON.stringify(problem));
  }
}
