import { Injectable } from '@nestjs/common';

import type { IssuingLimits } from '#libs/directory';
import { Approvals } from '#libs/http';
import type { GivenApproval, GuardedAct } from '#libs/http';
import { isDomainError, pointsToJson } from '#libs/kernel';
import { counter } from '#libs/observability';

import type { AccrualDay, PostingOutcome } from '../postings/posting.js';
import { BrandDaysService } from './brand-days.service.js';
import type { Day } from './brand-days.service.js';

const given = counter('hezong_points_given_total', 'Points given by orders and grants.', ['brand', 'kind']);
const funded = counter('hezong_operator_points_given_total', 'Points of the operator that ranks added to orders.', [
  'brand',
]);

/** An order or grant about to give points, and the client that reports it. */
export interface Issuance {
  readonly kind: 'order' | 'grant';
  readonly brand: string;
  readonly client: string;
  readonly externalId: string;
  readonly memberRef: string;
  readonly points: bigint;
  /** Part of `points` that the operator pays for. */
  readonly operatorPoints: bigint;
  readonly limits: IssuingLimits;
  readonly now: Date;
  /** Figures for the approver: amounts, times, places; no personal data. */
  readonly figures: () => Record<string, string | number | null>;
  /** Hash of the whole content of the call. */
  readonly content: () => Buffer;
}

/**
 * Enforces the limits of a brand's contract on points: per order or grant, per member and day, and per day in total. Beyond a limit
 * the operator has to approve. An approved order or grant may be given whatever the day's totals. An approval of a brand's day
 * allows points up to another multiple of the limit.
 */
@Injectable()
export class IssuanceService {
  private readonly asking = new Map<string, Promise<GivenApproval>>();

  constructor(
    private readonly approvals: Approvals,
    private readonly days: BrandDaysService,
  ) {}

  /**
   * Each external id can be used once, so its approval can too.
   * @throws DomainError `second_person_needed`
   */
  async within(issuance: Issuance, post: (day: AccrualDay) => Promise<PostingOutcome>): Promise<PostingOutcome> {
    const { kind, brand, points, limits, now } = issuance;
    const day = this.days.dayOf(now);
    let approval: GivenApproval | null = null;
    if (points > limits[kind]) {
      approval = await this.agreedTo(issuance, kind);
      await this.days.add(brand, day, points);
    } else if (points > 0n) {
      await this.takeOfDay(issuance, day);
    }
    let isGiven = false;
    try {
      let outcome = await post({ from: day.from, limit: approval === null ? limits.memberDay : null });
      if (outcome.verdict === 'over_day') {
        approval = await this.agreedTo(issuance, 'memberDay');
        outcome = await post({ from: day.from, limit: null });
      }
      isGiven = outcome.verdict === 'created' && !outcome.replayed;
      if (isGiven) this.count(issuance);
      if (approval !== null) await this.approvals.tell(approval.id);
      return outcome;
    } catch (error) {
      // an unknown outcome counts as given
      isGiven ||= isDomainError(error, 'outcome_unknown');
      throw error;
    } finally {
      if (points > 0n) this.days.end(brand, day, points, isGiven);
    }
  }

  private count({ kind, brand, points, operatorPoints }: Issuance): void {
    given.inc({ brand, kind }, Number(points));
    if (operatorPoints > 0n) funded.inc({ brand }, Number(operatorPoints));
  }

  private agreedTo(issuance: Issuance, limit: keyof IssuingLimits): Promise<GivenApproval> {
    const { kind, brand, client, externalId, memberRef, points, figures, content } = issuance;
    const payload = { brand, externalId, memberRef, points: pointsToJson(points), ...figures() };
    const act = { act: `${kind}.large`, maker: client, payload: { ...payload, content: content().toString('hex') } };
    return this.approvals.given(act, { limit });
  }

  private async takeOfDay({ brand, client, points, limits }: Issuance, day: Day): Promise<void> {
    const limit = BigInt(limits.brandDay);
    for (;;) {
      const taken = this.days.take(brand, day, points, limit);
      // no promise if everything is in memory: this path is too busy for one
      const upTo = taken === null || typeof taken === 'bigint' ? taken : await taken;
      if (upTo === null) return;
      const payload = { brand, day: day.key, points: `${upTo}` };
      const approval = await this.askOnce({ act: 'brand_day.more', maker: client, payload });
      await this.days.agree(brand, day, upTo);
      await this.approvals.tell(approval.id);
    }
  }

  /** Calls that need the same approval share one request for it. */
  private askOnce(act: GuardedAct): Promise<GivenApproval> {
    const name = JSON.stringify(act);
    const running = this.asking.get(name);
    if (running !== undefined) return running;
    const asked = this.approvals.given(act, { limit: 'brandDay' }).finally(() => this.asking.delete(name));
    this.asking.set(name, asked);
    return asked;
  }
}
