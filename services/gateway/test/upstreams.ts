import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NearServer, startService } from '#libs/http';
import type { RunningService } from '#libs/http';
import { testTokens } from '#libs/testing';
import type { TestTokens } from '#libs/testing';
import { gateway } from '../src/index.js';

export const NAMES = ['identity', 'partners', 'crm', 'ledger', 'settlement', 'membership'] as const;
export type Name = (typeof NAMES)[number];

/** A call as received by a service behind the gateway. */
export interface Seen {
  service: Name;
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export type Behaviour = (request: IncomingMessage, response: ServerResponse, body: string) => void;

export interface Behind {
  gateway: RunningService;
  tokens: TestTokens;
  seen: Seen[];
  /** Answers other than the default (200 with the service name), by URL or by path alone. */
  behaviours: Map<string, Behaviour>;
  /** How many connections a service has accepted. */
  connections(name: Name): number;
  stop(name: Name): Promise<void>;
  close(): Promise<void>;
}

export function json(response: ServerResponse, body: unknown, status = 200): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
}

/**
 * The real gateway in front of stand-ins that record the calls they receive.
 * @param near whether it calls them as services of its own thread, without connections
 */
export async function gatewayBefore(over: Record<string, string> = {}, near = false): Promise<Behind> {
  const seen: Seen[] = [];
  const behaviours = new Map<string, Behaviour>();
  const servers = new Map<Name, Server>();
  const offered = new Map<Name, NearServer>();
  const accepted = new Map<Name, number>();
  const env: Record<string, string> = {};
  for (const service of NAMES) {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => undefined);
      request.on('end', () => {
        // the gateway polls this route itself
        if (request.url === '/internal/v1/revoked-clients') return json(response, { clients: [], secrets: [] });
        const body = Buffer.concat(chunks).toString();
        seen.push({ service, method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
        const [path = ''] = (request.url ?? '').split('?', 1);
        const behave = [`${service} ${request.url}`, request.url ?? '', `${service} ${path}`]
          .map((name) => behaviours.get(name))
          .find((found) => found !== undefined);
        if (behave) behave(request, response, body);
        else json(response, { service });
      });
    });
    server.on('connection', () => accepted.set(service, (accepted.get(service) ?? 0) + 1));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    env[`${service.toUpperCase()}_URL`] = url;
    if (near) offered.set(service, NearServer.offer(url, server));
    servers.set(service, server);
  }
  for (const absent of ['MEMBERSHIP_URL', 'REFERRALS_URL']) env[absent] ??= env['PARTNERS_URL'] ?? '';
  const tokens = await testTokens();
  const running = await startService(gateway, { ...tokens.env('gateway'), ...env, LOG_LEVEL: 'silent', ...over });
  const stop = async (name: Name): Promise<void> => {
    await offered.get(name)?.withdraw();
    await new Promise<void>((closed) => {
      const server = servers.get(name);
      server?.closeAllConnections();
      if (server?.listening === true) server.close(() => closed());
      else closed();
    });
  };
  return {
    gateway: running,
    tokens,
    seen,
    behaviours,
    connections: (name) => accepted.get(name) ?? 0,
    stop,
    close: async () => {
      await running.close();
      for (const name of NAMES) await stop(name);
      await tokens.close();
    },
  };
}
