import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';

import { DirectoryModule, memberLinksConsumer, memberLinksProvider } from '#libs/directory';
import { approvalsProvider, DUE, INVARIANTS } from '#libs/http';
import { MessagingModule } from '#libs/messaging';
import { PostgresModule, ReaderKey, Retention } from '#libs/postgres';
import type { Expiring } from '#libs/postgres';

import { AuthorizationsReaderService } from './authorizations/authorizations-reader.service.js';
import { AuthorizationsController } from './authorizations/authorizations.controller.js';
import { AuthorizationsRepository } from './authorizations/authorizations.repository.js';
import { AuthorizationsService } from './authorizations/authorizations.service.js';
import { CapturesService } from './authorizations/captures.service.js';
import { DrawOrderController } from './draws/draw-order.controller.js';
import { DrawOrderRepository } from './draws/draw-order.repository.js';
import { DueRepository } from './due/due.repository.js';
import { DueWorkService } from './due/due-work.service.js';
import { UnsettledWalletsController } from './due/unsettled-wallets.controller.js';
import { ExpirationsController } from './expirations/expirations.controller.js';
import { ExpirationsService } from './expirations/expirations.service.js';
import { GrantsController } from './grants/grants.controller.js';
import { GrantsService } from './grants/grants.service.js';
import { WireIdsService } from './ids/wire-ids.service.js';
import { BooksService } from './invariants/books.service.js';
import { OutstandingController } from './invariants/outstanding.controller.js';
import { OutstandingRepository } from './invariants/outstanding.repository.js';
import { SpentController } from './invariants/spent.controller.js';
import { SpentRepository } from './invariants/spent.repository.js';
import type { LedgerConfig } from './ledger.config.js';
import { LinksController } from './links/links.controller.js';
import { BrandDaysRepository } from './limits/brand-days.repository.js';
import { BrandDaysService } from './limits/brand-days.service.js';
import { IssuanceService } from './limits/issuance.service.js';
import { DeliveriesService } from './orders/deliveries.service.js';
import { OrderEventsSource } from './orders/order-events.source.js';
import { OrderReturnsService } from './orders/order-returns.service.js';
import { OrdersController } from './orders/orders.controller.js';
import { OrdersService } from './orders/orders.service.js';
import { PurchasesRepository } from './orders/purchases.repository.js';
import { PurchasesService } from './orders/purchases.service.js';
import { DatabaseTimeService } from './postings/database-time.service.js';
import { PostingEventsSource } from './postings/posting-events.source.js';
import { PostingsService } from './postings/postings.service.js';
import { QuotesController } from './quotes/quotes.controller.js';
import { QuotesRepository } from './quotes/quotes.repository.js';
import { QuotesService } from './quotes/quotes.service.js';
import { AnswersArchiveService } from './replies/answers-archive.service.js';
import { KnownOperationsRepository } from './replies/known-operations.repository.js';
import { KnownOperationsService } from './replies/known-operations.service.js';
import { DeclinedRewardsController } from './rewards/declined-rewards.controller.js';
import { DeclinedRewardsRepository } from './rewards/declined-rewards.repository.js';
import { RewardsConsumer } from './rewards/rewards.consumer.js';
import { RewardsService } from './rewards/rewards.service.js';
import { EarningRulesController } from './rules/earning-rules.controller.js';
import { EarningRulesRepository } from './rules/earning-rules.repository.js';
import { EarningRulesService } from './rules/earning-rules.service.js';
import { RuleBookService } from './rules/rule-book.service.js';
import { MemberTiersService } from './tiers/member-tiers.service.js';
import { TiersConsumer } from './tiers/tiers.consumer.js';
import { TiersRepository } from './tiers/tiers.repository.js';
import { SealerService } from './seal/sealer.service.js';
import { TradingService } from './trading/trading.service.js';
import { DebtWriteOffsController } from './write-offs/debt-write-offs.controller.js';
import { DebtWriteOffsRepository } from './write-offs/debt-write-offs.repository.js';
import { DebtWriteOffsService } from './write-offs/debt-write-offs.service.js';
import { WalletReaderService } from './wallet/wallet-reader.service.js';
import { WalletViewsService } from './wallet/wallet-views.service.js';
import { WalletController } from './wallet/wallet.controller.js';
import { WalletRepository } from './wallet/wallet.repository.js';

const DAY_MS = 86_400_000;

/** Data with a limited life: a quote is valid for minutes, a trace is sent with its event. */
const EXPIRING: readonly Expiring[] = [
  { table: 'quote', at: 'recorded_at', keepMs: 30 * DAY_MS },
  { table: 'brand_day', at: 'recorded_at', keepMs: 30 * DAY_MS },
  { table: 'event_trace', at: 'recorded_at', keepMs: 7 * DAY_MS },
];

@Module({})
export class LedgerModule {
  constructor(retention: Retention) {
    retention.add(...EXPIRING);
  }

  static forService(config: LedgerConfig): DynamicModule {
    return {
      module: LedgerModule,
      imports: [
        PostgresModule.forService(config, { service: 'ledger' }),
        MessagingModule.forService(config, { sources: [PostingEventsSource, OrderEventsSource] }),
        DirectoryModule.forService(config, { group: 'ledger.brands' }),
      ],
      controllers: [
        OrdersController,
        GrantsController,
        QuotesController,
        AuthorizationsController,
        WalletController,
        ExpirationsController,
        DrawOrderController,
        DeclinedRewardsController,
        UnsettledWalletsController,
        DebtWriteOffsController,
        EarningRulesController,
        OutstandingController,
        SpentController,
        LinksController,
        memberLinksConsumer('ledger.links'),
        TiersConsumer,
        RewardsConsumer,
      ],
      providers: [
        PostingsService,
        DatabaseTimeService,
        DueRepository,
        DueWorkService,
        { provide: DUE, useExisting: DueWorkService },
        SealerService,
        TradingService,
        ReaderKey,
        WireIdsService,
        memberLinksProvider(config.crmUrl),
        AnswersArchiveService,
        KnownOperationsService,
        KnownOperationsRepository,
        approvalsProvider(config.identityUrl),
        BrandDaysRepository,
        BrandDaysService,
        IssuanceService,
        RuleBookService,
        EarningRulesService,
        EarningRulesRepository,
        OrdersService,
        OrderReturnsService,
        DeliveriesService,
        PurchasesService,
        PurchasesRepository,
        RewardsService,
        DeclinedRewardsRepository,
        DebtWriteOffsService,
        DebtWriteOffsRepository,
        MemberTiersService,
        TiersRepository,
        GrantsService,
        QuotesService,
        QuotesRepository,
        AuthorizationsService,
        AuthorizationsReaderService,
        AuthorizationsRepository,
        CapturesService,
        ExpirationsService,
        WalletReaderService,
        WalletViewsService,
        WalletRepository,
        OutstandingRepository,
        SpentRepository,
        DrawOrderRepository,
        { provide: INVARIANTS, useClass: BooksService },
      ],
    };
  }
}
