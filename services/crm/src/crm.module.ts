import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { DirectoryModule } from '#libs/directory';
import { INVARIANTS } from '#libs/http';
import { MessagingModule } from '#libs/messaging';
import { PostgresModule } from '#libs/postgres';
import { ConsentsController } from './consents/consents.controller.js';
import { ConsentsRepository } from './consents/consents.repository.js';
import { CONSENT_EVENTS } from './consents/consents.tables.js';
import { ConsentsService } from './consents/consents.service.js';
import { StandingConsentsController } from './consents/standing-consents.controller.js';
import type { CrmConfig } from './crm.config.js';
import { InvariantsService } from './invariants/invariants.service.js';
import { LinkEventsService } from './links/link-events.service.js';
import { LinksController } from './links/links.controller.js';
import { LinksRepository } from './links/links.repository.js';
import { LinksService } from './links/links.service.js';
import { SuppressionsConsumer } from './links/suppressions.consumer.js';
import { ContributeService } from './members/contribute.service.js';
import { ContributionsRepository } from './members/contributions.repository.js';
import { MembersController } from './members/members.controller.js';
import { MembersService } from './members/members.service.js';
import { VaultRepository } from './vault/vault.repository.js';
import { VaultService } from './vault/vault.service.js';

@Module({})
export class CrmModule {
  static forService(config: CrmConfig): DynamicModule {
    return {
      module: CrmModule,
      imports: [
        PostgresModule.forService(config, { service: 'crm', tables: [CONSENT_EVENTS] }),
        MessagingModule.forService(config),
        DirectoryModule.forService(config, { group: 'crm.brands' }),
      ],
      controllers: [
        MembersController,
        ConsentsController,
        StandingConsentsController,
        LinksController,
        SuppressionsConsumer,
      ],
      providers: [
        VaultRepository,
        VaultService,
        LinksRepository,
        LinkEventsService,
        LinksService,
        ConsentsRepository,
        ConsentsService,
        ContributionsRepository,
        ContributeService,
        MembersService,
        InvariantsService,
        { provide: INVARIANTS, useExisting: InvariantsService },
      ],
    };
  }
}
