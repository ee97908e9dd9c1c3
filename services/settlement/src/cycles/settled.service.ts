import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { InternalClient } from '#libs/auth';
import { CONFIG, NetworkProbe } from '#libs/http';
import type { ParkedEvent } from '#libs/http';
import { fail, monotonicMs } from '#libs/kernel';
import { Messaging } from '#libs/messaging';
import type { ConsumerLag, SourceBacklog } from '#libs/messaging';
import type { SettlementConfig } from '../settlement.config.js';

const PAUSE_MS = 100;
/** Consumers of this service whose events make lines or name their owners. */
const CONSUMERS = new Set([
  'settlement.ledger',
  'settlement.commissions',
  'settlement.conversions',
  'settlement.brands',
]);
/** The consumer that turns orders into commissions. */
const ORDERS = 'referrals.orders';
const MOST_NAMED = 5;

/** Checks that everything the ledger, referrals and partners had committed when asked has become lines. */
@Injectable()
export class SettledService {
  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly client: InternalClient,
    private readonly messaging: Messaging,
    private readonly probe: NetworkProbe,
  ) {}

  /**
   * Waits until everything committed before the call has become lines: ledger and partners have sent it, referrals has processed it
   * and sent its results, and this service has handled all. Each service is asked once for its position, so later traffic does not
   * matter.
   * @throws DomainError `cycle_not_settled` when the time is up, or immediately if events wait for the operator; names what is missing
   */
  async wait(): Promise<void> {
    const waitsFor = await this.reach(this.config.freezeWaitMs, () => this.refuseParked());
    if (waitsFor !== '') fail('cycle_not_settled', { detail: `Not everything has arrived: ${waitsFor}.` });
  }

  /** Whether this is reached within `patienceMs`. */
  async reached(patienceMs: number): Promise<boolean> {
    return (await this.reach(patienceMs, () => Promise.resolve())) === '';
  }

  /** The last thing it waited for, or an empty string. */
  private async reach(patienceMs: number, before: () => Promise<void>): Promise<string> {
    const end = monotonicMs() + patienceMs;
    const left = this.questions();
    for (;;) {
      await before();
      let waitsFor = '';
      for (let [ask] = left; ask !== undefined; [ask] = left) {
        waitsFor = await ask();
        if (waitsFor !== '') break;
        left.shift();
      }
      if (left.length === 0 || monotonicMs() >= end) return waitsFor;
      await sleep(PAUSE_MS);
    }
  }

  /** The questions, in the order in which events flow. Each returns what it waits for, or an empty string. */
  private questions(): (() => Promise<string>)[] {
    return [
      this.sent('ledger', this.config.ledgerUrl),
      this.sent('partners', this.config.partnersUrl),
      this.handled(
        'referrals',
        (consumer) => consumer === ORDERS,
        () => this.ask<ConsumerLag[]>(`${this.config.referralsUrl}/internal/v1/lag`),
      ),
      this.sent('referrals', this.config.referralsUrl),
      this.handled(
        'settlement',
        (consumer) => CONSUMERS.has(consumer),
        () => this.messaging.lag(),
      ),
    ];
  }

  /** Whether a service has sent what it had committed at the first question. */
  private sent(service: string, url: string): () => Promise<string> {
    const heads = new Map<string, bigint>();
    return async () => {
      const sources = await this.ask<SourceBacklog[]>(`${url}/internal/v1/backlog`);
      if (sources === null) return `${service} does not answer`;
      const all = sources.map(({ source, events, sent, head }) => {
        const noted = heads.get(source) ?? BigInt(head);
        heads.set(source, noted);
        return events === 0 || BigInt(sent) >= noted;
      });
      return all.every(Boolean) ? '' : `${service} is still sending`;
    };
  }

  /** Whether consumers of a service have handled what was in the log at the first question. */
  private handled(
    service: string,
    counts: (consumer: string) => boolean,
    ask: () => Promise<ConsumerLag[] | null>,
  ): () => Promise<string> {
    const ends = new Map<string, bigint>();
    const reached = (consumer: string, { partition, end, handled }: ConsumerLag['progress'][number]): boolean => {
      const key = `${consumer} ${partition}`;
      const noted = ends.get(key) ?? BigInt(end);
      ends.set(key, noted);
      return BigInt(handled) >= noted;
    };
    return async () => {
      const groups = await ask();
      if (groups === null) return `${service} does not answer`;
      const behind = groups
        .filter(({ consumer }) => counts(consumer))
        .filter(({ consumer, comingAgain, progress }) => {
          const all = progress.map((partition) => reached(consumer, partition));
          return comingAgain > 0 || !all.every(Boolean);
        });
      return behind[0] === undefined ? '' : `${behind[0].consumer} is still handling events`;
    };
  }

  /** Refuses, naming the parked events whose lines would be missing. */
  private async refuseParked(): Promise<void> {
    const theirs = await this.ask<ParkedEvent[]>(
      `${this.config.referralsUrl}/internal/v1/parked?open=true&consumer=${ORDERS}`,
    );
    const ours = await this.probe.parkedEvents('settlement', { open: true, groups: [...CONSUMERS] });
    const waiting = [...ours, ...(theirs ?? [])].filter(({ status }) => status === 'waiting');
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
