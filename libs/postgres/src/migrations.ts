import { DataSource } from 'typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Connection } from './connection.js';
import { dataSourceOptions } from './data-source.js';

/**
 * SQL that verifies a change of data. `before` returns one row, kept as JSON; `after` gets that JSON as $1 and returns one row with one
 * boolean. Both run in the migration's own transaction, in every environment, so a migration that corrupts data is rolled back.
 */
export interface MigrationProof {
  before: string;
  after: string;
}

export interface MigrationSpec {
  /** Four digits: the order in which the migrations of a service run. */
  id: string;
  name: string;
  up: string | ((runner: QueryRunner) => Promise<void>);
  proof?: MigrationProof;
}

export type Migration = new () => MigrationInterface;

/** A numbered migration, forward only: the next one corrects its faults. */
export function defineMigration(spec: MigrationSpec): Migration {
  if (!/^\d{4}$/.test(spec.id)) throw new Error(`migration id ${spec.id} is not four digits`);
  return class implements MigrationInterface {
    // TypeORM orders migrations by the last thirteen characters of their names
    readonly name = `${spec.name.replaceAll(/[^A-Za-z0-9]/g, '')}${spec.id.padStart(13, '0')}`;

    async up(runner: QueryRunner): Promise<void> {
      const before = spec.proof === undefined ? [] : ((await runner.query(spec.proof.before)) as unknown[]);
      await (typeof spec.up === 'string' ? runner.query(spec.up) : spec.up(runner));
      if (spec.proof === undefined) return;
      const after = (await runner.query(spec.proof.after, [
        JSON.stringify(before[0] ?? null, (_key, value: unknown) =>
          typeof value === 'bigint' ? value.toString() : value,
        ),
      ])) as Record<string, unknown>[];
      if (Object.values(after[0] ?? {})[0] !== true)
        throw new Error(`migration ${spec.id} ${spec.name}: its proof does not hold afterwards`);
    }

    async down(): Promise<void> {
      throw new Error('migrations go forward only');
    }
  };
}

/** TypeORM sorts by number and does not define the order of equal numbers. */
function assertOrder(migrations: readonly Migration[]): void {
  const numbers = migrations.map((migration) => new migration().name?.slice(-4) ?? '');
  const wrong = numbers.find((number, at) => number <= (numbers[at - 1] ?? ''));
  if (wrong !== undefined) throw new Error(`migration ${wrong} does not come after the one before it`);
}

/** Runs a service's missing migrations as the owner role; returns their names, in the order of their numbers. */
export async function migrate(migrationUrl: string, migrations: readonly Migration[]): Promise<string[]> {
  assertOrder(migrations);
  const dataSource = new DataSource({
    ...dataSourceOptions(migrationUrl, 'hezong-migrate', 1),
    migrations: [...migrations],
    migrationsTableName: 'migration',
    migrationsTransactionMode: 'each',
    extra: { Client: Connection, lock_timeout: 10_000 },
  });
  await dataSource.initialize();
  try {
    // one migrator at a time, across all processes
    await dataSource.query('select pg_advisory_lock(715001)');
    const ran = await dataSource.runMigrations();
    return ran.map((migration) => migration.name);
  } finally {
    await dataSource.destroy();
  }
}
