import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { BrandStandings } from '#libs/auth';
import { mayAct } from './brand.js';
import { BrandDirectory, DIRECTORY_OPTIONS } from './brand-directory.js';
import type { DirectoryOptions } from './brand-directory.js';
import { BrandsController } from './brands.controller.js';
import { brandsConsumer } from './brands.consumer.js';

/**
 * Adds {@link BrandDirectory}, its consumer (in group `options.group`) and the internal push route to a service, and registers the look-up
 * of brands that may act.
 */
@Module({})
export class DirectoryModule {
  constructor(directory: BrandDirectory, standings: BrandStandings) {
    standings.use((slug) => {
      const brand = directory.peek(slug);
      if (brand !== undefined) return mayAct(brand);
      // an unknown brand has nothing here to act on
      return directory.get(slug).then((found) => found === null || mayAct(found));
    });
  }

  static forService(
    config: { readonly databaseUrl: string; readonly partnersUrl: string },
    options: { readonly group: string },
  ): DynamicModule {
    const directory: DirectoryOptions = { databaseUrl: config.databaseUrl, partnersUrl: config.partnersUrl };
    return {
      module: DirectoryModule,
      global: true,
      controllers: [BrandsController, brandsConsumer(options.group)],
      providers: [{ provide: DIRECTORY_OPTIONS, useValue: directory }, BrandDirectory],
      exports: [BrandDirectory],
    };
  }
}
