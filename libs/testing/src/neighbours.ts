import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A call to a stand-in. */
export interface Asked {
  /** The called service. */
  of: string;
  method: string;
  /** Path with query. */
  path: string;
  /** '' when absent. */
  body: string;
}

export interface Neighbours {
  /** Base URL of the named service. */
  url(service: string): string;
  close(): Promise<void>;
}

/** One port that stands in for other services. The result of `answer` is sent as JSON with 200, null as 204; undefined is a 404. */
export async function neighbours(answer: (asked: Asked) => unknown): Promise<Neighbours> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    const respond = async (): Promise<void> => {
      const { method = 'GET', url = '' } = request;
      const [, of = '', path = ''] = /^\/([^/]+)(.*)$/.exec(url) ?? [];
      const said = await answer({ of, method, path, body: Buffer.concat(chunks).toString() });
      if (said === null) {
        response.writeHead(204).end();
        return;
      }
      response.writeHead(said === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(said ?? {}));
    };
    request.on('end', () => void respond());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  server.unref();
  return {
    url: (service) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${service}`,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}
