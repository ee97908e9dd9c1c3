import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { callerIn } from '#libs/auth';
import type { PrivateKey } from '#libs/config';
import { DomainError } from '#libs/kernel';
import { declaredQuery } from './query.js';

const SEAL_BYTES = 16;

/** Query parameters that a cursor is not bound to: the page size and the cursor itself. */
const FREE = new Set(['limit', 'after']);

/**
 * Binds page cursors to the call that produced them. A handler's `page.after` is sealed with an HMAC over the position, the route with
 * its parameters, the filters and the calling brand or client. An incoming `after` reaches the handler only when its seal is valid;
 * otherwise the call gets `cursor_invalid`. The key is derived from the service's own key, so all instances share it; after a change
 * of the service's key, readers start their lists anew. Between services, positions are not sealed.
 */
export function installCursors(server: FastifyInstance, signingKey: PrivateKey): void {
  const key = Buffer.from(hkdfSync('sha256', Buffer.from(signingKey.d, 'base64url'), '', 'hezong cursors', 32));
  server.addHook('preValidation', (request, _reply, done) => {
    const query = request.query as { after?: string };
    if (query.after === undefined || !isPaged(request)) return done();
    const position = opened(key, scopeOf(request), query.after);
    if (position === null) return done(new DomainError('cursor_invalid'));
    query.after = position;
    done();
  });
  server.addHook('preSerialization', (request, _reply, payload, done) => {
    const page = pageIn(payload);
    if (page === null || !isPaged(request)) return done(null, payload);
    done(null, { ...(payload as object), page: { ...page, after: sealed(key, scopeOf(request), page.after) } });
  });
}

function isPaged(request: FastifyRequest): boolean {
  return callerIn(request)?.kind !== 'internal' && declaredQuery(request)?.has('after') === true;
}

function pageIn(payload: unknown): { after: string } | null {
  if (typeof payload !== 'object' || payload === null) return null;
  const page: unknown = Reflect.get(payload, 'page');
  if (typeof page !== 'object' || page === null) return null;
  return typeof Reflect.get(page, 'after') === 'string' ? (page as { after: string }) : null;
}

/** The data that a cursor is bound to, as one text. */
function scopeOf(request: FastifyRequest): string {
  const caller = callerIn(request);
  const who = caller?.kind === 'brand' ? `brand:${caller.brand}` : caller?.kind === 'operator' ? caller.clientId : '';
  const filters = Object.entries(request.query as object)
    .filter(([name]) => !FREE.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([who, request.routeOptions.url, request.params, filters]);
}

function seal(key: Buffer, scope: string, position: string): Buffer {
  return createHmac('sha256', key).update(`${scope}\n${position}`).digest().subarray(0, SEAL_BYTES);
}

function sealed(key: Buffer, scope: string, position: string): string {
  return seal(key, scope, position).toString('base64url') + position;
}

const SEAL_LENGTH = Math.ceil((SEAL_BYTES * 4) / 3);

function opened(key: Buffer, scope: string, cursor: unknown): string | null {
  if (typeof cursor !== 'string') return null;
  const position = cursor.slice(SEAL_LENGTH);
  const given = Buffer.from(cursor.slice(0, SEAL_LENGTH), 'base64url');
  return given.length === SEAL_BYTES && timingSafeEqual(given, seal(key, scope, position)) ? position : null;
}
