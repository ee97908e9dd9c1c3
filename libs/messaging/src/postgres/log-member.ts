import type pg from 'pg';
import { uuidv7 } from '#libs/kernel';

export interface OwnedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Increases with every change of owner; commits with an older value are refused. */
  readonly epoch: bigint;
  position: bigint;
  /** Another member is to take the partition: give it up when none of its records is in work. */
  excess: boolean;
  /** The next record is not due yet: skip the partition until then (monotonic milliseconds). */
  notBefore: number;
}

interface HeartbeatRow {
  readonly topic: string;
  readonly part: number;
  readonly committed: bigint;
  readonly epoch: bigint;
  readonly keep: boolean;
}

/** This process as a member of one consumer group: lease, partitions, fenced commits. */
export class LogMember {
  readonly id = uuidv7();
  private readonly partitions = new Map<string, OwnedPartition>();
  private beating: Promise<void> | null = null;

  constructor(
    private readonly pool: pg.Pool,
    private readonly group: string,
    private readonly topics: readonly string[],
    private readonly leaseMs: number,
  ) {}

  owned(): OwnedPartition[] {
    return [...this.partitions.values()];
  }

  owns(partition: OwnedPartition): boolean {
    return this.partitions.get(nameOf(partition)) === partition;
  }

  /** Renews the lease and loads the owned partitions. One call at a time. */
  heartbeat(): Promise<void> {
    this.beating ??= this.beat().finally(() => (this.beating = null));
    return this.beating;
  }

  /** Stores positions; drops partitions that another member has taken. Returns whether all were stored. */
  async commit(done: readonly OwnedPartition[]): Promise<boolean> {
    const { rows } = await this.pool.query<{ topic: string; part: number }>({
      name: 'log-commit',
      text: 'select topic, part from log_commit($1, $2::uuid, $3::text[], $4::integer[], $5::bigint[], $6::bigint[])',
      values: [this.group, this.id, ...columns(done), done.map((item) => item.position.toString())],
    });
    if (rows.length === done.length) return true;
    const stored = new Set(rows.map((row) => `${row.topic}/${row.part}`));
    for (const item of done) if (!stored.has(nameOf(item))) this.partitions.delete(nameOf(item));
    return false;
  }

  /** Gives up partitions that another member is to take. */
  async giveUpExcess(): Promise<void> {
    const excess = this.owned().filter((item) => item.excess);
    if (excess.length > 0) await this.giveUp(excess);
  }

  /** Leaves the group: others may take its partitions immediately. */
  async leave(): Promise<void> {
    await this.beating?.catch(() => undefined);
    await this.giveUp(this.owned());
    await this.pool.query('delete from log_member where consumer_group = $1 and member = $2', [this.group, this.id]);
    await this.pool.query(`select pg_notify('hezong_log', 'group:' || $1)`, [this.group]);
  }

  private async giveUp(items: readonly OwnedPartition[]): Promise<void> {
    for (const item of items) this.partitions.delete(nameOf(item));
    if (items.length === 0) return;
    await this.pool.query(
      `with freed as (
         update log_progress p set owner = null
         from unnest($3::text[], $4::integer[], $5::bigint[]) as d (topic, part, epoch)
         where p.consumer_group = $1 and p.owner = $2 and p.topic = d.topic and p."partition" = d.part and p.epoch = d.epoch)
       select pg_notify('hezong_log', 'group:' || $1)`,
      [this.group, this.id, ...columns(items)],
    );
  }

  private async beat(): Promise<void> {
    const { rows } = await this.pool.query<HeartbeatRow>({
      name: 'log-heartbeat',
      text: 'select * from log_heartbeat($1, $2::uuid, $3::text[], $4::interval)',
      values: [this.group, this.id, this.topics, `${this.leaseMs} milliseconds`],
    });
    const seen = new Set<string>();
    for (const row of rows) {
      const name = `${row.topic}/${row.part}`;
      seen.add(name);
      const known = this.partitions.get(name);
      if (known?.epoch === row.epoch) known.excess = !row.keep;
      else
        this.partitions.set(name, {
          topic: row.topic,
          partition: row.part,
          epoch: row.epoch,
          position: row.committed,
          excess: !row.keep,
          notBefore: 0,
        });
    }
    for (const name of this.partitions.keys()) if (!seen.has(name)) this.partitions.delete(name);
  }
}

function nameOf(item: { topic: string; partition: number }): string {
  return `${item.topic}/${item.partition}`;
}

function columns(items: readonly OwnedPartition[]): [string[], number[], string[]] {
  return [
    items.map((item) => item.topic),
    items.map((item) => item.partition),
    items.map((item) => item.epoch.toString()),
  ];
}
