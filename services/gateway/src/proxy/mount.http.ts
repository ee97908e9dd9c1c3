import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { TokenVerifier } from '#libs/auth';
import type { GatewayConfig } from '../gateway.config.js';
import { QuotaHttp } from '../quota/quota.http.js';
import { BodyRoom } from './body-room.js';
import { Deadlines } from './deadlines.js';
import { limitOwnCalls } from './own-calls.http.js';
import { closePipelines } from './pipelines.http.js';
import { registerProxy } from './proxy.http.js';
import { reduceTargets } from './targets.http.js';
import { TrustedProxiesHttp } from './trusted-proxies.http.js';
import { UpstreamPoolsHttp } from './upstream-pools.http.js';

/** Mounts the proxied routes on the application's Fastify instance, and limits on all other routes. */
export function mountProxy(app: NestFastifyApplication, config: GatewayConfig): void {
  const server: FastifyInstance = app.getHttpAdapter().getInstance();
  const pools = app.get(UpstreamPoolsHttp, { strict: false });
  const deadlines = new Deadlines(config.upstreamTimeoutMs);
  const proxies = new TrustedProxiesHttp(config.trustedProxies);
  const quota = new QuotaHttp(app.get(TokenVerifier, { strict: false }), proxies, config);
  const room = new BodyRoom(config.bodyBytesOfCaller, config.bodyBytes);
  reduceTargets(server.server);
  closePipelines(server.server);
  limitOwnCalls(server, { quota, room });
  registerProxy(server, { pools, deadlines, quota, proxies, room });
  // After the server has finished the running calls.
  server.addHook('onClose', async () => {
    deadlines.close();
    await pools.close();
  });
}
