import { Injectable } from '@nestjs/common';
import { formatInstant, parseInstant, systemNow } from '#libs/kernel';
import { Network } from '../network/network.client.js';
import { mergeChecks, mergeLag } from './merge.js';
import type { Answers, Backlog, Check, InvariantsReport, Lag, LagReport } from './merge.js';

const QUICK_MS = 5_000;
/** Checks read whole books. */
const CHECKS_MS = 120_000;

@Injectable()
export class InvariantsService {
  constructor(private readonly network: Network) {}

  /**
   * First what is unsent, then what is unhandled: an event that was sent between the two questions is seen by the second, so
   * "settled" covers all that was committed when the call came.
   * @throws DomainError `unavailable` when a service does not answer: a proof with a hole is none
   */
  async report(): Promise<InvariantsReport> {
    const { backlog, lag } = await this.unhandled();
    const clock = await this.network.ask<{ now: string | null }>('partners', '/internal/v1/clock', QUICK_MS);
    const checks = await this.network.askAll<{ checks: Check[] }>('/internal/v1/invariants', CHECKS_MS);
    const asOf = (clock.now === null ? null : parseInstant(clock.now)) ?? systemNow();
    return { asOf: formatInstant(asOf), ...mergeLag(backlog, lag), ...mergeChecks(checks) };
  }

  /** The part of the report that costs next to nothing, for whoever waits until everything has arrived. */
  async lag(): Promise<LagReport> {
    const { backlog, lag } = await this.unhandled();
    return mergeLag(backlog, lag);
  }

  private async unhandled(): Promise<Pick<Answers, 'backlog' | 'lag'>> {
    const backlog = await this.network.askAll<Backlog[]>('/internal/v1/backlog', QUICK_MS);
    const lag = await this.network.askAll<Lag[]>('/internal/v1/lag', QUICK_MS);
    return { backlog, lag };
  }
}
