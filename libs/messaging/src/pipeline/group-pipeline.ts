import { setTimeout as sleep } from 'node:timers/promises';
import { randomInt } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { contextOfEvent, counter, histogram, runInContext } from '#libs/observability';
import { runInTransaction } from '#libs/postgres';
import { EventBatch, type ReceivedEvent } from '../event-batch.js';
import type { EventLog, LogRecord } from '../ports.js';
import { decode, ORIGIN_TOPIC } from './decode.js';
import { classify, HandlerTimeout, LostWork, Stopping } from './faults.js';
import { admit, freshOf } from './inbox.js';
import { aside, Parking } from './parking.js';
import { retryTopicNames } from './retry-topics.js';

/** Waits between the quick retries of a single record, each with up to half of jitter. Milliseconds. */
const QUICK_TRIES_MS = [100, 500, 2_000];
const HANDLER_TIMEOUT_MS = 20_000;
const LONGEST_WAIT_MS = 5_000;

const events = counter('hezong_consumer_events_total', 'Events by what became of them', ['group', 'topic', 'outcome']);
const seconds = histogram('hezong_consumer_batch_seconds', 'Time to handle a batch', ['group']);

export type InvokeHandler = (batch: EventBatch) => Promise<void>;

export interface PipelineOptions {
  readonly group: string;
  readonly ordered: boolean;
  readonly dataSource: DataSource;
  readonly log: EventLog;
  readonly handlers: ReadonlyMap<string, InvokeHandler>;
  /** Aborted when the consumer begins to leave. */
  readonly stopping: AbortSignal;
}

/** Sends a heartbeat to the broker; throws when the consumer has lost its partition. */
export type Heartbeat = () => Promise<void>;

interface Unit {
  readonly events: readonly ReceivedEvent[];
  readonly heartbeat: Heartbeat;
  attempts: number;
}
type Step = (unit: Unit) => Promise<void>;

/**
 * Steps for a batch of a group: dead letter → metrics → correlation → panic recovery → bounded retry with jitter → timeout → one
 * transaction with inbox and handler. A batch that fails is handled again event by event.
 */
export class GroupPipeline {
  private readonly logger: Logger;
  private readonly parking: Parking;
  private readonly handle: Step;

  constructor(private readonly options: PipelineOptions) {
    this.logger = new Logger(`Consumer ${options.group}`);
    this.parking = new Parking(options.dataSource, options.group);
    this.handle = this.deadLettered(
      this.measured(this.correlated(this.recovered(this.retried(this.timed(this.transacted))))),
    );
  }

  /**
   * Handles records in order. Resolves when each of them is handled or set aside.
   * @throws Stopping when the consumer leaves before that; nothing has been skipped then
   */
  async process(records: readonly LogRecord[], heartbeat: Heartbeat): Promise<void> {
    const good: ReceivedEvent[] = [];
    for (const record of records) {
      const decoded = decode(record);
      const topic = record.headers[ORIGIN_TOPIC] ?? record.topic;
      if (decoded.kind === 'event' && this.options.handlers.has(decoded.event.topic)) good.push(decoded.event);
      else if (decoded.kind === 'undecodable') await this.buryUndecodable(record, topic, decoded.error, heartbeat);
      else this.count(topic, 'ignored', 1);
    }
    if (good.length > 0) await this.handle({ events: good, heartbeat, attempts: 0 });
  }

  /** Outermost step: decides what happens to records that could not be handled. */
  private deadLettered(next: Step): Step {
    return async (unit) => {
      try {
        await next(unit);
      } catch (error) {
        if (this.leaving(error)) throw error;
        const [event] = unit.events;
        if (unit.events.length > 1) {
          const parts = classify(error) === 'slow' ? halves(unit.events) : unit.events.map((single) => [single]);
          this.logger.warn(`a batch of ${unit.events.length} failed, now in ${parts.length} parts: ${String(error)}`);
          for (const part of parts) {
            await heartbeatOrLeave(unit.heartbeat);
            await this.handle({ ...unit, events: part, attempts: 0 });
          }
        } else if (event !== undefined) {
          await this.untilDone(unit.heartbeat, () => this.setAside(event, error, unit.attempts));
        }
      }
    };
  }

  private measured(next: Step): Step {
    return async (unit) => {
      const stop = seconds.startTimer({ group: this.options.group });
      try {
        await next(unit);
      } finally {
        stop();
      }
    };
  }

  /** Gives the logs and outgoing events of a handler the trace of the (first) event. */
  private correlated(next: Step): Step {
    return (unit) => {
      const first = unit.events[0];
      return runInContext(contextOfEvent(first?.record.headers['traceparent'], first?.id), () => next(unit));
    };
  }

  /** Turns any exception, synchronous or not, into a rejected promise with an Error. */
  private recovered(next: Step): Step {
    return async (unit) => {
      try {
        await next(unit);
      } catch (error) {
        // realm-safe: an error of another realm is not an instance of this realm's Error
        throw (typeof error === 'object' && error !== null ? error : new Error(`thrown: ${String(error)}`)) as Error;
      }
    };
  }

  private retried(next: Step): Step {
    return async (unit) => {
      for (let waited = 0, tries = 0; ;) {
        if (this.options.stopping.aborted) throw new Stopping('consumer is stopping');
        try {
          unit.attempts += 1;
          await next(unit);
          return;
        } catch (error) {
          const fault = classify(error);
          if (fault === 'transient' || fault === 'slow') {
            waited += 1;
            this.logger.warn(`waits: ${error instanceof Error ? error.message : String(error)}`);
            await this.wait(Math.min(100 * 2 ** waited, LONGEST_WAIT_MS), unit.heartbeat);
            if (fault === 'slow' && unit.events.length > 1) throw error;
            continue;
          }
          const pause = QUICK_TRIES_MS[tries];
          if (fault === 'refused' || unit.events.length > 1 || pause === undefined) throw error;
          tries += 1;
          await this.wait(pause, unit.heartbeat);
        }
      }
    };
  }

