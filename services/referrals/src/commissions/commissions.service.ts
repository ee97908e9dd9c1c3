import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { idempotent, MOST_COUNTED } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import {
  AllianceClock,
  decodeCursor,
  fail,
  formatInstant,
  idFromUuid,
  pageOf,
  pointsToJson,
  uuidFromId,
} from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { ReaderKey, runInTransaction } from '#libs/postgres';
import type { Decision } from '../attribution/attribution.js';
import { AttributionService } from '../attribution/attribution.service.js';
import { LegSaltsService } from '../days/leg-salts.service.js';
import { shownPayee } from '../distributors/owner.js';
import { PostingsService } from '../postings/postings.service.js';
import type { Leg } from '../postings/postings.tables.js';
import { SandboxTimeService } from '../programmes/sandbox-time.service.js';
import { shownState } from './commission.js';
import type { Commission } from './commission.js';
import { CommissionsRepository } from './commissions.repository.js';
import type { CommissionInFullView, CommissionView, DecisionView } from './commissions.answers.js';

const BATCH = 500;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface CommissionsFilter {
  readonly state?: string | null | undefined;
  /** Only those with a leg recorded on this day. */
  readonly day?: string | null | undefined;
  readonly limit: number;
  readonly after?: string | undefined;
}

/** Reads commissions, ends holds, and records the operator's decisions on suspicions. */
@Injectable()
export class CommissionsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: CommissionsRepository,
    private readonly postings: PostingsService,
    private readonly attribution: AttributionService,
    private readonly clock: AllianceClock,
    private readonly time: SandboxTimeService,
    private readonly salts: LegSaltsService,
    private readonly key: ReaderKey,
  ) {}

  async releaseDue(): Promise<void> {
    for (let more = BATCH; more === BATCH;) {
      more = await runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
        await this.time.tell(tx);
        return this.repository.release(tx, this.clock.now(), BATCH);
      });
    }
  }

  countDue(): Promise<number> {
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.repository.countDue(tx, this.clock.now(), MOST_COUNTED),
    );
  }

  /**
   * Commissions on the seller's orders with every leg; other brands are not named. For the operator (`brand` null): all commissions,
   * with all names.
   */
  async list(
    brand: string | null,
    { state = null, day = null, limit, after }: CommissionsFilter,
  ): Promise<Page<CommissionView>> {
    const position = after === undefined ? null : decodeCursor(after, 2).map(String);
    const [postedAt = '', id = ''] = position ?? [];
    if (position !== null && (Number.isNaN(Date.parse(postedAt)) || !UUID.test(id))) fail('cursor_invalid');
    return runInTransaction(this.dataSource, { brand: brand ?? '*' }, async (tx) => {
      const rows = await this.repository.page(tx, {
        brand,
        state,
        day,
        limit: limit + 1,
        now: this.clock.now(),
        after: position === null ? null : { postedAt, id: this.key.unmasked(id) },
      });
      const page = pageOf(rows, limit, (row) => [row.postedAt.toISOString(), this.key.masked(row.id)]);
      const legs = await this.postings.legsOf(
        tx,
        page.data.map((row) => row.id),
      );
      return { ...page, data: page.data.map((row) => this.document(row, legs, brand)) };
    });
  }

  async one(brand: string, id: string): Promise<CommissionInFullView> {
    const uuid = this.uuidOf(id);
    return runInTransaction(this.dataSource, { brand }, async (tx) => {
      const commission = await this.repository.find(tx, uuid);
      if (commission === null || commission.brand !== brand) return fail('not_found');
      const decision = await this.attribution.find(tx, commission.orderId);
      const legs = await this.postings.legsOf(tx, [uuid]);
      return { ...this.document(commission, legs, brand), decision: decision && shownDecision(decision) };
    });
  }

  /** The operator's decision on a suspicion: the commission proceeds, or its postings are reversed. It is never deleted. */
  resolve(call: KeyedCall, id: string, verdict: 'release' | 'cancel', reason: string): Promise<Reply<CommissionView>> {
    return idempotent(this.dataSource, { ...call, route: `holds.${verdict}`, body: [id, reason] }, async (tx) => {
      const uuid = this.uuidOf(id);
      const commission = (await this.repository.lock(tx, uuid)) ?? fail('not_found');
      if (commission.state !== 'fraud_hold') fail('commission_state');
      const noted = `${commission.reason ?? ''}: ${verdict} by ${call.caller}: ${reason}`;
      const state = verdict === 'cancel' ? 'cancelled' : commission.holdUntil === null ? 'pending' : 'held';
      if (verdict === 'cancel') await this.postings.cancel(tx, commission, this.clock.now());
      await this.repository.resolve(tx, { id: uuid, state, reason: noted });
      const after = (await this.repository.find(tx, uuid)) ?? fail('not_found');
      return { status: 200, body: this.document(after, await this.postings.legsOf(tx, [uuid]), null) };
    });
  }

  /**
   * Masks ids. Internal ids are ordered by time, and orders of one wallet are handled in one batch at both brands, so close ids
   * would link their members.
   */
  private uuidOf(id: string): string {
    return this.key.unmasked(uuidFromId('cm', id) ?? fail('not_found'));
  }

  /** The commission as a brand reads it, or the operator (null). */
  private document(commission: Commission, legs: readonly Leg[], reader: string | null): CommissionView {
    const amount = pointsToJson;
    const payeeOf = (payee: string): string => (reader === null ? payee : shownPayee(payee, reader));
    return {
      id: idFromUuid('cm', this.key.masked(commission.id)),
      orderId: commission.orderExternalId,
      memberRef: commission.memberRef,
      storeRef: commission.store,
      offerId: commission.offerId === null ? null : idFromUuid('of', commission.offerId),
      // the promoter may have made either one for a single member, so only the operator sees them
      ...(reader === null
        ? {
            linkId: commission.linkId === null ? null : idFromUuid('lk', commission.linkId),
            campaign: commission.campaign,
          }
        : {}),
      ...(reader === null
        ? { state: commission.state, reason: commission.reason }
        : shownState(commission, this.clock.now())),
      currency: commission.currency,
      plan: commission.plan,
      base: amount(commission.base),
      remaining: amount(commission.remaining),
      rest: amount(commission.rest),
      restRemaining: amount(commission.restRemaining),
      pool: amount(commission.pool),
      used: amount(commission.used),
      returnedToPayer: amount(commission.pool - commission.used),
      parties: commission.shares.map(({ party, payee, held }) => ({
        party,
        payee: payeeOf(payee),
        held: amount(held),
      })),
      legs: legs
        .filter(({ commissionId }) => commissionId === commission.id)
        .map((leg) => ({
          id: idFromUuid('lg', leg.id),
          entryId: idFromUuid('ce', leg.entryId),
          party: leg.party,
          payee: payeeOf(leg.payee),
          amount: amount(leg.amount),
          currency: leg.currency,
          reverses: leg.reversesLegId === null ? null : idFromUuid('lg', leg.reversesLegId),
          day: leg.day,
          postedAt: formatInstant(leg.postedAt),
          ...(reader === null ? {} : { salt: this.salts.of(reader, leg.id) }),
        })),
      occurredAt: formatInstant(commission.occurredAt),
      receivedAt: commission.receivedAt === null ? null : formatInstant(commission.receivedAt),
      holdUntil: commission.holdUntil === null ? null : formatInstant(commission.holdUntil),
    };
  }
}

/**
 * A decision as the seller reads it. Clicks that the order did not name are only shown as existing, because their promoter has the
 * same ids.
 */
function shownDecision(decision: Decision): DecisionView {
  return {
    ...decision,
    refused: decision.refused.map((claim) => (claim.kind === 'click' ? { ...claim, value: null } : claim)),
  };
}
