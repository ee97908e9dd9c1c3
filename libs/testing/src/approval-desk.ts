import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Asked {
  act: string;
  maker: string;
  payload: unknown;
}

export interface TestDesk {
  url: string;
  /** Client that approves every request; null: no client does. */
  checker: string | null;
  /** Whether an act was approved, when asked later, besides those that it approved itself. */
  approved: (act: Asked) => boolean;
  /** All requested acts, the newest last. */
  readonly asked: Asked[];
  /** Approvals that were used. */
  readonly used: string[];
  close(): Promise<void>;
}

/**
 * Stand-in for identity's approvals; only the real service checks that approver and maker are independent.
 * @param put receives other PUT calls
 */
export async function testDesk(put?: (path: string, body: string) => void): Promise<TestDesk> {
  const spent = new Set<string>();
  const given = new Map<string, { id: string; checker: string }>();
  const asked: Asked[] = [];
  const used: string[] = [];
  const answer = (path: string, body: string): unknown => {
    const ended = /^\/internal\/v1\/approvals\/([^/]+)\/used$/.exec(path)?.[1];
    if (ended !== undefined) {
      used.push(ended);
      spent.add(ended);
      return null;
    }
    const { act, maker, payload } = JSON.parse(body) as Asked;
    const hash = createHash('sha256')
      .update(JSON.stringify([act, maker, payload]))
      .digest('hex');
    const name = (round: number): string => `ap_${hash.slice(0, 20)}${round}`;
    let round = 0;
    while (spent.has(name(round))) round += 1;
    if (path === '/internal/v1/approvals/approved') {
      const known = desk.approved({ act, maker, payload }) ? { id: name(round), checker: 'cl_desk' } : null;
      return given.get(hash) ?? known;
    }
    if (path === '/internal/v1/approvals/given') {
      if (desk.checker === null) return null;
      const approval = { id: name(round), checker: desk.checker };
      given.set(hash, approval);
      return approval;
    }
    asked.push({ act, maker, payload });
    return { id: name(round), payloadHash: `sha256:${hash}`, expiresAt: '2100-01-01T00:00:00Z' };
  };
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      if (request.method === 'PUT' && put !== undefined) {
        put(request.url ?? '', text);
        response.writeHead(204).end();
        return;
      }
      const known = request.url?.startsWith('/internal/v1/approvals') === true;
      response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(known ? answer(request.url ?? '', text) : {}));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  server.unref();
  const desk: TestDesk = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    checker: 'cl_desk',
    approved: () => false,
    asked,
    used,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
  return desk;
}