  private timed(next: Step): Step {
    return async (unit) => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new HandlerTimeout(`not done after ${HANDLER_TIMEOUT_MS} ms`)),
          HANDLER_TIMEOUT_MS,
        );
      });
      try {
        await Promise.race([next(unit), late]);
      } finally {
        clearTimeout(timer);
      }
    };
  }

  /** One transaction: inbox rows and effects commit together. */
  private readonly transacted: Step = async (unit) => {
    const { dataSource, group, ordered } = this.options;
    const batches: EventBatch[] = [];
    const outcome = await runInTransaction(dataSource, { brand: '*' }, async (tx) => {
      batches.length = 0;
      const { fresh, behind } = ordered
        ? await admit(tx, group, unit.events)
        : { fresh: await freshOf(tx, group, unit.events), behind: [] };
      if (behind.length > 0) await this.parking.follow(tx, behind);
      for (const [topic, handler] of this.options.handlers) {
        const own = fresh.filter((event) => event.topic === topic);
        if (own.length === 0) continue;
        const batch = new EventBatch(own, tx);
        batches.push(batch);
        await handler(batch);
      }
      return { fresh, behind, duplicates: unit.events.length - behind.length - fresh.length };
    });
    for (const event of outcome.fresh) {
      this.count(event.topic, 'handled', 1);
      // each record under its own ids: those of the batch are its first event's
      runInContext(contextOfEvent(event.record.headers['traceparent'], event.id), () =>
        this.logger.debug(`handled ${event.type}`),
      );
    }
    for (const event of outcome.behind) this.count(event.topic, 'parked', 1);
    if (outcome.duplicates > 0) this.count(unit.events[0]?.topic ?? '', 'duplicate', outcome.duplicates);
    for (const hook of batches.flatMap((batch) => batch.takeHooks())) {
      try {
        await hook();
      } catch (error) {
        this.logger.error(`an after-commit hook failed: ${String(error)}`);
      }
    }
  };

  private async setAside(event: ReceivedEvent, error: unknown, attempts: number): Promise<void> {
    if (this.options.ordered) {
      await this.parking.park(event, error, attempts);
      this.count(event.topic, 'parked', 1);
      this.logger.error(`parked key ${event.key} of ${event.topic} at ${event.record.offset}: ${String(error)}`);
      return;
    }
    const stages = retryTopicNames(this.options.group);
    const next = stages[stages.indexOf(event.record.topic) + 1];
    if (next === undefined) {
      await this.parking.bury(aside(event, error, attempts));
      this.count(event.topic, 'dead', 1);
      this.logger.error(`dead letter ${event.id} of ${event.topic}: ${String(error)}`);
      return;
    }
    const { key, value, headers } = event.record;
    await this.options.log.append([{ topic: next, key, value, headers: { ...headers, [ORIGIN_TOPIC]: event.topic } }]);
    this.count(event.topic, 'retried', 1);
  }

  private async buryUndecodable(record: LogRecord, topic: string, error: unknown, heartbeat: Heartbeat): Promise<void> {
    if (this.options.stopping.aborted) throw new Stopping('consumer is stopping');
    const eventId = record.headers['ce_id'] ?? `${record.topic}/${record.partition}/${record.offset}`;
    const type = record.headers['ce_type'] ?? '';
    await this.untilDone(heartbeat, () => this.parking.bury({ record, topic, eventId, type, error, attempts: 1 }));
    this.count(topic, 'dead', 1);
    this.logger.error(`undecodable record ${record.topic}/${record.partition}@${record.offset}: ${String(error)}`);
  }

  /** Setting aside must complete: repeats until the database or broker accepts it. */
  private async untilDone(heartbeat: Heartbeat, work: () => Promise<void>): Promise<void> {
    for (let waited = 1; ; waited += 1) {
      if (this.options.stopping.aborted) throw new Stopping('consumer is stopping');
      try {
        await work();
        return;
      } catch (error) {
        this.logger.warn(`cannot set a record aside yet: ${String(error)}`);
        await this.wait(Math.min(100 * 2 ** waited, LONGEST_WAIT_MS), heartbeat);
      }
    }
  }

  private leaving(error: unknown): boolean {
    return error instanceof Stopping || this.options.stopping.aborted;
  }

  private async wait(ms: number, heartbeat: Heartbeat): Promise<void> {
    await heartbeatOrLeave(heartbeat);
    await sleep(ms + randomInt(0, Math.ceil(ms / 2) + 1), undefined, { signal: this.options.stopping }).catch(
      () => undefined,
    );
    if (this.options.stopping.aborted) throw new Stopping('consumer is stopping');
  }

  private count(topic: string, outcome: string, n: number): void {
    events.inc({ group: this.options.group, topic, outcome }, n);
  }
}

function halves(events: readonly ReceivedEvent[]): (readonly ReceivedEvent[])[] {
  const middle = Math.ceil(events.length / 2);
  return [events.slice(0, middle), events.slice(middle)];
}

async function heartbeatOrLeave(heartbeat: Heartbeat): Promise<void> {
  try {
    await heartbeat();
  } catch (error) {
    throw new LostWork(error);
  }
}
