import { randomBytes } from 'node:crypto';
import { Controller, Logger, Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Payload } from '@nestjs/microservices';
import { DataSource } from 'typeorm';
import { CycleChangedSchema } from '#libs/contracts';
import { PostgresModule, runInTransaction } from '#libs/postgres';
import { attachConsumers } from '../src/attach.js';
import { EventBatch } from '../src/event-batch.js';
import { Messaging } from '../src/messaging.js';
import { MessagingModule } from '../src/messaging.module.js';
import { OnEvents } from '../src/on-events.js';
import { Outbox } from '../src/outbox.js';
import type { MessagingConfig } from '../src/ports.js';

export interface MemberOptions {
  readonly name: string;
  readonly config: MessagingConfig & { databaseUrl: string };
  readonly topic: string;
  readonly group: string;
  readonly ordered?: boolean;
  /** Absent: only publishes. */
  readonly consumes?: boolean;
  /** Called inside the transaction, before the effects are written. */
  readonly before?: (batch: EventBatch) => void | Promise<void>;
}

/** Marks the end of a key among its numbers. */
export const ENDED = -1;

/** Tables of the effects: one row per handled event, and one per natural key. */
export const EFFECT_SQL = `
create table effect (id bigint generated always as identity, member text, key text, n integer, at timestamptz default clock_timestamp(), sent timestamptz);
create table effect_once (key text, n integer, primary key (key, n));
`;

/** A process of the network under test: publishes through the outbox and writes consumed events into tables. */
export class Member {
  private constructor(
    readonly app: INestApplication,
    private readonly options: MemberOptions,
  ) {}

  static async start(options: MemberOptions): Promise<Member> {
    const controllers = options.consumes === false ? [] : [consumerOf(options)];
    @Module({
      imports: [
        PostgresModule.forService(
          { databaseUrl: options.config.databaseUrl, databasePool: 4 },
          { service: options.name, retentionEveryMs: 100 },
        ),
        MessagingModule.forService(options.config),
      ],
      controllers,
    })
    class MemberModule {}
    Logger.overrideLogger(false);
    const app = await NestFactory.create(MemberModule, new FastifyAdapter());
    await app.init();
    if (options.consumes !== false) await (await attachConsumers(app, options.config))();
    return new Member(app, options);
  }

  get messaging(): Messaging {
    return this.app.get(Messaging, { strict: false });
  }

  get dataSource(): DataSource {
    return this.app.get(DataSource, { strict: false });
  }

  get outbox(): Outbox {
    return this.app.get(Outbox, { strict: false });
  }

  /** Publishes n events of each key, in rounds, one transaction per round; each event carries the given number of extra bytes. */
  async publish(keys: readonly string[], from: number, to: number, bytes = 0): Promise<void> {
    for (let n = from; n < to; n += 1) {
      await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
        this.outbox.addAll(
          tx,
          keys.map((key) => ({
            topic: this.options.topic,
            key,
            schema: CycleChangedSchema,
            body: { cycle: `${key}${randomBytes(bytes / 2).toString('hex')}`, status: String(n) },
          })),
        ),
      );
    }
  }

  /** Publishes the end of each key. */
  async bury(keys: readonly string[]): Promise<void> {
    await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.outbox.addAll(
        tx,
        keys.map((key) => ({ topic: this.options.topic, key, schema: CycleChangedSchema, body: null })),
      ),
    );
  }

  async stop(): Promise<void> {
    await this.app.close();
  }
}

function consumerOf(options: MemberOptions): new () => object {
  @Controller()
  class EffectConsumer {
    @OnEvents(options.topic, { group: options.group, ordered: options.ordered ?? true })
    async handle(@Payload() batch: EventBatch): Promise<void> {
      await options.before?.(batch);
      const rows = batch.events.map((event) => {
        if (event.isTombstone) return { key: event.key, n: ENDED, sent: event.time };
        if (!event.is(CycleChangedSchema)) throw new Error(`what is ${event.type}?`);
        return { key: event.key, n: Number(event.body.status), sent: event.time };
      });
      const values = [rows.map((row) => row.key), rows.map((row) => row.n)];
      await batch.tx.query(
        `insert into effect (member, key, n, sent)
         select $1, e.key, e.n, e.sent from unnest($2::text[], $3::integer[], $4::timestamptz[]) with ordinality as e (key, n, sent, position) order by position`,
        [options.name, ...values, rows.map((row) => row.sent)],
      );
      await batch.tx.query(
        'insert into effect_once select * from unnest($1::text[], $2::integer[]) on conflict do nothing',
        values,
      );
    }
  }
  return EffectConsumer;
}
