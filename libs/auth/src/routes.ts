import { applyDecorators, createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';
import { ApiExcludeEndpoint, ApiSecurity } from '@nestjs/swagger';
import type { ServiceName } from '#libs/config';
import { fail } from '#libs/kernel';
import type { Access, OpenTo } from './access.js';
import type { Caller } from './caller.js';
import type { BrandScope, OperatorScope } from './scopes.js';

/** Key of a route's access in its Fastify route configuration. */
export const ACCESS_CONFIG = 'hezongAccess';

const HANDLER_CONFIG = 'hezongHandler';

/** Key of the verified caller on the Fastify request. */
export const CALLER_PROPERTY = 'hezongCaller';

/** Adds to the Fastify route configuration of a handler; Nest's own decorator would replace entries of others. */
export function routeConfig(part: Readonly<Record<string, unknown>>): MethodDecorator {
  return (_target, _name, descriptor) => {
    const handler = descriptor.value as object;
    const before: unknown = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, handler);
    Reflect.defineMetadata(FASTIFY_ROUTE_CONFIG_METADATA, { ...(before as object | undefined), ...part }, handler);
  };
}

export interface RouteHandler {
  controller: object;
  method: string | symbol;
}

function route(access: Access): MethodDecorator {
  return (target, method, descriptor) => {
    const handler: RouteHandler = { controller: target.constructor, method };
    routeConfig({ [ACCESS_CONFIG]: access, [HANDLER_CONFIG]: handler })(target, method, descriptor);
  };
}

/**
 * The route is for a brand's client that holds the scope. The brand is the caller's own: `@CallerBrand()`. A brand that may not act now is
 * refused, unless the route states otherwise.
 */
export function BrandRoute(scope: BrandScope, { openTo = 'acting' }: { openTo?: OpenTo } = {}): MethodDecorator {
  return applyDecorators(route({ audience: 'brand', scope, openTo }), ApiSecurity('oauth2', [scope]));
}

export function OperatorRoute(scope: OperatorScope = 'operator'): MethodDecorator {
  return applyDecorators(route({ audience: 'operator', scope }), ApiSecurity('oauth2', [scope]));
}

/** The route is only for the named services of the network; the gateway never routes to it. */
export function InternalRoute(...callers: readonly [ServiceName, ...ServiceName[]]): MethodDecorator {
  return applyDecorators(route({ audience: 'internal', callers }), ApiExcludeEndpoint());
}

/** The route needs no token. */
export function PublicRoute(): MethodDecorator {
  return route({ audience: 'public' });
}

/** The access of a Fastify route configuration; null when the route declares none. */
export function accessOf(config: unknown): Access | null {
  if (typeof config !== 'object' || config === null) return null;
  const access: unknown = Reflect.get(config, ACCESS_CONFIG);
  return isAccess(access) ? access : null;
}

/** The handler of a Fastify route configuration; null for a route that is not a controller method. */
export function handlerOf(config: unknown): RouteHandler | null {
  if (typeof config !== 'object' || config === null) return null;
  return (Reflect.get(config, HANDLER_CONFIG) as RouteHandler | undefined) ?? null;
}

function isAccess(value: unknown): value is Access {
  return typeof value === 'object' && value !== null && 'audience' in value;
}

/** The verified caller of a request, or null. */
export function callerIn(request: object): Caller | null {
  const caller: unknown = Reflect.get(request, CALLER_PROPERTY);
  return isCaller(caller) ? caller : null;
}

/** The verified caller of a request. Refuses when there is none, so that no route is open by mistake. */
export function callerOf(request: unknown): Caller {
  const caller = typeof request === 'object' && request !== null ? callerIn(request) : null;
  return caller ?? fail('token_invalid');
}

function isCaller(value: unknown): value is Caller {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

/** The caller: a `Caller`. */
export const CurrentCaller: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): Caller => callerOf(context.switchToHttp().getRequest()),
);

/** The slug of the calling brand: a string. */
export const CallerBrand: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): string => {
    const caller = callerOf(context.switchToHttp().getRequest());
    return caller.kind === 'brand' ? caller.brand : fail('scope_missing');
  },
);
