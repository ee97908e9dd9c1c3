import { applyDecorators } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { routeConfig } from '#libs/auth';

const LIMIT_CONFIG = 'hezongBodyLimit';

/** The route takes bodies of up to so many bytes; those that say nothing take 64 KB. The gateway's table of routes must let as much pass. */
export function BodyLimit(bytes: number): MethodDecorator {
  return applyDecorators(routeConfig({ [LIMIT_CONFIG]: bytes }), ApiExtension('x-max-bytes', bytes));
}

/** Gives every route registered from now on the limit that it declares. */
export function applyBodyLimits(server: FastifyInstance): void {
  server.addHook('onRoute', (route) => {
    const limit: unknown = Reflect.get(route.config ?? {}, LIMIT_CONFIG);
    if (typeof limit === 'number') route.bodyLimit = limit;
  });
}
