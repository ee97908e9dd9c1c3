import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { DirectoryModule, memberLinksProvider } from '#libs/directory';
import { approvalsProvider, DUE, INVARIANTS } from '#libs/http';
import { MessagingModule } from '#libs/messaging';
import { PostgresModule } from '#libs/postgres';
import { LADDERS } from './ladders/ladders.tables.js';
import { MAPS } from './maps/maps.tables.js';
import { DECISIONS, STANDINGS } from './standings/standings.tables.js';
import { CreditsRepository } from './credits/credits.repository.js';
import { FactsService } from './credits/facts.service.js';
import { OrdersConsumer } from './credits/orders.consumer.js';
import { DueRanksService } from './due/due-ranks.service.js';
import { GrantSourcesService } from './grants/grant-sources.service.js';
import { GrantsController } from './grants/grants.controller.js';
import { GrantsRepository } from './grants/grants.repository.js';
import { GrantsService } from './grants/grants.service.js';
import { MembershipInvariantsService } from './invariants/membership-invariants.service.js';
import { DryRunService } from './ladders/dry-run.service.js';
import { LaddersController } from './ladders/ladders.controller.js';
import { LaddersRepository } from './ladders/ladders.repository.js';
import { LaddersService } from './ladders/ladders.service.js';
import { ProposeLadderService } from './ladders/propose-ladder.service.js';
import { LinksConsumer } from './links/links.consumer.js';
import { LinksRepository } from './links/links.repository.js';
import { MapSourcesService } from './maps/map-sources.service.js';
import { MapsController } from './maps/maps.controller.js';
import { MapsRepository } from './maps/maps.repository.js';
import { MapsService } from './maps/maps.service.js';
import type { MembershipConfig } from './membership.config.js';
import { RecomputationService } from './standings/recomputation.service.js';
import { StandingRowsService } from './standings/standing-rows.service.js';
import { StandingsRepository } from './standings/standings.repository.js';
import { StandingsService } from './standings/standings.service.js';
import { TierHistoryController, TierInFullController, TiersController } from './standings/tiers.controller.js';
import { TiersService } from './standings/tiers.service.js';

@Module({})
export class MembershipModule {
  static forConfig(config: MembershipConfig): DynamicModule {
    return {
      module: MembershipModule,
      imports: [
        PostgresModule.forService(config, { service: 'membership', tables: [LADDERS, MAPS, STANDINGS, DECISIONS] }),
        MessagingModule.forService(config),
        DirectoryModule.forService(config, { group: 'membership.brands' }),
      ],
      controllers: [
        OrdersConsumer,
        LinksConsumer,
        TiersController,
        TierHistoryController,
        TierInFullController,
        MapsController,
        GrantsController,
        LaddersController,
      ],
      providers: [
        approvalsProvider(config.identityUrl),
        CreditsRepository,
        FactsService,
        LaddersRepository,
        LaddersService,
        ProposeLadderService,
        DryRunService,
        GrantsRepository,
        GrantSourcesService,
        GrantsService,
        MapsRepository,
        MapSourcesService,
        MapsService,
        LinksRepository,
        memberLinksProvider(config.crmUrl),
        StandingsRepository,
        StandingRowsService,
        StandingsService,
        RecomputationService,
        TiersService,
        DueRanksService,
        { provide: DUE, useExisting: DueRanksService },
        { provide: INVARIANTS, useClass: MembershipInvariantsService },
      ],
    };
  }
}
