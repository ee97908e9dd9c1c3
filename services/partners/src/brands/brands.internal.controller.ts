import { Controller, Get, Param } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { InternalRoute } from '#libs/auth';
import type { BrandSnapshot } from '#libs/directory';
import { BrandsService } from './brands.service.js';
import { snapshotOf } from './brand-record.js';

/** Answers services that have no copy of a brand yet. */
@ApiExcludeController()
@Controller('internal/v1/brands')
export class BrandsInternalController {
  constructor(private readonly brands: BrandsService) {}

  @Get(':slug')
  @InternalRoute('identity', 'crm', 'ledger', 'settlement', 'membership', 'referrals')
  async get(@Param('slug') slug: string): Promise<BrandSnapshot> {
    return snapshotOf(await this.brands.get(slug));
  }
}
