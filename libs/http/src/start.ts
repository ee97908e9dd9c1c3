import type { Server } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { PUBLIC_CONFIG, hasAuth, internalKeyFault } from '#libs/auth';
import { ConfigError, loadConfig } from '#libs/config';
import type { Environment, ProcessConfig, ServiceConfig } from '#libs/config';
import { exactJson } from '#libs/kernel';
import { NestLogger, collectProcessMetrics, createLogger } from '#libs/observability';
import { Retention, migrate } from '#libs/postgres';
import { DataSource } from 'typeorm';
import { installOperatorAudit } from './audit/audit-hook.js';
import type { AuditGate } from './audit/audit-hook.js';
import { OperatorAudit } from './audit/operator-audit.js';
import { applyBodyLimits } from './body-limit.js';
import { answerBrokenCall } from './broken-call.js';
import { ClockSync } from './clock-sync.js';
import { installContext } from './context-hook.js';
import { installCursors } from './cursors.js';
import { HttpModule } from './http.module.js';
import { TRANSPORT_KEYS } from './idempotency.js';
import { BODY_LIMIT, installJsonBody } from './json-body.js';
import { NearServer } from './near-server.js';
import { NetworkProbe } from './network-probe.js';
import type { MessagingProbe } from './network-probe.js';
import { openApiOf } from './openapi.js';
import { openOps } from './ops-server.js';
import { PROBLEM_TYPE, problemOf } from './problem.js';
import { installReplies } from './reply.js';
import { ProblemFilter } from './problem.filter.js';
import { installQueryCheck } from './query.js';
import { recordRoutes, requireAccess, routesOf } from './routes.js';
import type { AnyServiceDefinition } from './service.js';
import { stopServing } from './stop-serving.js';
import { ValidationPipe } from './validation.pipe.js';

/** Shorter than a call's own timeout, which starts before the first byte of the body. */
const HEADERS_TIMEOUT_MS = 10_000;

export interface RunningService {
  name: string;
  /** Base URL, without a trailing slash. */
  url: string;
  /** Base URL of metrics and probes; null when OPS_PORT opens none. */
  opsUrl: string | null;
  app: NestFastifyApplication;
  /**
   * Reports not ready, takes no more connections, finishes running calls, leaves its consumer groups and releases everything.
   * @param idleMs how long idle connections are kept, for callers to close
   */
  close(idleMs?: number): Promise<void>;
}

function fastifyAdapter(config: ProcessConfig): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: BODY_LIMIT,
    requestTimeout: config.requestTimeoutMs,
    http: {
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, config.requestTimeoutMs),
      connectionsCheckingInterval: Math.min(1_000, config.requestTimeoutMs / 2),
    },
    clientErrorHandler: answerBrokenCall,
    logger: false,
    forceCloseConnections: 'idle',
    // while stopping it still answers calls on kept connections, and closes each with the answer
    return503OnClosing: false,
    keepAliveTimeout: 65_000,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: false },
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // a path that cannot be decoded or is far too long gets the same bytes as any other 404
    frameworkErrors: (_error: unknown, _request: unknown, reply: FastifyReply) => {
      void reply
        .status(404)
        .header('content-type', PROBLEM_TYPE)
        .send(JSON.stringify(problemOf('not_found')));
    },
  });
}

interface Gate extends AuditGate {
  clock: ClockSync | null;
}

/**
 * A service must not book at the wrong time: until it has the alliance's clock it answers only operational routes and other services.
 * It listens nevertheless, so that it misses no push of the clock.
 */
function refuseBeforeClock(server: FastifyInstance, gate: Gate): void {
  server.addHook('onRequest', (request, reply, done) => {
    if (gate.clock?.ready() !== false || request.routeOptions.url?.startsWith('/internal/') === true) return done();
    void reply
      .status(503)
      .header('content-type', PROBLEM_TYPE)
      .header('retry-after', '1')
      .send(JSON.stringify(problemOf('unavailable')));
  });
}

/** Makes a server take over the port of one that already listens, so that no other process can take the port in between. */
function takeOver(server: Server, door: Server): void {
  const listen = server.listen.bind(server);
  server.listen = (): Server => listen(door);
}

/**
 * Builds a service's application and listens on its host and port, or takes over `door`, a server that already holds the port.
 * @throws ConfigError with all faults of the environment; Error when a route does not declare its callers
 */
