import type { INestApplication } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { HealthCheck } from '#libs/observability';
import { INVARIANTS } from './invariants.js';
import type { Check, Invariants } from './invariants.js';

/** The part of libs/messaging that is asked here. A service without events has none. */
export interface MessagingProbe {
  backlog(): Promise<{ source: string; events: number }[]>;
  lag(): Promise<{ consumer: string; events: number }[]>;
  parked(): Promise<number>;
  brokerReady(): Promise<boolean>;
}

/** What a service can tell about itself, gathered once its application is built. */
export class NetworkProbe {
  private app: INestApplication | null = null;
  private messaging: MessagingProbe | null = null;
  private readonly further: HealthCheck[] = [];

  attach(app: INestApplication, messaging: MessagingProbe | null): void {
    this.app = app;
    this.messaging = messaging;
  }

  /** Adds something that must be there before the service is ready. */
  require(check: HealthCheck): void {
    this.further.push(check);
  }

  checks(): HealthCheck[] {
    const dataSource = this.find<DataSource>(DataSource);
    const messaging = this.messaging;
    return [
      ...(dataSource === null
        ? []
        : [{ name: 'database', ready: async () => (await dataSource.query('select 1')) !== null }]),
      ...(messaging === null ? [] : [{ name: 'broker', ready: () => messaging.brokerReady() }]),
      ...this.further,
    ];
  }

  async backlog(): Promise<{ source: string; events: number }[]> {
    return (await this.messaging?.backlog()) ?? [];
  }

  async lag(): Promise<{ consumer: string; events: number }[]> {
    return (await this.messaging?.lag()) ?? [];
  }

  async invariants(): Promise<Check[]> {
    return (await this.find<Invariants>(INVARIANTS)?.check()) ?? [];
  }

  private find<T>(token: symbol | (abstract new (...args: never[]) => T)): T | null {
    try {
      return this.app?.get<T>(token, { strict: false }) ?? null;
    } catch {
      return null; // the service has none
    }
  }
}
