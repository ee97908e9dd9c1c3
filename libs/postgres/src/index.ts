export {
  bigint,
  boolean,
  bytea,
  date,
  decimal,
  filled,
  integer,
  json,
  jsonb,
  key,
  numeric,
  orNull,
  smallint,
  text,
  texts,
  timestamptz,
  uuid,
} from './column.js';
export { createClient, createPool, pgTypes, SESSION_LIMITS, withClient } from './connection.js';
export { dataSourceOptions } from './data-source.js';
export { isConnectionLoss, isTransient, sqlState, violatedConstraint } from './faults.js';
export { listen } from './listen.js';
export { defineMigration, migrate } from './migrations.js';
export type { Migration, MigrationProof, MigrationSpec } from './migrations.js';
export { PostgresModule } from './postgres.module.js';
export { dutiesOf, newRolePasswords, provision, provisionRoles, withDatabase } from './provision.js';
export type { ProvisionedDatabase, RolePasswords } from './provision.js';
export { ReaderKey, readerKeySql } from './reader-key.js';
export { Retention } from './retention.js';
export type { Expiring, Trimmed } from './retention.js';
export { defineRows, defineTable, Table } from './table.js';
export type { InsertOf, RowOf, StoredRow } from './table.js';
export { appendOnlySql, brandPolicySql } from './tables.js';
export { runAudit, runInTransaction } from './transaction.js';
export type { RowContext, TransactionOptions } from './transaction.js';
