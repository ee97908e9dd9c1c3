import { types } from 'node:util';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { DomainError, isDomainError } from '#libs/kernel';
import { allows } from './access.js';
import type { Access } from './access.js';
import { bearerToken } from './bearer.js';
import type { Caller } from './caller.js';
import { ACCESS_CONFIG, CALLER_PROPERTY, accessOf } from './routes.js';
import type { BrandStandings } from './brand-standing.js';
import type { TokenVerifier } from './token-verifier.js';

/** An unknown path gets the same answer for every caller. */
const OPEN: Access = { audience: 'public' };

const INSTALLED = Symbol.for('hezong.auth.installed');

/**
 * Fastify hook that checks every request before its body is read: a caller without a token cannot make the service parse megabytes, and
 * a known token costs one map look-up and no promise. A route without declared access is refused like a missing token. A brand that
 * may not act is refused unless the route states otherwise.
 */
export function installAuth(server: FastifyInstance, verifier: TokenVerifier, brands: BrandStandings): void {
  if (server.hasDecorator(INSTALLED)) return;
  server.decorate(INSTALLED, true);
  server.decorateRequest(CALLER_PROPERTY, null);
  server.addHook('onRequest', (request, reply, done) => {
    const access = request.is404 ? OPEN : accessOf(request.routeOptions.config);
    if (access?.audience === 'public') {
      done();
      return;
    }
    const token = bearerToken(request.headers.authorization);
    if (access === null || token === null) {
      challenge(reply);
      done(new DomainError('token_invalid'));
      return;
    }
    const enter = (caller: Caller, mayAct: boolean): void => {
      if (!mayAct) {
        done(new DomainError('brand_suspended'));
        return;
      }
      Reflect.set(request, CALLER_PROPERTY, caller);
      done();
    };
    const admit = (caller: Caller): void => {
      if (!allows(access, caller)) {
        done(new DomainError('scope_missing'));
        return;
      }
      if (caller.kind !== 'brand' || access.audience !== 'brand' || access.openTo === 'any') {
        enter(caller, true);
        return;
      }
      const mayAct = brands.mayAct(caller.brand);
      if (typeof mayAct === 'boolean') enter(caller, mayAct);
      else
        mayAct.then(
          (may) => enter(caller, may),
          (error: unknown) => done(asError(error)),
        );
    };
    const known = verifier.cached(token);
    if (known !== null) {
      admit(known);
      return;
    }
    verifier.verify(token).then(admit, (error: unknown) => {
      if (!isDomainError(error, 'unavailable')) challenge(reply);
      done(asError(error));
    });
  });
}

/** Whether the hook is installed; a server without it must not listen. */
export function hasAuth(server: FastifyInstance): boolean {
  return server.hasDecorator(INSTALLED);
}

/** Route configuration for a route that is registered on Fastify itself and needs no token. */
export const PUBLIC_CONFIG = { [ACCESS_CONFIG]: { audience: 'public' } } as const;

/** Challenge of a refusal without a valid token (RFC 6750). */
export const CHALLENGE = 'Bearer realm="hezong", error="invalid_token"';

function asError(error: unknown): Error {
  return types.isNativeError(error) ? error : new DomainError('internal_error', {}, { cause: error });
}

function challenge(reply: FastifyReply): void {
  void reply.header('www-authenticate', CHALLENGE);
}

/** Sets the caller of a request; for tests of handlers without a server. */
export function setCaller(request: FastifyRequest, caller: Caller): void {
  Reflect.set(request, CALLER_PROPERTY, caller);
}
