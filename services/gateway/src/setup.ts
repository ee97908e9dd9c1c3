import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { PROBLEM_TYPE, openApiOf, problemOf } from '#libs/http';
import { OwnDocument } from './docs/own-document.js';
import type { OpenApi } from './docs/openapi.js';
import type { GatewayConfig } from './gateway.config.js';
import { mountProxy } from './proxy/mount.http.js';

/** Prepares the gateway's application before it listens. */
export function setup(app: NestFastifyApplication, config: GatewayConfig): void {
  app.get(OwnDocument, { strict: false }).from(() => openApiOf(app, 'gateway') as unknown as OpenApi);
  hideInside(app.getHttpAdapter().getInstance());
  mountProxy(app, config);
}

/** Hides the routes that every service offers inside the network, however the path is written. */
function hideInside(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.url?.startsWith('/internal/') === true) {
      void reply
        .status(404)
        .header('content-type', PROBLEM_TYPE)
        .send(JSON.stringify(problemOf('not_found')));
    } else done();
  });
}
