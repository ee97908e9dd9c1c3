import type { DynamicModule } from '@nestjs/common';
import { BrandDirectory, DIRECTORY_OPTIONS } from './brand-directory.js';
import type { DirectoryOptions } from './brand-directory.js';
import { BrandsController } from './brands.controller.js';
import { brandsConsumer } from './brands.consumer.js';

/** Brings {@link BrandDirectory}, its consumer (in group `options.group`) and the internal push route into a service. */
export class DirectoryModule {
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
