import { setTimeout as sleep } from 'node:timers/promises';
import { randomInt } from 'node:crypto';
import { escapeLiteral } from 'pg';
import type { ClientBase } from 'pg';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { fail } from '#libs/kernel';
import { isConnectionLoss, isTransient } from './faults.js';

/** Rows visible to a transaction: one brand's, or (`'*'`) all brands', for the operator and the network itself. */
export interface RowContext {
  brand: string;
}

export interface TransactionOptions {
  isolation?: 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';
  /** Further attempts after a deadlock or serialization failure. Default 3. */
  retries?: number;
}

/** TypeORM's internal state of its transaction. */
interface TransactionState {
  isTransactionActive: boolean;
  transactionDepth: number;
}

/**
 * Starts the transaction and sets its context in one round trip: half of all transactions are so small that a second one is noticeable.
 * TypeORM's state is updated, so that a commit, a rollback or a nested transaction works.
 */
async function begin(
  runner: QueryRunner,
  context: RowContext,
  isolation: TransactionOptions['isolation'],
): Promise<void> {
  const client = (await runner.connect()) as ClientBase;
  const level = isolation === undefined ? '' : ` isolation level ${isolation}`;
  const brand = escapeLiteral(context.brand);
  await client.query(`start transaction${level}; select set_config('hezong.brand', ${brand}, true)`);
  Object.assign(runner, { isTransactionActive: true, transactionDepth: 1 } satisfies TransactionState);
}

async function attempt<T>(
  runner: QueryRunner,
  context: RowContext,
  work: (tx: EntityManager) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  let committing = false;
  try {
    await begin(runner, context, options.isolation);
    const result = await work(runner.manager);
    committing = true;
    await runner.commitTransaction();
    return result;
  } catch (error) {
    // TypeORM releases the runner of a broken connection
    if (isConnectionLoss(error) || runner.isReleased)
      return fail(committing ? 'outcome_unknown' : 'unavailable', {}, error);
    if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
    throw error;
  }
}

/**
 * Runs the work in one transaction that sees only the rows of its context (row-level security by SET LOCAL).
 * Deadlocks and serialization failures are retried with jitter, so the work must have no effect outside the transaction.
 * @throws DomainError `unavailable` when the database is away, `outcome_unknown` when it went away during the commit
 */
export async function runInTransaction<T>(
  dataSource: DataSource,
  context: RowContext,
  work: (tx: EntityManager) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  for (let left = options.retries ?? 3; ; left -= 1) {
    const runner = dataSource.createQueryRunner();
    try {
      try {
        await runner.connect();
      } catch (error) {
        if (isConnectionLoss(error)) fail('unavailable', {}, error);
        throw error;
      }
      return await attempt(runner, context, work, options);
    } catch (error) {
      if (left <= 0 || !isTransient(error)) throw error;
    } finally {
      await runner.release().catch(() => undefined);
    }
    await sleep(randomInt(5, 50));
  }
}

/** Time limit of an audit, ms: it reads whole tables. */
const AUDIT_MS = 120_000;

/**
 * Reads everything in one snapshot, for audits. Joins are hash or merge joins, whatever the statistics say: new tables have none, and a
 * table that seems empty would be read again for each row of another.
 */
export function runAudit<T>(dataSource: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  return runInTransaction(
    dataSource,
    { brand: '*' },
    async (tx) => {
      await tx.query(`select set_config('enable_nestloop', 'off', true), set_config('statement_timeout', $1, true)`, [
        `${AUDIT_MS}`,
      ]);
      return work(tx);
    },
    { isolation: 'REPEATABLE READ' },
  );
}
