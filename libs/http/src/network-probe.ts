import type { INestApplication, InjectionToken } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { fail, monotonicMs } from '#libs/kernel';
import type { ConsumerLag, ParkedItem, ParkedPart, SourceBacklog } from '#libs/messaging';
import { gauge } from '#libs/observability';
import type { HealthCheck } from '#libs/observability';
import { DUE } from './due.js';
import type { Due, DueItems } from './due.js';
import { INVARIANTS } from './invariants.js';
import type { Check, Invariants } from './invariants.js';
import { parkedEvent } from './parked.js';
import type { ParkedEvent } from './parked.js';

/** The part of libs/messaging used here. A service without events has none. */
export interface MessagingProbe {
  backlog(): Promise<SourceBacklog[]>;
  lag(): Promise<ConsumerLag[]>;
  parked(): Promise<number>;
  parkedEvents(part: ParkedPart): Promise<ParkedItem[]>;
  setAside(id: string, eventId: string, by: string, reason: string): Promise<boolean>;
  tryAgain(id: string): Promise<boolean>;
  brokerReady(): Promise<boolean>;
}

/** Number of waiting events above which readiness reports a backlog. */
export interface ReadyLimits {
  readonly readyBacklog: number;
  readonly readyLag: number;
}

/** Events waiting between this service and the log. */
interface Flow {
  readonly backlog: readonly SourceBacklog[];
  readonly lag: readonly ConsumerLag[];
  readonly parked: number;
}

/** Shortest interval between two counts of waiting events, so that monitoring causes little load. */
const FLOW_KEEP_MS = 3_000;

const RECORD_ID = /^[1-9][0-9]{0,17}$/;

const backlogEvents = gauge('hezong_outbox_backlog_events', 'Committed events that are not yet in the log.', [
  'service',
  'source',
]);
const lagEvents = gauge('hezong_consumer_lag_events', 'Events in the log that have not been handled yet.', [
  'service',
  'consumer',
]);
const parkedRecords = gauge('hezong_parked_records', 'Records that wait for an operator.', ['service']);

const oldestTransaction = gauge(
  'hezong_oldest_transaction_xids',
  'Transaction ids since the oldest running transaction of the server; later events wait for it.',
  ['service'],
);
const brokenInvariants = gauge('hezong_invariant_broken', 'Whether a check of the books failed at the last request.', [
  'check',
]);

const XIDS_BEHIND = `select (pg_snapshot_xmax(s)::text::bigint - pg_snapshot_xmin(s)::text::bigint)::integer as xids
  from pg_current_snapshot() s`;

const sum = (rows: readonly { events: number }[]): number => rows.reduce((total, { events }) => total + events, 0);

/** Reports of a service about itself, collected once its application is built. */
export class NetworkProbe {
  private app: INestApplication | null = null;
  private messaging: MessagingProbe | null = null;
  private limits: ReadyLimits = { readyBacklog: Infinity, readyLag: Infinity };
  private readonly further: HealthCheck[] = [];
  private kept: { flow: Promise<Flow>; until: number } | null = null;

  attach(app: INestApplication, messaging: MessagingProbe | null, limits: Partial<ReadyLimits> = {}): void {
    this.app = app;
    this.messaging = messaging;
    this.limits = { ...this.limits, ...limits };
  }

  add(check: HealthCheck): void {
    this.further.push(check);
  }

  /**
   * Callers are answered from the database, so readiness requires only the database. If it required the broker too, a broker outage would
   * take every till out of service, although their bookings only wait in the outbox.
   */
  checks(): HealthCheck[] {
    const dataSource = this.find<DataSource>(DataSource);
    const messaging = this.messaging;
    return [
      ...(dataSource === null
        ? []
        : [{ name: 'database', needed: true, ready: async () => (await dataSource.query('select 1')) !== null }]),
      ...(messaging === null
        ? []
        : [{ name: 'broker', needed: false, ready: () => messaging.brokerReady() }, ...this.flowChecks(messaging)]),
      ...this.further,
    ];
  }

  private flowChecks(messaging: MessagingProbe): HealthCheck[] {
    const { readyBacklog, readyLag } = this.limits;
    return [
      {
        name: 'outbox',
        needed: false,
        ready: async () => ({ events: sum((await this.flow(messaging)).backlog), limit: readyBacklog }),
      },
      {
        name: 'consumers',
        needed: false,
        ready: async () => ({ events: sum((await this.flow(messaging)).lag), limit: readyLag }),
      },
    ];
  }

  private flow(messaging: MessagingProbe): Promise<Flow> {
    const now = monotonicMs();
    if (this.kept !== null && now < this.kept.until) return this.kept.flow;
    const flow = Promise.all([messaging.backlog(), messaging.lag(), messaging.parked()]).then(
      ([backlog, lag, parked]) => ({ backlog, lag, parked }),
    );
    const kept = { flow, until: now + FLOW_KEEP_MS };
    this.kept = kept;
    // failures are not cached
    flow.catch(() => (kept.until = 0));
    return flow;
  }

  /** Updates the gauges of waiting events before a scrape. */
  async measure(service: string): Promise<void> {
    if (this.messaging === null) return;
    const { backlog, lag, parked } = await this.flow(this.messaging);
    for (const { source, events } of backlog) backlogEvents.set({ service, source }, events);
    for (const { consumer, events } of lag) lagEvents.set({ service, consumer }, events);
    parkedRecords.set({ service }, parked);
    const [oldest] = (await this.find<DataSource>(DataSource)?.query<{ xids: number }[]>(XIDS_BEHIND)) ?? [];
    if (oldest !== undefined) oldestTransaction.set({ service }, oldest.xids);
  }

  async backlog(): Promise<SourceBacklog[]> {
    return (await this.messaging?.backlog()) ?? [];
  }

  async lag(): Promise<ConsumerLag[]> {
    return (await this.messaging?.lag()) ?? [];
  }

  /** Events that wait for an operator or were set aside by one. */
  async parkedEvents(service: string, part: ParkedPart): Promise<ParkedEvent[]> {
    return ((await this.messaging?.parkedEvents(part)) ?? []).map((record) => parkedEvent(service, record));
  }

  /** @throws DomainError `not_found` */
  async setAside(id: string, eventId: string, by: string, reason: string): Promise<void> {
    if (!RECORD_ID.test(id) || (await this.messaging?.setAside(id, eventId, by, reason)) !== true) fail('not_found');
  }

  /** @throws DomainError `not_found` */
  async tryAgain(id: string): Promise<void> {
    if (!RECORD_ID.test(id) || (await this.messaging?.tryAgain(id)) !== true) fail('not_found');
  }

  async due(): Promise<DueItems[]> {
    return (await this.find<Due>(DUE)?.due()) ?? [];
  }

  async invariants(): Promise<Check[]> {
    const checks = (await this.find<Invariants>(INVARIANTS)?.check()) ?? [];
    for (const { name: check, ok } of checks) brokenInvariants.set({ check }, ok ? 0 : 1);
    return checks;
  }

  /** A provider from any module; null when the service has none, which Nest itself would report as an error. */
  private find<T>(token: symbol | (abstract new (...args: never[]) => T)): T | null {
    if (this.app === null) return null;
    for (const { providers } of this.app.get(ModulesContainer).values()) {
      const instance: unknown = providers.get(token as InjectionToken)?.instance;
      if (instance !== undefined && instance !== null) return instance as T;
    }
    return null;
  }
}
