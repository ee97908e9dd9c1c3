import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { DomainError } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';
import { handlerOf, routeConfig } from '#libs/auth';
import type { RouteHandler } from '#libs/auth';
import { MOST_FAULTS, pointerOf } from './faults.js';
import { namesOf } from './structure.js';

const DECLARED = 'hezongQuery';
const ANY = 'hezongAnyQuery';

/** Lets the route accept and ignore any query: shared links often return with added parameters. */
export function AnyQuery(): MethodDecorator {
  return routeConfig({ [ANY]: true });
}

/**
 * Refuses query parameters that the handler does not declare, by `@Query('name')` or the fields of the class of a `@Query()`, that
 * occur twice, or that are not valid UTF-8. The declared names are found once, when the route is registered; a call without a query
 * costs one look at its URL.
 */
export function installQueryCheck(server: FastifyInstance): void {
  server.addHook('onRoute', (route) => {
    const handler = handlerOf(route.config);
    if (handler !== null && !Reflect.has(route.config ?? {}, ANY))
      Reflect.set(route.config ?? {}, DECLARED, declaredBy(handler));
  });
  server.addHook('preValidation', (request, _reply, done) => {
    const { url = '' } = request.raw;
    const at = url.indexOf('?');
    if (at === -1) return done();
    const declared = declaredQuery(request);
    if (declared === null) return done();
    const errors = faultsOf(request.query as Record<string, unknown>, declared, url.slice(at + 1));
    if (errors.length === 0) done();
    else done(new DomainError('validation_failed', { errors }));
  });
}

/** Query parameter names of a call's route; null when it accepts any, or when its handler is not a controller method. */
export function declaredQuery(request: FastifyRequest): ReadonlySet<string> | null {
  return (Reflect.get(request.routeOptions.config, DECLARED) as ReadonlySet<string> | undefined) ?? null;
}

interface RouteArgument {
  index: number;
  data?: unknown;
}

function declaredBy({ controller, method }: RouteHandler): ReadonlySet<string> {
  const names = new Set<string>();
  const given = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) as
    Record<string, RouteArgument> | undefined;
  const prototype = Reflect.get(controller, 'prototype') as object;
  const types = Reflect.getMetadata('design:paramtypes', prototype, method) as
    (abstract new () => object)[] | undefined;
  for (const [key, { index, data }] of Object.entries(given ?? {})) {
    if (!key.startsWith(`${RouteParamtypes.QUERY}:`)) continue;
    if (typeof data === 'string') names.add(data);
    else for (const name of namesOf(types?.[index] ?? Object)) names.add(name);
  }
  return names;
}

function faultsOf(query: Record<string, unknown>, declared: ReadonlySet<string>, text: string): FieldFault[] {
  const faults: FieldFault[] = [];
  for (const name of Object.keys(query)) {
    if (!declared.has(name)) faults.push(fault(name, 'unknown_field', 'Unknown parameter.'));
    else if (Array.isArray(query[name])) faults.push(fault(name, 'repeated_key', 'The parameter occurs twice.'));
    if (faults.length === MOST_FAULTS) return faults;
  }
  if (faults.length === 0 && !isUtf8Encoded(text)) {
    return [{ pointer: '/query', code: 'malformed', detail: 'The query is not percent-encoded UTF-8.' }];
  }
  return faults;
}

function fault(name: string, code: string, detail: string): FieldFault {
  return { pointer: `/query${pointerOf(name)}`, code, detail };
}

function isUtf8Encoded(text: string): boolean {
  if (!text.includes('%')) return true;
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
