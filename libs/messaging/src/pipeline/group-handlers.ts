import { BaseRpcContext, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import type { DataSource } from 'typeorm';
import type { EventBatch } from '../event-batch.js';
import { BINDING, type Binding } from '../on-events.js';
import type { EventLog } from '../ports.js';
import { GroupPipeline, type InvokeHandler } from './group-pipeline.js';

/** Context for guards, pipes and interceptors of a handler: group and topic. */
export class EventContext extends BaseRpcContext<[group: string, topic: string]> {
  getGroup(): string {
    return this.getArgs()[0];
  }

  getTopic(): string {
    return this.getArgs()[1];
  }
}

/** One consumer group of a service: its handlers as wrapped by Nest, and the pipeline in front of them. */
export class GroupHandlers {
  private readonly handlers = new Map<string, InvokeHandler>();
  private readonly leaving = new AbortController();

  constructor(
    readonly group: string,
    readonly ordered: boolean,
    private readonly dataSource: DataSource,
    private readonly log: EventLog,
  ) {}

  /** Takes a handler from Nest if it belongs to this group. */
  offer(callback: MessageHandler, extras: Record<string, unknown> | undefined): void {
    const binding = extras?.[BINDING] as Binding | undefined;
    if (binding?.group !== this.group) return;
    this.handlers.set(binding.topic, async (batch: EventBatch) => {
      const answer: unknown = await callback(batch, new EventContext([binding.group, binding.topic]));
      if (isObservable(answer)) await lastValueFrom(answer, { defaultValue: undefined });
    });
  }

  /** Calls the handler of a topic, guards, pipes and interceptors included. */
  async invoke(topic: string, batch: EventBatch): Promise<void> {
    const handler = this.handlers.get(topic);
    if (handler === undefined) throw new Error(`group ${this.group} has no handler for ${topic}`);
    await handler(batch);
  }

  get stopping(): AbortSignal {
    return this.leaving.signal;
  }

  /** Starts no new attempt from now on; running ones may finish. */
  leave(): void {
    this.leaving.abort();
  }

  pipeline(): GroupPipeline {
    return new GroupPipeline({
      group: this.group,
      ordered: this.ordered,
      dataSource: this.dataSource,
      log: this.log,
      handlers: this.handlers,
      stopping: this.stopping,
    });
  }
}
