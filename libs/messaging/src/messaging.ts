import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import pg from 'pg';
import type { PoolClient } from 'pg';
import { groupBy } from '#libs/kernel';
import { createPool, type Retention } from '#libs/postgres';
import { listHeads, setAside, tryAgain } from './operator.js';
import type { ParkedItem, ParkedPart } from './operator.js';
import { RELAY_START } from './ports.js';
import type { EventLog, MessagingConfig, RelayPosition, RelaySource, Subscription } from './ports.js';
import { Relay } from './relay.js';

const NOT_HANDLED = `from parked_record r left join parked_key k
  on r.kind = 'parked' and k.consumer_group = r.consumer_group and k.topic = r.topic and k.key = r.key`;
const RELEASING = `coalesce(r.release_at, k.release_at)`;

const DAY_MS = 86_400_000;
/** Retention: sent events stay for a while, for inspection; handled ones stay longer than any log that is read again from its start. */
const KEEP_MS = { outbox: DAY_MS, inbox: 60 * DAY_MS };

/**
 * Events of a source that are not in the log yet. Everything committed before an earlier answer has been sent once `events` is 0 or
 * `sent` (the transaction id that the relay has reached) has reached that answer's `head`.
 */
export interface SourceBacklog {
  readonly source: string;
  readonly events: number;
  readonly head: string;
  readonly sent: string;
}

/**
 * Events that a consumer has yet to handle. Everything in the log at an earlier answer is handled once `events` is 0, or once no retry is
 * pending and each partition's `handled` has reached that answer's `end`.
 */
export interface ConsumerLag {
  readonly consumer: string;
  readonly events: number;
  readonly comingAgain: number;
  readonly progress: readonly { readonly partition: string; readonly end: string; readonly handled: string }[];
}

interface Worker {
  start(): void;
  wake(): void;
  stop(): Promise<void>;
}

