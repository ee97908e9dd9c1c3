import { Body, Controller, HttpCode, Param, Put } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { InternalRoute } from '#libs/auth';
import { BodyLimit } from '#libs/http';
import { fail } from '#libs/kernel';
import { BrandDirectory } from './brand-directory.js';
import { isBrandSnapshot } from './brand-snapshot.js';

/** Size of ten thousand stores with the longest names. Bytes. */
const LARGEST_BRAND = 8 * 1024 * 1024;

/** Route to which partners pushes a change right after its commit, so that a suspension takes effect before the event arrives. */
@ApiExcludeController()
@Controller('internal/v1/brands')
export class BrandsController {
  constructor(private readonly directory: BrandDirectory) {}

  @Put(':slug')
  @BodyLimit(LARGEST_BRAND)
  @HttpCode(204)
  @InternalRoute('partners')
  async push(@Param('slug') slug: string, @Body() snapshot: Record<string, unknown>): Promise<void> {
    if (!isBrandSnapshot(snapshot, slug)) fail('validation_failed', { detail: 'Not a snapshot of this brand.' });
    await this.directory.apply(snapshot);
  }
}
