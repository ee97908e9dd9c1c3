import { applyDecorators } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { routeConfig } from '#libs/auth';

const LIMIT_CONFIG = 'hezongBodyLimit';

/** Sets the largest body of a route in bytes; the default is 64 KB. The gateway's route table must allow as much. */
export function BodyLimit(bytes: number): MethodDecorator {
  return applyDecorators(routeConfig({ [LIMIT_CONFIG]: bytes }), ApiExtension('x-max-bytes', bytes));
}

/** Applies the declared limit to every route registered from now on. */
export function applyBodyLimits(server: FastifyInstance): void {
  server.addHook('onRoute', (route) => {
    const limit: unknown = Reflect.get(route.config ?? {}, LIMIT_CONFIG);
    if (typeof limit === 'number') route.bodyLimit = limit;
  });
}
