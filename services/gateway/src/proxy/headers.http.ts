import type { IncomingMessage } from 'node:http';
import type { RequestContext } from '#libs/observability';
import type { TrustedProxiesHttp } from './trusted-proxies.http.js';

/** Headers of a single connection (RFC 9110, 7.6.1), and those that the HTTP client writes itself. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

/** Headers that only the gateway sets; values that a caller sends under these names are dropped. */
const OURS = new Set([
  'host',
  'content-length',
  'x-request-id',
  'traceparent',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'forwarded',
]);

/** Headers for the upstream: the caller's without its connection headers, plus request id, trace and origin. */
export function upstreamHeaders(
  request: IncomingMessage,
  context: RequestContext,
  proxies: TrustedProxiesHttp,
): string[] {
  const raw = request.rawHeaders;
  const named = request.headers.connection;
  const perConnection =
    named === undefined || named === 'keep-alive' ? undefined : new Set(named.toLowerCase().split(/\s*,\s*/));
  const out: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    if (HOP_BY_HOP.has(name) || OURS.has(name) || perConnection?.has(name) === true) continue;
    out.push(name, raw[i + 1] ?? '');
  }
  const from = origin(request, proxies);
  out.push('x-request-id', context.requestId, 'traceparent', context.traceparent);
  out.push('x-forwarded-for', from.addresses, 'x-forwarded-proto', from.proto, 'x-forwarded-host', from.host);
  return out;
}

/** Headers for the caller: the upstream's without its connection headers, in the form that `writeHead` takes. */
export function callerHeaders(raw: readonly (Buffer | string)[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = String(raw[i]);
    if (HOP_BY_HOP.has(name.toLowerCase())) continue;
    const value = raw[i + 1];
    out.push(name, typeof value === 'string' ? value : (value?.toString('latin1') ?? ''));
  }
  return out;
}

interface Origin {
  addresses: string;
  proto: string;
  host: string;
}

function origin(request: IncomingMessage, proxies: TrustedProxiesHttp): Origin {
  const remote = request.socket.remoteAddress ?? '';
  const host = request.headers.host ?? '';
  if (!proxies.brought(request)) return { addresses: remote, proto: 'http', host };
  const given = (name: string): string | undefined => {
    const value = request.headers[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const before = given('x-forwarded-for');
  return {
    addresses: before === undefined ? remote : `${before}, ${remote}`,
    proto: given('x-forwarded-proto') ?? 'http',
    host: given('x-forwarded-host') ?? host,
  };
}