/** A service's view of its own messaging: events not sent, not handled, or stuck. */
@Injectable()
export class Messaging implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Messaging.name);
  private readonly pool: pg.Pool;
  private readonly relay: Relay;
  private worker: Worker | null = null;
  private readonly subscriptions = new Map<string, Set<string>>();

  constructor(
    config: MessagingConfig & { databaseUrl: string },
    private readonly sources: readonly RelaySource[],
    private readonly log: EventLog,
    retention: Retention,
  ) {
    const keep = config.keepMs ?? KEEP_MS;
    retention.add(
      {
        table: 'outbox',
        at: 'created_at',
        keepMs: keep.outbox,
        where: `(tx_id, seq) <= (select c.tx_id, c.seq from relay_cursor c where c.source = 'outbox')`,
      },
      { table: 'inbox', at: 'received_at', keepMs: keep.inbox },
    );
    if (log.trim !== undefined) retention.trim({ name: 'log', trim: () => log.trim?.() ?? Promise.resolve(0) });
    this.pool = createPool(config.databaseUrl, 'hezong-messaging', 2);
    this.relay = new Relay(config.databaseUrl, sources, log, () => this.worker?.wake());
  }

  onApplicationBootstrap(): void {
    this.relay.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.worker?.stop();
    await this.relay.stop();
    await this.pool.end();
  }

  /** Tells the relay that events were committed in this process; saves the NOTIFY on a hot path. */
  wake(): void {
    this.relay.wake();
  }

  /** Committed events that are not in the log yet, by source, and the relay's position. */
  async backlog(): Promise<SourceBacklog[]> {
    const client = await this.pool.connect();
    try {
      await client.query(`select set_config('hezong.brand', '*', false)`);
      const { rows } = await client.query<{ source: string; epoch: number; xid: string; seq: bigint }>(
        'select source, epoch, tx_id::text as xid, seq from relay_cursor',
      );
      const at = new Map<string, RelayPosition>(
        rows.map(({ source, epoch, xid, seq }) => [source, { epoch, xid, seq: seq.toString() }]),
      );
      const { rows: heads } = await client.query<{ head: string }>(
        'select pg_snapshot_xmax(pg_current_snapshot())::text as head',
      );
      const head = heads[0]?.head ?? RELAY_START.xid;
      const result: SourceBacklog[] = [];
      for (const source of this.sources) {
        const position = at.get(source.name) ?? RELAY_START;
        result.push({ source: source.name, events: await source.backlog(client, position), head, sent: position.xid });
      }
      return result;
    } finally {
      client.release();
    }
  }

  /** Events that a group of this service has yet to handle: log end minus committed offset, plus parked events with a pending retry. */
  async lag(): Promise<ConsumerLag[]> {
    const groups = groupBy(
      await this.log.lag(this.subscribed()),
      // events in a group's retry topics are not handled yet either
      ({ group }) => group.replace(/\.retry$/, ''),
    );
    const again = new Map((await this.comingAgain()).map(({ consumer, events }) => [consumer, Number(events)]));
    return [...new Set([...groups.keys(), ...again.keys()])].map((consumer) => {
      const progress = (groups.get(consumer) ?? []).flatMap((group) => group.progress);
      const comingAgain = again.get(consumer) ?? 0;
      const behind = progress.reduce((sum, { end, handled }) => (end > handled ? sum + Number(end - handled) : sum), 0);
      return {
        consumer,
        events: behind + comingAgain,
        comingAgain,
        progress: progress.map(({ topic, partition, end, handled }) => ({
          partition: `${topic}/${partition}`,
          end: end.toString(),
          handled: handled.toString(),
        })),
      };
    });
  }

  /** Number of records that wait for an operator: parked and dead, without those set aside by an operator. */
  async parked(): Promise<number> {
    const { rows } = await this.pool.query<{ records: bigint }>(
      `select count(*) as records ${NOT_HANDLED} where ${RELEASING} is null and r.kind <> 'set_aside'`,
    );
    return Number(rows[0]?.records ?? 0);
  }

  /** The oldest records that wait for an operator or were set aside by one; for a parked key, the record that blocks it. */
  parkedEvents(part: ParkedPart = {}): Promise<ParkedItem[]> {
    return this.onClient((client) => listHeads(client, part));
  }

  /** Sets one record aside, so that the records behind it continue; false when there is none. */
  setAside(id: string, eventId: string, by: string, reason: string): Promise<boolean> {
    return this.onClient((client) => setAside(client, id, eventId, by, reason));
  }

  /** Requests a new attempt for one record; false when there is none. */
  tryAgain(id: string): Promise<boolean> {
    return this.onClient((client) => tryAgain(client, id));
  }

  private async onClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    try {
      return await work(client);
    } finally {
      client.release();
    }
  }

  /** Parked records with a pending attempt: released, or retried automatically. */
  private async comingAgain(): Promise<{ consumer: string; events: bigint }[]> {
    const { rows } = await this.pool.query<{ consumer: string; events: bigint }>(
      `select r.consumer_group as consumer, count(*) as events ${NOT_HANDLED} where ${RELEASING} is not null group by 1`,
    );
    return rows;
  }

  async brokerReady(): Promise<boolean> {
    return this.log.ready().catch((error: unknown) => {
      this.logger.debug(`broker is not ready: ${String(error)}`);
      return false;
    });
  }

  /** For attachConsumers: topics read by this service's groups. */
  subscribe(subscription: Subscription): void {
    const topics = this.subscriptions.get(subscription.group) ?? new Set();
    for (const topic of subscription.topics) topics.add(topic);
    this.subscriptions.set(subscription.group, topics);
  }

  /** For attachConsumers: the worker that passes released records to the handlers again. */
  attach(worker: Worker): void {
    this.worker = worker;
    worker.start();
  }

  subscribed(): Subscription[] {
    return [...this.subscriptions].map(([group, topics]) => ({ group, topics: [...topics] }));
  }
}
