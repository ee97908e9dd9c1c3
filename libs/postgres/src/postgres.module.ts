import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import type { EntitySchema } from 'typeorm';
import type { ServiceConfig } from '#libs/config';
import { dataSourceOptions } from './data-source.js';
import { Retention } from './retention.js';

/**
 * Provides a service's TypeORM `DataSource` (injectable by that class), connected as the non-owner role, and the retention of its tables.
 */
@Module({})
export class PostgresModule {
  static forService(
    config: Pick<ServiceConfig, 'databaseUrl' | 'databasePool'>,
    options: { service: string; tables?: EntitySchema[]; retentionEveryMs?: number },
  ): DynamicModule {
    return {
      module: PostgresModule,
      global: true,
      imports: [
        TypeOrmModule.forRoot({
          ...dataSourceOptions(config.databaseUrl, `hezong-${options.service}`, config.databasePool, options.tables),
          retryAttempts: 20,
          retryDelay: 500,
        }),
      ],
      providers: [
        {
          provide: Retention,
          inject: [DataSource],
          useFactory: (dataSource: DataSource) => new Retention(dataSource, options.service, options.retentionEveryMs),
        },
      ],
      exports: [Retention],
    };
  }
}
