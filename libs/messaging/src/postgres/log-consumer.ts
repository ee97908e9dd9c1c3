import { Logger } from '@nestjs/common';
import { monotonicMs, systemNow } from '#libs/kernel';
import { breathe } from '../pipeline/breath.js';
import type { Heartbeat } from '../pipeline/group-pipeline.js';
import { Doze } from '../doze.js';
import type { DelayOf } from '../pipeline/retry-topics.js';
import type { LogRecord } from '../ports.js';
import { LogHub } from './log-hub.js';
import { LogMember, type OwnedPartition } from './log-member.js';

const SAFETY_POLL_MS = 1_500;
const ERROR_PAUSE_MS = 500;
const BATCH = 500;

interface RecordRow {
  readonly topic: string;
  readonly part: number;
  readonly position: bigint;
  readonly key: string;
  readonly headers: string;
  readonly body: Buffer | null;
  readonly appended_at: Date;
}

export interface LogConsumerOptions {
  readonly databaseUrl: string;
  readonly group: string;
  readonly topics: readonly string[];
  readonly delayOf: DelayOf;
  /** Silence after which others take this member's partitions. */
  readonly leaseMs: number;
  readonly process: (records: readonly LogRecord[], heartbeat: Heartbeat) => Promise<void>;
}

/** Reads a group's share of the log in batches over all its partitions; woken by NOTIFY, otherwise idle. */
export class LogConsumer {
  private readonly logger: Logger;
  private readonly hub: LogHub;
  private readonly member: LogMember;
  private readonly stopping = new AbortController();
  private loop: Promise<void> | null = null;
  private timer: NodeJS.Timeout | undefined;
  private unhear: (() => void) | undefined;
  private wanted = true;
  private readonly doze = new Doze();

  constructor(private readonly options: LogConsumerOptions) {
    this.logger = new Logger(`Log ${options.group}`);
    this.hub = LogHub.acquire(options.databaseUrl);
    this.member = new LogMember(this.hub.pool, options.group, options.topics, options.leaseMs);
  }

  async start(): Promise<void> {
    // the log may be away: a later heartbeat joins
    await this.member.heartbeat().catch((error: unknown) => this.logger.warn(`joins later: ${String(error)}`));
    this.unhear = await this.hub.hear((payload) => this.heard(payload));
    this.timer = setInterval(() => this.beat(), Math.floor(this.options.leaseMs / 3));
    this.loop = this.run();
  }

  /** Finishes the running batch, commits it and leaves the group. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.doze.wake();
    this.unhear?.();
    clearInterval(this.timer);
    await this.loop;
    await this.member.leave().catch((error: unknown) => this.logger.warn(`left without a word: ${String(error)}`));
    await this.hub.release();
  }

  private heard(payload: string | null): void {
    if (payload === null || payload === `group:${this.options.group}`) this.beat();
    else if (payload.startsWith('topic:') && this.options.topics.includes(payload.slice(6))) this.wake();
  }

  private beat(): void {
    this.member.heartbeat().then(
      () => this.wake(),
      (error: unknown) => this.logger.debug(`no heartbeat: ${String(error)}`),
    );
  }

  private wake(): void {
    this.wanted = true;
    this.doze.wake();
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.wanted = false;
      const began = monotonicMs();
      try {
        await this.member.giveUpExcess();
        const readable = this.readable();
        const records = readable.length === 0 ? [] : await this.fetch(readable);
        if (records.length > 0) {
          await this.deliver(readable, records);
          await breathe(records.length, began, this.stopping.signal);
        } else await this.pause(this.nextDue());
      } catch (error) {
        this.logger.warn(`reads again soon: ${error instanceof Error ? error.message : String(error)}`);
        await this.pause(ERROR_PAUSE_MS);
      }
    }
  }

  private readable(): OwnedPartition[] {
    const now = monotonicMs();
    return this.member.owned().filter((partition) => partition.notBefore <= now);
  }

  private async fetch(partitions: readonly OwnedPartition[]): Promise<LogRecord[]> {
    const { rows } = await this.hub.pool.query<RecordRow>({
      name: 'log-fetch',
      text: `select r.topic, r."partition" as part, r."offset" as position, r.key, r.headers, r.body, r.appended_at
             from unnest($1::text[], $2::integer[], $3::bigint[]) as w (topic, part, position)
             cross join lateral (
               select * from log_record l
               where l.topic = w.topic and l."partition" = w.part and l."offset" >= w.position
               order by l."offset" limit $4) as r`,
      values: [
        partitions.map((item) => item.topic),
        partitions.map((item) => item.partition),
        partitions.map((item) => item.position.toString()),
        Math.max(50, Math.ceil(BATCH / partitions.length)),
      ],
    });
    return rows.map((row) => ({
      topic: row.topic,
      partition: row.part,
      offset: row.position.toString(),
      key: row.key,
      headers: JSON.parse(row.headers) as Record<string, string>,
      value: row.body,
      appendedAt: row.appended_at,
    }));
  }

  private async deliver(partitions: readonly OwnedPartition[], records: readonly LogRecord[]): Promise<void> {
    const byName = new Map(partitions.map((item) => [`${item.topic}/${item.partition}`, item]));
    const advanced = new Map<OwnedPartition, bigint>();
    const due: LogRecord[] = [];
    const now = systemNow().getTime();
    for (const record of records) {
      const owner = byName.get(`${record.topic}/${record.partition}`);
      if (owner === undefined || owner.notBefore > monotonicMs()) continue;
      const delay = this.options.delayOf(record.topic);
      const early = record.appendedAt.getTime() + delay - now;
      if (delay > 0 && early > 0) {
        owner.notBefore = monotonicMs() + early;
        continue;
      }
      due.push(record);
      advanced.set(owner, BigInt(record.offset) + 1n);
    }
    if (due.length === 0) return;
    const working = [...advanced.keys()];
    await this.options.process(due, async () => {
      await Promise.resolve();
      if (!working.every((item) => this.member.owns(item))) throw new Error('partitions went to another member');
    });
    for (const [owner, position] of advanced) owner.position = position;
    if (!(await this.member.commit(working))) {
      this.logger.warn('some partitions have moved to another member, which repeats the uncommitted events');
      this.beat();
    }
  }

  private nextDue(): number {
    const now = monotonicMs();
    const waits = this.member
      .owned()
      .map((item) => item.notBefore - now)
      .filter((ms) => ms > 0);
    return Math.max(1, Math.min(SAFETY_POLL_MS, ...waits));
  }

  private async pause(ms: number): Promise<void> {
    if (this.wanted || this.stopping.signal.aborted) return;
    await this.doze.wait(ms);
  }
}
