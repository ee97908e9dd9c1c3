import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { DirectoryModule, memberLinksConsumer, memberLinksProvider } from '#libs/directory';
import { approvalsProvider, DUE, INVARIANTS } from '#libs/http';
import { MessagingModule } from '#libs/messaging';
import { PostgresModule, ReaderKey } from '#libs/postgres';
import { AttributionService } from './attribution/attribution.service.js';
import { DECISIONS } from './attribution/attribution.tables.js';
import { DecisionsRepository } from './attribution/decisions.repository.js';
import { CommissionsAuditService } from './commissions/commissions-audit.service.js';
import { CommissionsController } from './commissions/commissions.controller.js';
import { CommissionsRepository } from './commissions/commissions.repository.js';
import { CommissionsService } from './commissions/commissions.service.js';
import { COMMISSIONS } from './commissions/commissions.tables.js';
import { HoldsController } from './commissions/holds.controller.js';
import { DaysRepository } from './days/days.repository.js';
import { DaysService } from './days/days.service.js';
import { LegSaltsService } from './days/leg-salts.service.js';
import { DisclosureController } from './disclosure/disclosure.controller.js';
import { DisclosureRepository } from './disclosure/disclosure.repository.js';
import { DisclosureService } from './disclosure/disclosure.service.js';
import { DistributorsController } from './distributors/distributors.controller.js';
import { DistributorsRepository } from './distributors/distributors.repository.js';
import { DistributorsService } from './distributors/distributors.service.js';
import { DueWorkService } from './due/due-work.service.js';
import { ConversionAnswersConsumer } from './earnings/conversion-answers.consumer.js';
import { EarningsController } from './earnings/earnings.controller.js';
import { EarningsRepository } from './earnings/earnings.repository.js';
import { EarningsService } from './earnings/earnings.service.js';
import { CONVERSIONS } from './earnings/earnings.tables.js';
import { ToldRepository } from './earnings/told.repository.js';
import { ToldService } from './earnings/told.service.js';
import { WalletsService } from './earnings/wallets.service.js';
import { OwedController } from './invariants/owed.controller.js';
import { OwedRepository } from './invariants/owed.repository.js';
import { PostedController } from './invariants/posted.controller.js';
import { PostedRepository } from './invariants/posted.repository.js';
import { ReferralsInvariantsService } from './invariants/referrals-invariants.service.js';
import { LinksController } from './links/links.controller.js';
import { LinksRepository } from './links/links.repository.js';
import { LinksService } from './links/links.service.js';
import { LINKS } from './links/links.tables.js';
import { MembersConsumer } from './members/members.consumer.js';
import { MembersRepository } from './members/members.repository.js';
import { MembersService } from './members/members.service.js';
import { OffersController } from './offers/offers.controller.js';
import { OffersRepository } from './offers/offers.repository.js';
import { OffersService } from './offers/offers.service.js';
import { OFFERS, PICKUPS } from './offers/offers.tables.js';
import { LateBindingsService } from './orders/late-bindings.service.js';
import { NewCommissionsService } from './orders/new-commissions.service.js';
import { OrderEventsService } from './orders/order-events.service.js';
import { OrdersConsumer } from './orders/orders.consumer.js';
import { OrdersRepository } from './orders/orders.repository.js';
import { WaitingRepository } from './orders/waiting.repository.js';
import { WaitingService } from './orders/waiting.service.js';
import { ErasedPayeesController } from './payouts/erased-payees.controller.js';
import { ErasedPayeesRepository } from './payouts/erased-payees.repository.js';
import { ErasedPayeesService } from './payouts/erased-payees.service.js';
import { PayoutsController } from './payouts/payouts.controller.js';
import { PayoutsAuditService } from './payouts/payouts-audit.service.js';
import { PayoutsRepository } from './payouts/payouts.repository.js';
import { PayoutsService } from './payouts/payouts.service.js';
import { PAYOUT_ITEMS, PAYOUTS } from './payouts/payouts.tables.js';
import { LimitsService } from './postings/limits.service.js';
import { PostingsRepository } from './postings/postings.repository.js';
import { PostingsService } from './postings/postings.service.js';
import { LEGS } from './postings/postings.tables.js';
import { ProgrammesController } from './programmes/programmes.controller.js';
import { ProgrammesRepository } from './programmes/programmes.repository.js';
import { ProgrammesService } from './programmes/programmes.service.js';
import { PROGRAMMES } from './programmes/programmes.tables.js';
import { SandboxTimeService } from './programmes/sandbox-time.service.js';
import type { ReferralsConfig } from './referrals.config.js';
import { TouchesController } from './touches/touches.controller.js';
import { ClicksService } from './touches/clicks.service.js';
import { TouchesRepository } from './touches/touches.repository.js';
import { TouchesService } from './touches/touches.service.js';
import { TOUCHES } from './touches/touches.tables.js';

/** Tables read through TypeORM; everything else is SQL. */
const TABLES = [
  COMMISSIONS,
  LEGS,
  DECISIONS,
  OFFERS,
  PICKUPS,
  TOUCHES,
  PROGRAMMES,
  LINKS,
  CONVERSIONS,
  PAYOUTS,
  PAYOUT_ITEMS,
];

@Module({})
export class ReferralsModule {
  static forConfig(config: ReferralsConfig): DynamicModule {
    return {
      module: ReferralsModule,
      imports: [
        PostgresModule.forService(config, { service: 'referrals', tables: TABLES }),
        MessagingModule.forService(config),
        DirectoryModule.forService(config, { group: 'referrals.brands' }),
      ],
      controllers: [
        OrdersConsumer,
        memberLinksConsumer('referrals.links'),
        MembersConsumer,
        OffersController,
        LinksController,
        TouchesController,
        CommissionsController,
        HoldsController,
        EarningsController,
        ConversionAnswersConsumer,
        PayoutsController,
        ErasedPayeesController,
        DistributorsController,
        ProgrammesController,
        DisclosureController,
        OwedController,
        PostedController,
      ],
      providers: [
        approvalsProvider(config.identityUrl),
        ProgrammesRepository,
        ProgrammesService,
        SandboxTimeService,
        OffersRepository,
        OffersService,
        DistributorsRepository,
        DistributorsService,
        LinksRepository,
        LinksService,
        TouchesRepository,
        TouchesService,
        memberLinksProvider(config.crmUrl),
        MembersRepository,
        MembersService,
        DecisionsRepository,
        AttributionService,
        CommissionsRepository,
        CommissionsService,
        CommissionsAuditService,
        PostingsRepository,
        PostingsService,
        LimitsService,
        OrdersRepository,
        NewCommissionsService,
        OrderEventsService,
        WaitingRepository,
        WaitingService,
        LateBindingsService,
        DueWorkService,
        { provide: DUE, useExisting: DueWorkService },
        DaysRepository,
        DaysService,
        ReaderKey,
        ClicksService,
        LegSaltsService,
        EarningsRepository,
        ToldRepository,
        ToldService,
        EarningsService,
        WalletsService,
        ErasedPayeesRepository,
        ErasedPayeesService,
        PayoutsAuditService,
        PayoutsRepository,
        PayoutsService,
        DisclosureRepository,
        DisclosureService,
        OwedRepository,
        PostedRepository,
        { provide: INVARIANTS, useClass: ReferralsInvariantsService },
      ],
    };
  }
}
