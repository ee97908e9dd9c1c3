import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { ServiceConfig } from '#libs/config';
import { dataSourceOptions } from './data-source.js';
import type { Entities } from './data-source.js';

/** Gives a service its TypeORM `DataSource` (injectable by that class), connected as the non-owner role. */
@Module({})
export class PostgresModule {
  static forService(
    config: Pick<ServiceConfig, 'databaseUrl' | 'databasePool'>,
    options: { service: string; entities?: Entities },
  ): DynamicModule {
    return {
      module: PostgresModule,
      imports: [
        TypeOrmModule.forRoot({
          ...dataSourceOptions(config.databaseUrl, `hezong-${options.service}`, config.databasePool, options.entities),
          retryAttempts: 20,
          retryDelay: 500,
        }),
      ],
    };
  }
}
