import { Injectable } from '@nestjs/common';
import type { ParkedEvent } from '#libs/http';
import { formatInstant, parseInstant, systemNow } from '#libs/kernel';
import { NetworkClient } from '../network/network.client.js';
import { endsOf, mergeChecks, mergeLag } from './merge.js';
import type { Backlog, Check, Due, InvariantsReport, LagReport, Reading } from './merge.js';

const QUICK_MS = 5_000;
/** Time limit of the checks; they read whole books. */
const CHECKS_MS = 120_000;

interface Look {
  readonly report: LagReport;
  /** Ends of all partitions. */
  readonly ends: string;
}

@Injectable()
export class InvariantsService {
  constructor(private readonly network: NetworkClient) {}

  /**
   * Reports the invariants of all services; the lag is measured before and after them. The checks are read at different instants and
   * compare services, so the report is settled only if everything had been handled before and nothing was committed meanwhile: every
   * event is either still unsent afterwards or moves the end of a partition.
   * @throws DomainError `unavailable` if a service does not answer: an incomplete proof is never returned
   */
  async report(): Promise<InvariantsReport> {
    const before = await this.settledLook();
    const clock = await this.network.ask<{ now: string | null }>('partners', '/internal/v1/clock', QUICK_MS);
    const checks = await this.network.askAll<{ checks: Check[] }>('/internal/v1/invariants', CHECKS_MS);
    const asOf = (clock.now === null ? null : parseInstant(clock.now)) ?? systemNow();
    const { ok, checks: measured } = mergeChecks(checks);
    const after = before.report.settled ? await this.look() : before;
    const { lag, parked, settled } = after.report;
    return {
      asOf: formatInstant(asOf),
      ok: ok && parked.length === 0,
      settled: settled && after.ends === before.ends,
      checks: measured,
      lag,
      parked,
    };
  }

  /**
   * Reports the lag alone, at little cost, for callers that wait until everything has been handled. "Settled" is checked twice: events
   * handled during the first look may have caused new events and due work.
   */
  async lag(): Promise<LagReport> {
    return (await this.settledLook()).report;
  }

  private async settledLook(): Promise<Look> {
    const first = await this.look();
    return first.report.settled ? this.look() : first;
  }

  /**
   * Asks for due work, then unsent events, then unhandled events. Work that moves on between two questions is seen by the later one,
   * so "settled" covers everything committed or due when the call arrived.
   */
  private async look(): Promise<Look> {
    const due = await this.network.askAll<Due[]>('/internal/v1/due', QUICK_MS);
    const backlog = await this.network.askAll<Backlog[]>('/internal/v1/backlog', QUICK_MS);
    const lag = await this.network.askAll<Reading[]>('/internal/v1/lag', QUICK_MS);
    const parked = await this.network.askAll<ParkedEvent[]>('/internal/v1/parked?open=true', QUICK_MS);
    return { report: mergeLag({ due, backlog, lag, parked }), ends: endsOf(lag) };
  }
}
