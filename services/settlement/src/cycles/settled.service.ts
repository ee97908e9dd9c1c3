import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { InternalClient } from '#libs/auth';
import { CONFIG } from '#libs/http';
import { fail, monotonicMs } from '#libs/kernel';
import { Messaging } from '#libs/messaging';
import type { SettlementConfig } from '../settlement.config.js';

const PATIENCE_MS = 10_000;
const PAUSE_MS = 100;
const CONSUMERS = new Set(['settlement.ledger', 'settlement.commissions', 'settlement.conversions']);

/** Knows whether all that the ledger and referrals had committed when asked has become lines. */
@Injectable()
export class SettledService {
  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly client: InternalClient,
    private readonly messaging: Messaging,
  ) {}

  /**
   * Waits until the ledger and referrals have sent and this service has handled everything committed before the call; traffic that goes on
   * meanwhile does no harm, as the two are looked at one after the other.
   * @throws DomainError `cycle_not_settled` after ten seconds, or at once when records wait for the operator
   */
  async wait(): Promise<void> {
    const end = monotonicMs() + PATIENCE_MS;
    let sent = false;
    while (monotonicMs() < end) {
      if ((await this.messaging.parked()) > 0) {
        fail('cycle_not_settled', { detail: 'Parked records wait for the operator: replay or discard them first.' });
      }
      sent ||= await this.allSent();
      if (sent && (await this.allHandled())) return;
      await sleep(PAUSE_MS);
    }
    fail('cycle_not_settled', {
      detail: sent ? 'Postings are still being handled.' : 'The ledger or referrals is still sending.',
    });
  }

  /** Whether it has, as things stand. */
  async now(): Promise<boolean> {
    return (await this.allSent()) && (await this.allHandled());
  }

  private async allSent(): Promise<boolean> {
    const url = `${this.config.ledgerUrl}/internal/v1/backlog`;
    const sources = await this.client.get<{ source: string; events: number }[]>(url).catch(() => null);
    if (sources === null || sources.some(({ events }) => events > 0)) return false;
    return this.commissionsSent();
  }

  /** A network may do without referrals; what one that cannot be asked sends enters the cycle in which it arrives. */
  private async commissionsSent(): Promise<boolean> {
    const url = `${this.config.referralsUrl}/internal/v1/backlog`;
    const sources = await this.client.get<{ source: string; events: number }[]>(url).catch(() => null);
    return sources === null || sources.every(({ events }) => events === 0);
  }

  private async allHandled(): Promise<boolean> {
    const lag = await this.messaging.lag();
    return lag.every(({ consumer, events }) => !CONSUMERS.has(consumer) || events === 0);
  }
}
