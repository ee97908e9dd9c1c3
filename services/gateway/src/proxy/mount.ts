import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { TokenVerifier } from '#libs/auth';
import { serviceUrls } from '#libs/config';
import type { GatewayConfig } from '../gateway.config.js';
import { Quota } from '../quota/quota.js';
import { Deadlines } from './deadlines.js';
import { registerProxy } from './proxy.js';
import { UpstreamPools } from './upstream-pools.js';

/** Puts the routes that pass through on the application's Fastify instance. */
export function mountProxy(app: NestFastifyApplication, config: GatewayConfig): void {
  const server = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const pools = new UpstreamPools(serviceUrls(config), config.upstreamConnections, config.upstreamTimeoutMs);
  const deadlines = new Deadlines(config.upstreamTimeoutMs);
  const quota = new Quota(app.get(TokenVerifier, { strict: false }), config);
  registerProxy(server, { pools, deadlines, quota, trustProxy: config.trustProxy });
  // After the server has let the running calls finish.
  server.addHook('onClose', async () => {
    deadlines.close();
    await pools.close();
  });
}
