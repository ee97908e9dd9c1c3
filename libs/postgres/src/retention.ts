import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { DataSource, EntityManager } from 'typeorm';
import { Job } from '#libs/jobs';
import { monotonicMs } from '#libs/kernel';
import { counter, gauge } from '#libs/observability';
import { runInTransaction } from './transaction.js';

const EVERY_MS = 10_000;
const BATCH = 5_000;

const behind = gauge(
  'hezong_retention_behind_seconds',
  'By how much the oldest row of a table exceeds its retention time.',
  ['service', 'table'],
);
const removed = counter('hezong_retention_rows_total', 'Rows deleted after their retention time.', [
  'service',
  'table',
]);

export interface Expiring {
  readonly table: string;
  /** The timestamptz column that gives a row's age: first in an index of the rows of `where`. */
  readonly at: string;
  /** How long a row stays, milliseconds. */
  readonly keepMs: number;
  /** SQL condition of the rows that may be deleted. */
  readonly where?: string;
}

/** Other data that grow and have their own clean-up. */
export interface Trimmed {
  readonly name: string;
  /** Removes a bounded number of expired items and returns how many; 0 when there are no more. */
  trim(): Promise<number>;
}

interface Gone {
  readonly rows: number;
  readonly last: Date | null;
}

/**
 * Deletes expired rows of a service's tables, in batches small enough to block nobody, until none are left, so that a table never grows
 * beyond its retention at any write rate. Only one process works on a table at a time.
 */
export class Retention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Retention.name);
  private readonly tables: Expiring[] = [];
  private readonly others: Trimmed[] = [];
  readonly job: Job;

  constructor(
    private readonly dataSource: DataSource,
    private readonly service: string,
    private readonly everyMs = EVERY_MS,
  ) {
    this.job = new Job(Retention.name, everyMs, (stopping) => this.run(stopping));
  }

  add(...tables: readonly Expiring[]): void {
    this.tables.push(...tables);
  }

  trim(...others: readonly Trimmed[]): void {
    this.others.push(...others);
  }

  onApplicationBootstrap(): void {
    this.job.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.job.stop();
  }

  private async run(stopping: AbortSignal): Promise<void> {
    for (const table of this.tables) await this.cut(table, stopping);
    for (const other of this.others) await this.each(other.name, stopping, () => other.trim());
  }

  private async cut(table: Expiring, stopping: AbortSignal): Promise<void> {
    const labels = { service: this.service, table: table.table };
    let from = new Date(0);
    await this.each(table.table, stopping, async () => {
      const { rows, last } = await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
        removeSome(tx, table, from),
      );
      from = last ?? from;
      removed.inc(labels, rows);
      return rows < BATCH ? 0 : rows;
    });
    await runInTransaction(this.dataSource, { brand: '*' }, (tx) => overdue(tx, table)).then(
      (seconds) => behind.set(labels, seconds),
      // unknown: assumes that nothing was removed since
      () => behind.inc(labels, this.everyMs / 1_000),
    );
  }

  /** Repeats while there are rows to remove, working at most half of the time. */
  private async each(name: string, stopping: AbortSignal, batch: () => Promise<number>): Promise<void> {
    try {
      while (!stopping.aborted) {
        const began = monotonicMs();
        if ((await batch()) === 0) return;
        await sleep(monotonicMs() - began, undefined, { signal: stopping, ref: false }).catch(() => undefined);
      }
    } catch (error) {
      this.logger.warn(`${name} keeps expired rows for now: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

const NOTHING: Gone = { rows: 0, last: null };

/** The oldest expired rows, from a time below which there are none: the index entries of deleted rows are not scanned again. */
async function removeSome(tx: EntityManager, { table, at, keepMs, where }: Expiring, from: Date): Promise<Gone> {
  const [may] = await tx.query<{ there: boolean; mine: boolean }[]>(
    `select to_regclass($1) is not null as there, pg_try_advisory_xact_lock(hashtext('hezong.retention.' || $1)) as mine`,
    [table],
  );
  if (may?.there !== true || !may.mine) return NOTHING;
  const [gone] = await tx.query<{ rows: bigint; last: Date | null }[]>(
    `with gone as (
       delete from ${table} where ctid = any (array(
         select ctid from ${table}
         where ${at} >= $1 and ${at} < clock_timestamp() - $2 * interval '1 millisecond' and (${where ?? 'true'})
         order by ${at} limit ${BATCH}))
       returning ${at} as at)
     select count(*) as rows, max(at) as last from gone`,
    [from, keepMs],
  );
  return { rows: Number(gone?.rows ?? 0), last: gone?.last ?? null };
}

/** Seconds by which the oldest row exceeds its retention. */
async function overdue(tx: EntityManager, { table, at, keepMs, where }: Expiring): Promise<number> {
  const [found] = await tx.query<{ there: boolean }[]>('select to_regclass($1) is not null as there', [table]);
  if (found?.there !== true) return 0;
  const [row] = await tx.query<{ seconds: number | null }[]>(
    `select extract(epoch from clock_timestamp() - ${at})::float - $1::float / 1000 as seconds
     from ${table} where (${where ?? 'true'}) order by ${at} limit 1`,
    [keepMs],
  );
  return Math.max(0, row?.seconds ?? 0);
}
