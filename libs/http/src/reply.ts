import type { FastifyInstance } from 'fastify';
import { PROBLEM_TYPE } from './problem.js';
import type { Problem } from './problem.js';

/** An answer with its own status: the first answer to a repeated call, a recorded refusal, or a body with its version. */
export class Reply<T> {
  constructor(
    readonly status: number,
    readonly body: T | Problem,
    /** Whether the first answer is sent again. */
    readonly replayed = false,
    /** The ETag, with its quotes. */
    readonly etag?: string,
  ) {}

  /** Maps the body; a refusal stays unchanged. */
  map<U>(made: (body: T) => U): Reply<U> {
    const body = this.status < 400 ? made(this.body as T) : (this.body as Problem);
    return new Reply<U>(this.status, body, this.replayed, this.etag);
  }

  /** Marks the answer as a repeat when only the work itself could tell. */
  orRepeated(repeated: boolean): Reply<T> {
    return new Reply<T>(this.status, this.body, this.replayed || repeated, this.etag);
  }
}

/** Sends the `Reply` of a handler: status, headers, and for a refusal the media type of problems. */
export function installReplies(server: FastifyInstance): void {
  server.addHook('preSerialization', (_request, reply, payload, done) => {
    if (!(payload instanceof Reply)) return done(null, payload);
    const { status, body, replayed, etag } = payload as Reply<unknown>;
    void reply.status(status);
    if (replayed) void reply.header('idempotency-replayed', 'true');
    if (etag !== undefined) void reply.header('etag', etag);
    if (status >= 400) void reply.header('content-type', PROBLEM_TYPE);
    done(null, body);
  });
}
