import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PUBLIC_CONFIG } from '#libs/auth';
import { contextOf } from '#libs/http';
import { metadataOf } from './metadata.js';
import { OauthServerService } from './oauth-server.service.js';

const KEYS_MAX_AGE_S = 60;

/** Mounts the token endpoint, the keys and the metadata. The library reads the body of the token request itself. */
export function mountOAuth(app: NestFastifyApplication, config: { issuer: string }): void {
  const oauth = app.get(OauthServerService, { strict: false });
  const issuer = new URL(config.issuer);
  const metadata = JSON.stringify(metadataOf(config.issuer));
  const server: FastifyInstance = app.getHttpAdapter().getInstance();

  const handOver = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    // the library takes its own address from the request; it must be the issuer, whatever host name the caller used
    request.raw.headers['x-forwarded-host'] = issuer.host;
    request.raw.headers['x-forwarded-proto'] = issuer.protocol.slice(0, -1);
    reply.raw.setHeader('x-request-id', contextOf(request)?.requestId ?? '');
    void reply.hijack();
    await oauth.handle(request.raw, reply.raw);
  };

  void server.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
    scope.post('/oauth/token', { config: PUBLIC_CONFIG }, handOver);
    done();
  });
  server.get('/.well-known/jwks.json', { config: PUBLIC_CONFIG }, (request, reply) => {
    reply.raw.setHeader('cache-control', `public, max-age=${KEYS_MAX_AGE_S}`);
    return handOver(request, reply);
  });
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
    server.get(path, { config: PUBLIC_CONFIG }, (_request, reply) =>
      reply.header('content-type', 'application/json; charset=utf-8').send(metadata),
    );
  }
}
