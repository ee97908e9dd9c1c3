import type { DataSourceOptions, EntitySchema, MixedList } from 'typeorm';
import { pgTypes, SESSION_LIMITS } from './connection.js';

export type Entities = MixedList<(new () => object) | EntitySchema>;

/** How a service's TypeORM data source is set up: no schema synchronisation, the project's types and limits. */
export function dataSourceOptions(
  url: string,
  applicationName: string,
  poolSize: number,
  entities: Entities = [],
): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    applicationName,
    poolSize,
    entities: entities as (new () => object)[],
    synchronize: false,
    migrationsRun: false,
    logging: false,
    connectTimeoutMS: 5_000,
    poolErrorHandler: () => undefined,
    extra: { types: pgTypes, keepAlive: true, ...SESSION_LIMITS },
  };
}
