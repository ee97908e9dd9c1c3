import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { contextFromHeaders } from '#libs/observability';
import { refuse } from './refusal.http.js';

const ABSOLUTE = /^https?:\/\/[^/?#]+([/?].*)?$/i;

/**
 * The path and query of a request target, not changed otherwise; null if it has none (RFC 9112, 3.2).
 * @param target as sent: `/v1/orders?simulate=true`, or with scheme and authority before it
 */
export function pathOf(target: string): string | null {
  if (target.startsWith('/')) return target;
  const parts = ABSOLUTE.exec(target);
  if (parts === null) return null;
  const path = parts[1] ?? '/';
  return path.startsWith('/') ? path : `/${path}`;
}

/** Reduces the target of each call to path and query before it is routed, so that routing and forwarding read the same. Others are 400. */
export function reduceTargets(server: Server): void {
  const handlers = server.listeners('request') as ((request: IncomingMessage, response: ServerResponse) => void)[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const path = pathOf(request.url ?? '');
    if (path === null) {
      const { traceparent, 'x-request-id': id } = request.headers;
      request.resume();
      refuse(response, 'body_unreadable', contextFromHeaders(traceparent, id));
      return;
    }
    request.url = path;
    for (const handle of handlers) handle.call(server, request, response);
  });
}