export async function startService(
  definition: AnyServiceDefinition,
  env?: Environment,
  door?: Server,
): Promise<RunningService> {
  const config = loadConfig(definition.config, env) as unknown as ProcessConfig;
  const fault = internalKeyFault(definition.name, config);
  if (fault !== null) throw new ConfigError(definition.name, [fault]);
  const logger = new NestLogger(
    createLogger({ service: definition.name, level: config.logLevel, instance: config.instance }),
  );
  const adapter = fastifyAdapter(config);
  const server: FastifyInstance = adapter.getInstance();
  server.setReplySerializer(exactJson);
  installJsonBody(server);
  applyBodyLimits(server);
  recordRoutes(server);
  installContext(server, definition.name, logger.pino);
  installQueryCheck(server);
  installReplies(server);
  installCursors(server, config.internalSigningKey);
  const gate: Gate = { clock: null, audit: null };
  if (definition.migrations !== undefined) {
    refuseBeforeClock(server, gate);
    installOperatorAudit(server, gate);
  }
  collectProcessMetrics();
  const root = HttpModule.forService(definition.name, config, definition.module(config));
  // Nest's own body parsers are left out: Fastify's refuses poisoned prototypes
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares its options as a class
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    logger,
    bodyParser: false,
    abortOnError: false,
  });
  try {
    app.useGlobalFilters(new ProblemFilter(definition.name, logger));
    app.useGlobalPipes(new ValidationPipe());
    mountOpenApi(server, app, definition.name);
    await definition.setup?.(app, config);
    await app.init();
    if (!hasAuth(server)) throw new Error('the authentication hook is missing');
    requireAccess(routesOf(app));
    const clock = app.get(ClockSync, { strict: false });
    const probe = app.get(NetworkProbe, { strict: false });
    gate.clock = clock;
    if (definition.migrations !== undefined) {
      gate.audit = auditOf(app);
      app.get(Retention, { strict: false }).add(TRANSPORT_KEYS);
    }
    const known = clock.ready();
    if (!known) probe.add({ name: 'clock', needed: true, ready: () => Promise.resolve(clock.ready()) });
    const messaging = await attachMessaging(definition, app, config);
    probe.attach(app, messaging?.probe ?? null, config as Partial<ServiceConfig>);
    if (known) await messaging?.consume();
    if (door !== undefined) takeOver(app.getHttpServer(), door);
    await app.listen(config.port, config.host);
    const ops = config.opsPort === null ? null : await openOps(config.host, config.opsPort, definition.name, probe);
    // events too must wait for the clock; if consumers cannot start, the process ends, as above
    if (!known) void clock.run().then((told) => (told ? messaging?.consume() : undefined));
    const url = urlOf(app, config.host);
    const near = NearServer.offer(url, app.getHttpServer());
    return {
      name: definition.name,
      url,
      opsUrl: ops?.url ?? null,
      app,
      close: async (idleMs = 0) => {
        probe.add({ name: 'stays', needed: true, ready: () => Promise.resolve(false) });
        clock.stop();
        // running calls need all resources that the application closes
        await Promise.all([near.withdraw(), stopServing(app.getHttpServer(), idleMs)]);
        await app.close();
        await ops?.close();
      },
    };
  } catch (error) {
    await app.close().catch(() => undefined);
    throw error;
  }
}

function auditOf(app: NestFastifyApplication): OperatorAudit {
  const audit = app.get(OperatorAudit, { strict: false });
  audit.attach(app.get(DataSource, { strict: false }));
  return audit;
}

async function attachMessaging(
  definition: AnyServiceDefinition,
  app: NestFastifyApplication,
  config: ProcessConfig,
): Promise<{ probe: MessagingProbe; consume: () => Promise<void> } | null> {
  if (!(definition.consumers ?? definition.migrations !== undefined)) return null;
  // loaded only by services with events: the gateway needs no broker client
  const messaging = await import('#libs/messaging');
  const consume = await messaging.attachConsumers(app, config as ServiceConfig);
  return { probe: app.get(messaging.Messaging, { strict: false }), consume };
}

function mountOpenApi(server: FastifyInstance, app: NestFastifyApplication, service: string): void {
  let document: string | null = null;
  server.get('/internal/v1/openapi.json', { config: PUBLIC_CONFIG }, (_request, reply) => {
    document ??= JSON.stringify(openApiOf(app, service));
    return reply.header('content-type', 'application/json; charset=utf-8').send(document);
  });
}

function urlOf(app: NestFastifyApplication, host: string): string {
  const address: unknown = app.getHttpServer().address();
  const port: unknown = typeof address === 'object' && address !== null ? Reflect.get(address, 'port') : undefined;
  return `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

/**
 * Brings a service's database up to date with its owner role: a deployment step, never part of the running service.
 * @returns names of the migrations that ran
 */
export async function migrateService(definition: AnyServiceDefinition, env?: Environment): Promise<string[]> {
  if (definition.migrations === undefined) return [];
  const config = loadConfig(definition.config, env) as unknown as ServiceConfig;
  return migrate(config.migrationUrl, definition.migrations);
}
