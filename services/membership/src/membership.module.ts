import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { DirectoryModule, MemberLinks } from '#libs/directory';
import { approvalsProvider, DUE, INVARIANTS } from '#libs/http';
import { MessagingModule } from '#libs/messaging';
import { PostgresModule } from '#libs/postgres';
import { LADDERS } from './ladders/ladders.tables.js';
import { MAPS } from './maps/maps.tables.js';
import { DECISIONS, STANDINGS } from './standing/standing.tables.js';
import { CreditsRepository } from './credits/credits.repository.js';
import { Facts } from './credits/facts.service.js';
import { OrdersConsumer } from './credits/orders.consumer.js';
import { DueRanks } from './due/due-ranks.service.js';
import { GrantSources } from './grants/grant-sources.service.js';
import { TierGrantsController } from './grants/grants.controller.js';
import { GrantsRepository } from './grants/grants.repository.js';
import { TierGrants } from './grants/grants.service.js';
import { MembershipInvariants } from './invariants/membership-invariants.service.js';
import { DryRun } from './ladders/dry-run.service.js';
import { LaddersController } from './ladders/ladders.controller.js';
import { LaddersRepository } from './ladders/ladders.repository.js';
import { Ladders } from './ladders/ladders.service.js';
import { ProposeLadder } from './ladders/propose-ladder.service.js';
import { LinksConsumer } from './links/links.consumer.js';
import { LinksRepository } from './links/links.repository.js';
import { MapSources } from './maps/map-sources.service.js';
import { TierMapsController } from './maps/maps.controller.js';
import { MapsRepository } from './maps/maps.repository.js';
import { TierMaps } from './maps/maps.service.js';
import type { MembershipConfig } from './membership.config.js';
import { Recomputation } from './standing/recomputation.service.js';
import { StandingRows } from './standing/standing-rows.service.js';
import { StandingsRepository } from './standing/standings.repository.js';
import { Standings } from './standing/standings.service.js';
import { TierHistoryController, TierInFullController, TiersController } from './standing/tiers.controller.js';
import { Tiers } from './standing/tiers.service.js';

/** Composition root of the membership service. */
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
        TierMapsController,
        TierGrantsController,
        LaddersController,
      ],
      providers: [
        approvalsProvider(config.identityUrl),
        CreditsRepository,
        Facts,
        LaddersRepository,
        Ladders,
        ProposeLadder,
        DryRun,
        GrantsRepository,
        GrantSources,
        TierGrants,
        MapsRepository,
        MapSources,
        TierMaps,
        LinksRepository,
        MemberLinks,
        StandingsRepository,
        StandingRows,
        Standings,
        Recomputation,
        Tiers,
        DueRanks,
        { provide: DUE, useExisting: DueRanks },
        { provide: INVARIANTS, useClass: MembershipInvariants },
      ],
    };
  }
}
