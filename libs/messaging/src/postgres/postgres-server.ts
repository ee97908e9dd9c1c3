import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import type { GroupHandlers } from '../pipeline/group-handlers.js';
import type { DelayOf } from '../pipeline/retry-topics.js';
import { LogConsumer } from './log-consumer.js';

const LEASE_MS = 10_000;

export interface PostgresServerOptions {
  readonly databaseUrl: string;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly handlers: GroupHandlers;
  readonly delayOf: DelayOf;
  readonly leaseMs?: number;
}

/** Nest transport over the log in PostgreSQL; one instance per consumer group. */
export class HezongPostgresServer extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol.for('hezong.postgres');
  override readonly propagatesEventHandlerErrors = true;
  private consumer: LogConsumer | null = null;

  constructor(private readonly setup: PostgresServerOptions) {
    super();
  }

  /** Nest passes every handler of the application; the group takes its own. */
  override addHandler(
    _pattern: unknown,
    callback: MessageHandler,
    _isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    this.setup.handlers.offer(callback, extras);
  }

  listen(callback: (error?: unknown) => void): void {
    const pipeline = this.setup.handlers.pipeline();
    this.consumer = new LogConsumer({
      databaseUrl: this.setup.databaseUrl,
      group: this.setup.groupId,
      topics: this.setup.topics,
      delayOf: this.setup.delayOf,
      leaseMs: this.setup.leaseMs ?? LEASE_MS,
      process: (records, heartbeat) => pipeline.process(records, heartbeat),
    });
    this.consumer.start().then(() => callback(), callback);
  }

  async close(): Promise<void> {
    this.setup.handlers.leave();
    await this.consumer?.stop();
    this.consumer = null;
  }

  on(): never {
    throw new Error('the postgres transport has no events to listen to');
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- Nest's signature
  unwrap<T>(): T {
    return this.consumer as T;
  }
}
