import { Inject, Injectable, Module, type DynamicModule, type OnApplicationShutdown, type Type } from '@nestjs/common';
import { Retention } from '#libs/postgres';
import { Messaging } from './messaging.js';
import { Outbox } from './outbox.js';
import { OutboxSource } from './outbox-source.js';
import type { EventLog, MessagingConfig, RelaySource } from './ports.js';
import { EVENT_LOG, MESSAGING_CONFIG } from './tokens.js';
import { openEventLog } from './topics.js';

@Injectable()
class EventLogCloser implements OnApplicationShutdown {
  constructor(@Inject(EVENT_LOG) private readonly log: EventLog) {}

  /** Closes after relay and consumers, which stop earlier. */
  async onApplicationShutdown(): Promise<void> {
    await this.log.close();
  }
}

/** Outbox, relay and consumers of one service. Global within its Nest application. */
@Module({})
export class MessagingModule {
  static forService(
    config: MessagingConfig & { databaseUrl: string },
    options: { sources?: Type<RelaySource>[] } = {},
  ): DynamicModule {
    const sources: Type<RelaySource>[] = [OutboxSource, ...(options.sources ?? [])];
    return {
      module: MessagingModule,
      global: true,
      providers: [
        ...sources,
        Outbox,
        EventLogCloser,
        { provide: MESSAGING_CONFIG, useValue: config },
        { provide: EVENT_LOG, useFactory: () => openEventLog(config) },
        {
          provide: Messaging,
          inject: [EVENT_LOG, Retention, ...sources],
          useFactory: (log: EventLog, retention: Retention, ...found: RelaySource[]) =>
            new Messaging(config, found, log, retention),
        },
      ],
      exports: [Outbox, Messaging, EVENT_LOG, MESSAGING_CONFIG],
    };
  }
}
