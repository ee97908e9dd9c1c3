import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { DirectoryModule, memberLinksConsumer } from '#libs/directory';
import { INVARIANTS } from '#libs/http';
import { MessagingModule } from '#libs/messaging';
import { PostgresModule, ReaderKey } from '#libs/postgres';
import { CycleStepsService } from './cycles/cycle-steps.service.js';
import { CyclesController } from './cycles/cycles.controller.js';
import { CyclesRepository } from './cycles/cycles.repository.js';
import { DueFreezesService } from './cycles/due-freezes.service.js';
import { FreezeService } from './cycles/freeze.service.js';
import { FreezesRepository } from './cycles/freezes.repository.js';
import { CyclesService } from './cycles/cycles.service.js';
import { CYCLES, FREEZES } from './cycles/cycles.tables.js';
import { OperatorCyclesController } from './cycles/operator-cycles.controller.js';
import { SettledService } from './cycles/settled.service.js';
import { CommissionsConsumer } from './commissions/commissions.consumer.js';
import { ConversionsConsumer } from './conversions/conversions.consumer.js';
import { EntriesConsumer } from './entries/entries.consumer.js';
import { EntriesRepository } from './entries/entries.repository.js';
import { EntriesService } from './entries/entries.service.js';
import { ResultsAuditRepository } from './invariants/results-audit.repository.js';
import { SettlementInvariantsService } from './invariants/settlement-invariants.service.js';
import { DaysRepository } from './days/days.repository.js';
import { DaysService } from './days/days.service.js';
import { DueDaysService } from './days/due-days.service.js';
import { ReaderIdsService } from './ids/reader-ids.service.js';
import { LinesService } from './lines/lines.service.js';
import { NettingRepository } from './netting/netting.repository.js';
import { NettingService } from './netting/netting.service.js';
import { OpeningsController, OperatorOpeningsController } from './openings/openings.controller.js';
import { OpeningsRepository } from './openings/openings.repository.js';
import { OpeningsService } from './openings/openings.service.js';
import { PositionsRepository } from './positions/positions.repository.js';
import { PositionsService } from './positions/positions.service.js';
import type { SettlementConfig } from './settlement.config.js';
import { SourcesRepository } from './sources/sources.repository.js';
import { SourcesService } from './sources/sources.service.js';
import { StatementDraftsService } from './statements/statement-drafts.service.js';
import { OperatorStatementsController } from './statements/operator-statements.controller.js';
import { RowsService } from './statements/rows.service.js';
import { StatementFileService } from './statements/statement-file.service.js';
import { StatementFreezeService } from './statements/statement-freeze.service.js';
import { StatementsController } from './statements/statements.controller.js';
import { StatementsRepository } from './statements/statements.repository.js';
import { StatementsService } from './statements/statements.service.js';
import { VerificationController } from './verification/verification.controller.js';
import { ResultsService } from './verification/results.service.js';
import { VerificationService } from './verification/verification.service.js';

@Module({})
export class SettlementModule {
  static forConfig(config: SettlementConfig): DynamicModule {
    return {
      module: SettlementModule,
      imports: [
        PostgresModule.forService(config, { service: 'settlement', tables: [CYCLES, FREEZES] }),
        MessagingModule.forService(config),
        DirectoryModule.forService(config, { group: 'settlement.brands' }),
      ],
      controllers: [
        EntriesConsumer,
        CommissionsConsumer,
        ConversionsConsumer,
        memberLinksConsumer('settlement.links'),
        CyclesController,
        OperatorCyclesController,
        StatementsController,
        OperatorStatementsController,
        VerificationController,
        OpeningsController,
        OperatorOpeningsController,
      ],
      providers: [
        CyclesRepository,
        CyclesService,
        CycleStepsService,
        FreezesRepository,
        FreezeService,
        DueFreezesService,
        SettledService,
        EntriesRepository,
        EntriesService,
        NettingRepository,
        NettingService,
        PositionsRepository,
        PositionsService,
        LinesService,
        ReaderKey,
        ReaderIdsService,
        DaysRepository,
        DaysService,
        DueDaysService,
        OpeningsRepository,
        OpeningsService,
        RowsService,
        StatementDraftsService,
        StatementsRepository,
        StatementsService,
        StatementFileService,
        StatementFreezeService,
        ResultsService,
        VerificationService,
        SourcesRepository,
        SourcesService,
        ResultsAuditRepository,
        { provide: INVARIANTS, useClass: SettlementInvariantsService },
      ],
    };
  }
}
