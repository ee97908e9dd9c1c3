import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { DirectoryModule } from '#libs/directory';
import { ApprovalDesk, Approvals, INVARIANTS } from '#libs/http';
import { MessagingModule } from '#libs/messaging';
import { PostgresModule } from '#libs/postgres';
import { ApprovalsController } from './approvals/approvals.controller.js';
import { ApprovalsInternalController } from './approvals/approvals.internal.controller.js';
import { ApprovalsRepository } from './approvals/approvals.repository.js';
import { ApprovalsService } from './approvals/approvals.service.js';
import { ClientsController } from './clients/clients.controller.js';
import { ClientsRepository } from './clients/clients.repository.js';
import { ClientsService } from './clients/clients.service.js';
import { OperatorClientsController } from './clients/operator-clients.controller.js';
import { RevokedClientsController } from './clients/revoked-clients.controller.js';
import type { IdentityConfig } from './identity.config.js';
import { IdentityInvariants } from './identity.invariants.js';
import { SigningKeysController } from './keys/signing-keys.controller.js';
import { KEY_ENCRYPTION_KEY, SigningKeysRepository } from './keys/signing-keys.repository.js';
import { IDENTITY_DATABASE_URL, SigningKeysService } from './keys/signing-keys.service.js';
import { ISSUER, OauthServerService } from './oauth/oauth-server.service.js';
import { AssertionsRepository } from './oauth/assertions.repository.js';

@Module({})
export class IdentityModule {
  static forService(config: IdentityConfig): DynamicModule {
    return {
      module: IdentityModule,
      imports: [
        PostgresModule.forService(config, { service: 'identity' }),
        MessagingModule.forService(config),
        DirectoryModule.forService(config, { group: 'identity.brands' }),
      ],
      controllers: [
        ApprovalsController,
        ApprovalsInternalController,
        ClientsController,
        OperatorClientsController,
        RevokedClientsController,
        SigningKeysController,
      ],
      providers: [
        ApprovalsRepository,
        ApprovalsService,
        { provide: ApprovalDesk, useExisting: ApprovalsService },
        { provide: Approvals, inject: [ApprovalDesk], useFactory: (desk: ApprovalDesk) => new Approvals(desk) },
        ClientsRepository,
        ClientsService,
        SigningKeysRepository,
        SigningKeysService,
        AssertionsRepository,
        OauthServerService,
        { provide: ISSUER, useValue: config.issuer },
        { provide: IDENTITY_DATABASE_URL, useValue: config.databaseUrl },
        { provide: KEY_ENCRYPTION_KEY, useValue: Buffer.from(config.keyEncryptionKey, 'base64') },
        { provide: INVARIANTS, useClass: IdentityInvariants },
      ],
    };
  }
}
