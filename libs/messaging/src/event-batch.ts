import type { DescMessage, Message, MessageShape } from '@bufbuild/protobuf';
import type { EntityManager } from 'typeorm';
import type { LogRecord } from './ports.js';

/** One event for a handler: decoded, and known to be new to this group. The body of a tombstone is null. */
export class ReceivedEvent<M extends Message | null = Message | null> {
  constructor(
    readonly id: string,
    readonly type: string,
    readonly topic: string,
    readonly key: string,
    readonly time: Date,
    readonly body: M,
    readonly record: LogRecord,
  ) {}

  /** Narrows `body` to the message of the schema. */
  is<D extends DescMessage>(schema: D): this is ReceivedEvent<MessageShape<D>> {
    return this.body?.$typeName === schema.typeName;
  }

  /** End of the key: no more events of it follow. */
  get isTombstone(): boolean {
    return this.body === null;
  }
}

/**
 * Events of one group and topic in log order, inside one transaction. Writes of the handler through `tx` commit together with the inbox
 * rows, or not at all.
 */
export class EventBatch {
  private readonly hooks: (() => void | Promise<void>)[] = [];

  constructor(
    readonly events: ReceivedEvent[],
    readonly tx: EntityManager,
  ) {}

  /** Runs after the commit; a failure is logged and has no other effect. */
  afterCommit(hook: () => void | Promise<void>): void {
    this.hooks.push(hook);
  }

  /** For the pipeline. */
  takeHooks(): (() => void | Promise<void>)[] {
    return this.hooks.splice(0);
  }
}
