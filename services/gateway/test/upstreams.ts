import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startService } from '#libs/http';
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
  stop(name: Name): Promise<void>;
  close(): Promise<void>;
}

export function json(response: ServerResponse, body: unknown, status = 200): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
}

/** The real gateway in front of stand-ins that record the calls they receive. */
export async function gatewayBefore(over: Record<string, string> = {}): Promise<Behind> {
  const seen: Seen[] = [];
  const behaviours = new Map<string, Behaviour>();
  const servers = new Map<Name, Server>();
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
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    env[`${service.toUpperCase()}_URL`] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    servers.set(service, server);
  }
  for (const absent of ['MEMBERSHIP_URL', 'REFERRALS_URL']) env[absent] ??= env['PARTNERS_URL'] ?? '';
  const tokens = await testTokens();
  const running = await startService(gateway, { ...tokens.env('gateway'), ...env, LOG_LEVEL: 'silent', ...over });
  const stop = (name: Name): Promise<void> =>
    new Promise((closed) => {
      const server = servers.get(name);
      server?.closeAllConnections();
      if (server?.listening === true) server.close(() => closed());
      else closed();
    });
  return {
    gateway: running,
    tokens,
    seen,
    behaviours,
    stop,
    close: async () => {
      await running.close();
      for (const name of NAMES) await stop(name);
      await tokens.close();
    },
  };
}
