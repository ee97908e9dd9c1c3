import type { FastifyInstance } from 'fastify';
import { accessOf } from '#libs/auth';
import type { Access } from '#libs/auth';

export interface RouteInfo {
  method: string;
  /** Pattern as Fastify has it: `/v1/orders/:externalId`. */
  path: string;
  /** Null for a route without a declaration; a service with such a route does not start. */
  access: Access | null;
}

const ROUTES = 'hezongRoutes';

/** Keeps a list of all routes registered from now on. */
export function recordRoutes(server: FastifyInstance): void {
  const routes: RouteInfo[] = [];
  server.decorate(ROUTES, routes);
  server.addHook('onRoute', (route) => {
    const methods = Array.isArray(route.method) ? route.method : [route.method];
    for (const method of methods) {
      // Fastify adds a HEAD to every GET, with the same access
      if (method !== 'HEAD') routes.push({ method, path: route.url, access: accessOf(route.config) });
    }
  });
}

/** All routes of an application, with the callers allowed to use them. */
export function routesOf(app: { getHttpAdapter(): { getInstance(): unknown } }): RouteInfo[] {
  const server = app.getHttpAdapter().getInstance();
  const routes: unknown = typeof server === 'object' && server !== null ? Reflect.get(server, ROUTES) : undefined;
  if (!Array.isArray(routes)) throw new Error('the application was not made by startService');
  return [...(routes as RouteInfo[])];
}

/**
 * Refuses an application with a route that does not declare its callers.
 * @throws Error naming every such route
 */
export function requireAccess(routes: readonly RouteInfo[]): void {
  const open = routes.filter((route) => route.access === null).map((route) => `${route.method} ${route.path}`);
  if (open.length > 0) {
    throw new Error(
      `no BrandRoute, OperatorRoute, InternalRoute or PublicRoute on: ${open.join(', ')}. Every route says who may use it.`,
    );
  }
}
