import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { approvalsProvider, INVARIANTS } from '#libs/http';
import { MessagingModule } from '#libs/messaging';
import { PostgresModule } from '#libs/postgres';
import { BrandChangesService } from './brands/brand-changes.service.js';
import { BrandsController } from './brands/brands.controller.js';
import { BrandsInternalController } from './brands/brands.internal.controller.js';
import { BrandsRepository } from './brands/brands.repository.js';
import { BrandsService } from './brands/brands.service.js';
import { BRANDS } from './brands/brands.tables.js';
import { ContractInvariantsService } from './contracts/contract-invariants.service.js';
import { ContractsController } from './contracts/contracts.controller.js';
import { ContractsRepository } from './contracts/contracts.repository.js';
import { ContractsService } from './contracts/contracts.service.js';
import { CONTRACTS } from './contracts/contracts.tables.js';
import { PARTNERS_CONFIG } from './partners.config.js';
import type { PartnersConfig } from './partners.config.js';
import { TestClockController } from './test-clock/test-clock.controller.js';
import { TestClockRepository } from './test-clock/test-clock.repository.js';
import { TestClockService } from './test-clock/test-clock.service.js';

@Module({})
export class PartnersModule {
  static forService(config: PartnersConfig): DynamicModule {
    return {
      module: PartnersModule,
      imports: [
        PostgresModule.forService(config, { service: 'partners', tables: [BRANDS, CONTRACTS] }),
        MessagingModule.forService(config, {}),
      ],
      controllers: [BrandsController, BrandsInternalController, ContractsController, TestClockController],
      providers: [
        { provide: PARTNERS_CONFIG, useValue: config },
        approvalsProvider(config.identityUrl),
        BrandsRepository,
        BrandChangesService,
        BrandsService,
        ContractsRepository,
        ContractsService,
        { provide: INVARIANTS, useClass: ContractInvariantsService },
        TestClockRepository,
        TestClockService,
      ],
    };
  }
}
