import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { InternalClient } from '#libs/auth';
import { CONFIG, NetworkProbe } from '#libs/http';
import type { ParkedEvent } from '#libs/http';
import { fail, monotonicMs } from '#libs/kernel';
import { Messaging } from '#libs/messaging';
import type { SettlementConfig } from '../settlement.config.js';

const PATIENCE_MS = 10_000;
const PAUSE_MS = 100;
/** Consumers here whose events make lines, or say whose they are. */
const CONSUMERS = new Set([
  'settlement.ledger',
  'settlement.commissions',
  'settlement.conversions',
  'settlement.brands',
]);
/** The consumer that turns orders into commissions. */
const ORDERS = 'referrals.orders';
const MOST_NAMED = 5;

/** Knows whether all that the ledger, referrals and partners had committed when asked has become lines. */
@Injectable()
export class SettledService {
  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly client: InternalClient,
    private readonly messaging: Messaging,
    @Inject(NetworkProbe) private readonly probe: NetworkProbe,
  ) {}

  /**
   * Waits until what was committed before the call has become lines: the ledger and partners have sent it, referrals has worked on it and sent what
   * it made of it, and this service has handled all. Traffic that goes on meanwhile does no harm, as they are looked at one after the other.
   * @throws DomainError `cycle_not_settled` after ten seconds, or at once when events wait for the operator; names what it waits for
   */
  async wait(): Promise<void> {
    const end = monotonicMs() + PATIENCE_MS;
    const left = this.questions();
    let waitsFor = '';
    while (monotonicMs() < end) {
      await this.refuseParked();
      for (let [ask] = left; ask !== undefined; [ask] = left) {
        waitsFor = await ask();
        if (waitsFor !== '') break;
        left.shift();
      }
      if (left.length === 0) return;
      await sleep(PAUSE_MS);
    }
    fail('cycle_not_settled', { detail: `Not everything has arrived: ${waitsFor}.` });
  }

  /** Whether it has, as things stand. */
  async now(): Promise<boolean> {
    for (const ask of this.questions()) if ((await ask()) !== '') return false;
    return true;
  }

  /** What to ask for, in the order in which events go through; each says what it waits for, or nothing. */
  private questions(): (() => Promise<string>)[] {
    return [
      () => this.unsent('ledger', this.config.ledgerUrl),
      () => this.unsent('partners', this.config.partnersUrl),
      () => this.unhandledOrders(),
      () => this.unsent('referrals', this.config.referralsUrl),
      () => this.unhandled(),
    ];
  }

  private async unsent(service: string, url: string): Promise<string> {
    const sources = await this.ask<{ source: string; events: number }[]>(`${url}/internal/v1/backlog`);
    if (sources === null) return `${service} does not answer`;
    return sources.every(({ events }) => events === 0) ? '' : `${service} is still sending`;
  }

  private async unhandledOrders(): Promise<string> {
    const lag = await this.ask<{ consumer: string; events: number }[]>(`${this.config.referralsUrl}/internal/v1/lag`);
    if (lag === null) return 'referrals does not answer';
    return lag.every(({ consumer, events }) => consumer !== ORDERS || events === 0)
      ? ''
      : `${ORDERS} is still handling events`;
  }

  private async unhandled(): Promise<string> {
    const busy = (await this.messaging.lag()).find(({ consumer, events }) => CONSUMERS.has(consumer) && events > 0);
    return busy === undefined ? '' : `${busy.consumer} is still handling events`;
  }

  /** Names the events without which there would be lines missing. */
  private async refuseParked(): Promise<void> {
    const theirs = await this.ask<ParkedEvent[]>(`${this.config.referralsUrl}/internal/v1/parked`);
    const waiting = [...(await this.probe.parkedEvents('settlement')), ...(theirs ?? [])].filter(
      ({ status, consumer }) => status === 'waiting' && (CONSUMERS.has(consumer) || consumer === ORDERS),
    );
    if (waiting.length === 0) return;
    const named = waiting.slice(0, MOST_NAMED);
    fail('cycle_not_settled', {
      detail: `Events wait for the operator: ${named.map(inWords).join('; ')}${waiting.length > named.length ? `; and ${waiting.length - named.length} more` : ''}.`,
      errors: named.map((event) => ({ pointer: '', code: 'event_parked', detail: inWords(event) })),
    });
  }

  private ask<T>(url: string): Promise<T | null> {
    return this.client.get<T>(url).catch(() => null);
  }
}

function inWords({ service, id, topic, key, eventId, code, reason }: ParkedEvent): string {
  return `${service} ${id}, ${topic}, key ${key}, event ${eventId}: ${code}, ${reason}`;
}
