import { Module } from '@nestjs/common';
import type { DynamicModule, OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { installAuth } from './auth-hook.js';
import { BrandStandings } from './brand-standing.js';
import { InternalClient } from './internal-client.js';
import type { Instances } from './internal-client.js';
import type { SigningConfig } from './internal-token.js';
import { issuerKeys } from './issuer-keys.js';
import { Revocations } from './revocations.js';
import { TokenVerifier } from './token-verifier.js';
import type { VerifierConfig } from './token-verifier.js';

/** Verifies tokens on every route of a service, and provides an `InternalClient` for its own calls. */
@Module({})
export class AuthModule implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly verifier: TokenVerifier,
    private readonly brands: BrandStandings,
  ) {}

  /**
   * @param service the name by which other services address this one
   * @param instances base URLs of every instance of the other services, by name
   */
  static forService(
    config: VerifierConfig & SigningConfig & { readonly identityUrl: string },
    service: string,
    instances: Instances,
  ): DynamicModule {
    return {
      module: AuthModule,
      global: true,
      providers: [
        {
          provide: TokenVerifier,
          inject: [Revocations],
          useFactory: (revocations: Revocations) =>
            new TokenVerifier(config, service, revocations, issuerKeys(config.jwksUrl, instances['identity'])),
        },
        {
          provide: Revocations,
          inject: [InternalClient],
          useFactory: (client: InternalClient) => new Revocations(client, config.identityUrl),
        },
        { provide: InternalClient, useFactory: () => new InternalClient(config, instances) },
        BrandStandings,
      ],
      exports: [TokenVerifier, InternalClient, BrandStandings],
    };
  }

  onModuleInit(): void {
    // an application without HTTP has no adapter
    const adapter = this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
    const server: FastifyInstance | undefined = adapter?.getInstance();
    if (server !== undefined) installAuth(server, this.verifier, this.brands);
  }
}
