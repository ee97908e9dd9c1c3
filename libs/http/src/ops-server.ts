import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { checkHealth, metrics } from '#libs/observability';
import type { NetworkProbe } from './network-probe.js';
import { PROBLEM_TYPE, problemOf } from './problem.js';

/** Routes for the people who run the service: liveness, readiness, metrics. */
export interface OpsServer {
  /** Base URL, without a trailing slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** Answer of one of its paths. */
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(value),
});

/** Opens the port of metrics and probes. It is separate from the port of callers, so that no path written by a caller can reach them. */
export async function openOps(host: string, port: number, service: string, probe: NetworkProbe): Promise<OpsServer> {
  const answers: Readonly<Record<string, () => Answer | Promise<Answer>>> = {
    '/health/live': () => json(200, { status: 'live' }),
    '/health/ready': async () => {
      const report = await checkHealth(probe.checks());
      return json(report.ready ? 200 : 503, report);
    },
    '/metrics': async () => {
      // without the broker or the database the other metrics remain; readiness reports the outage
      await probe.measure(service).catch(() => undefined);
      return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
    },
  };
  const server = createServer((request, response) => {
    const answer = Object.hasOwn(answers, request.url ?? '') ? answers[request.url ?? ''] : undefined;
    void reply(request, response, answer ?? (() => ({ status: 404, type: PROBLEM_TYPE, body: NOT_FOUND })));
  });
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, host, listening));
  const at = (server.address() as AddressInfo).port;
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${at}`, close: () => closed(server) };
}

const NOT_FOUND = JSON.stringify(problemOf('not_found'));

async function reply(
  request: IncomingMessage,
  response: ServerResponse,
  answer: () => Answer | Promise<Answer>,
): Promise<void> {
  request.resume();
  try {
    const { status, type, body } = await answer();
    response.writeHead(status, { 'content-type': type }).end(body);
  } catch {
    response.writeHead(500).end();
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}
