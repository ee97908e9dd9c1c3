import type pg from 'pg';
import { groupBy } from '#libs/kernel';
import { bytesOf } from '../ports.js';
import type { EventLog, GroupLag, LogEntry, PartitionProgress, Subscription, TopicDeclaration } from '../ports.js';
import { LogHub } from './log-hub.js';
import { LOG_SCHEMA } from './log-schema.js';

/** Records removed per statement. */
const TRIM = 5_000;

/** Event log in its own PostgreSQL database: for a small alliance on one machine, or a laptop without a JVM. */
export class PostgresEventLog implements EventLog {
  private readonly hub: LogHub;
  private readonly pool: pg.Pool;
  private partitions: Map<string, number> | null = null;

  constructor(databaseUrl: string) {
    this.hub = LogHub.acquire(databaseUrl);
    this.pool = this.hub.pool;
  }

  async append(entries: readonly LogEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const partitions = await this.partitionsOf(entries);
    await this.pool.query({
      name: 'log-append',
      text: 'select log_append($1::text[], $2::integer[], $3::text[], $4::text[], $5::bytea[])',
      values: [
        entries.map((entry) => entry.topic),
        partitions,
        entries.map((entry) => entry.key),
        entries.map((entry) => JSON.stringify(entry.headers)),
        entries.map(bytesOf),
      ],
    });
  }

  async lag(subscriptions: readonly Subscription[]): Promise<GroupLag[]> {
    if (subscriptions.length === 0) return [];
    const { rows } = await this.pool.query<PartitionProgress & { group: string }>({
      name: 'log-lag',
      text: `select s.consumer_group as "group", p.topic, p."partition", p.next_offset as "end",
                    greatest(coalesce(g.committed, 0), p.first_offset) as handled
             from unnest($1::text[], $2::text[]) as s (consumer_group, topic)
             join log_partition p on p.topic = s.topic
             left join log_progress g
               on g.consumer_group = s.consumer_group and g.topic = p.topic and g."partition" = p."partition"`,
      values: [
        subscriptions.flatMap(({ group, topics }) => topics.map(() => group)),
        subscriptions.flatMap(({ topics }) => [...topics]),
      ],
    });
    const byGroup = groupBy(rows, ({ group }) => group);
    return subscriptions.map(({ group }) => ({
      group,
      progress: (byGroup.get(group) ?? []).map(({ topic, partition, end, handled }) => ({
        topic,
        partition,
        end,
        handled,
      })),
    }));
  }

  async topics(): Promise<Map<string, number>> {
    const { rows } = await this.pool.query<{ topic: string; partitions: number }>(
      'select topic, partitions from log_topic',
    );
    return new Map(rows.map((row) => [row.topic, row.partitions]));
  }

  async declare(topics: readonly TopicDeclaration[]): Promise<string[]> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      // two concurrent deployment steps must not race on "create if not exists"
      await client.query(`select pg_advisory_xact_lock(hashtext('hezong.log.declare'))`);
      await client.query(LOG_SCHEMA);
      await client.query(
        `insert into log_topic
         select * from unnest($1::text[], $2::integer[], $3::boolean[], $4::integer[], $5::integer[])
         on conflict (topic) do update
           set compacted = excluded.compacted, retention_days = excluded.retention_days, tombstone_days = excluded.tombstone_days`,
        [
          topics.map((topic) => topic.name),
          topics.map((topic) => topic.partitions),
          topics.map((topic) => topic.compacted ?? false),
          topics.map((topic) => topic.retentionDays ?? null),
          topics.map((topic) => topic.tombstoneDays ?? 1),
        ],
      );
      await client.query(
        `insert into log_partition (topic, "partition")
         select t.topic, n from log_topic t cross join generate_series(0, t.partitions - 1) as n on conflict do nothing`,
      );
      await client.query(`grant execute on function log_append, log_commit, log_heartbeat, log_clean to public`);
      await client.query('commit');
      return [];
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }

  async rewind({ group, topics }: Subscription): Promise<void> {
    const { rowCount } = await this.pool.query(
      'select from log_member where consumer_group = $1 and lease_until > clock_timestamp()',
      [group],
    );
    if (rowCount !== 0) throw new Error(`group ${group} has running members: stop their service and wait ten seconds`);
    await this.pool.query(
      `update log_progress p set epoch = epoch + 1, owner = null,
         committed = 0
       where consumer_group = $1 and topic = any ($2::text[])`,
      [group, topics],
    );
  }

  async ready(): Promise<boolean> {
    await this.pool.query('select 1');
    return true;
  }

  async close(): Promise<void> {
    await this.hub.release();
  }

  async trim(): Promise<number> {
    const { rows } = await this.pool.query<{ gone: number }>('select log_clean($1) as gone', [TRIM]);
    return rows[0]?.gone ?? 0;
  }

  private async partitionsOf(entries: readonly LogEntry[]): Promise<number[]> {
    if (this.partitions === null || entries.some((entry) => this.partitions?.has(entry.topic) !== true)) {
      this.partitions = await this.topics();
    }
    const known = this.partitions;
    return entries.map((entry) => {
      const count = known.get(entry.topic);
      if (count === undefined) throw new Error(`topic ${entry.topic} is not declared`);
      return keyHash(entry.key) % count;
    });
  }
}

/** FNV-1a, 32 bits: maps a key to its partition; must never change. */
function keyHash(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
