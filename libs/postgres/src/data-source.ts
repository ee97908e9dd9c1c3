import type { DataSourceOptions, EntitySchema } from 'typeorm';
import { Connection, pgTypes, SESSION_LIMITS } from './connection.js';

/** Options of a service's TypeORM data source: no schema synchronisation, the project's types and limits. */
export function dataSourceOptions(
  url: string,
  applicationName: string,
  poolSize: number,
  tables: EntitySchema[] = [],
): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    applicationName,
    poolSize,
    entities: tables,
    synchronize: false,
    migrationsRun: false,
    logging: false,
    connectTimeoutMS: 5_000,
    poolErrorHandler: () => undefined,
    extra: { Client: Connection, types: pgTypes, keepAlive: true, ...SESSION_LIMITS },
  };
}
