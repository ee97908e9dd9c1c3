import { Controller, Get, Param } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { InternalRoute } from '#libs/auth';
import type { BrandSnapshot } from '#libs/directory';
import { MAX_PAGE } from '#libs/kernel';
import { BrandsService } from './brands.service.js';
import { snapshotOf } from './brand-record.js';

/** What a service asks that has not heard of a brand yet. */
@ApiExcludeController()
@Controller('internal/v1/brands')
export class InternalBrandsController {
  constructor(private readonly brands: BrandsService) {}

  @Get()
  @InternalRoute()
  async list(): Promise<{ data: BrandSnapshot[] }> {
    const data: BrandSnapshot[] = [];
    let after: string | undefined;
    do {
      const page = await this.brands.list(MAX_PAGE, after);
      data.push(...page.data.map(snapshotOf));
      after = page.page.after ?? undefined;
    } while (after !== undefined);
    return { data };
  }

  @Get(':slug')
  @InternalRoute()
  async get(@Param('slug') slug: string): Promise<BrandSnapshot> {
    return snapshotOf(await this.brands.get(slug));
  }
}
