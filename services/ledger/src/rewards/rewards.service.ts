import { Injectable } from '@nestjs/common';

import { DataSource } from 'typeorm';

import { AllianceClock, isDomainError, requestHash, uuidv7For } from '#libs/kernel';
import { counter } from '#libs/observability';
import { runInTransaction } from '#libs/postgres';

import { BrandDaysService } from '../limits/brand-days.service.js';
import { OPERATOR as ISSUED_BY_OPERATOR } from '../postings/issuer.js';
import type { ContractTerms } from '../postings/contract-terms.js';
import { PostingsService } from '../postings/postings.service.js';
import { TradingService } from '../trading/trading.service.js';
import { DeclinedRewardsRepository } from './declined-rewards.repository.js';
import { originOf } from './reward.js';
import type { Reward } from './reward.js';

const declines = counter(
  'hezong_ledger_rewards_declined_total',
  'Declined rewards: the issuer had no contract, they exceeded what it gives without a second person, or the wallet was full.',
  ['issuer'],
);
const OPERATOR = { brand: '*' };

/**
 * Books points that no brand asked for over the API: a seller's rebate on a referred order, earnings that a member turned into
 * points of the operator. The key makes every repeat find the first posting. A rebate that was decided on after the seller's contract
 * ended is given all the same, under the terms that were in force last. Of a brand that never had one nobody can be paid, a full wallet
 * takes no more, and neither one order nor a member's day gets more than the seller's contract lets it give by itself: that is declined
 * for good and kept for the operator, as is what would take it back, and what comes after it for the member goes on. What is given counts
 * in the member's and the seller's day.
 * Every repeat answers what the first did.
 */
@Injectable()
export class RewardsService {
  constructor(
    private readonly clock: AllianceClock,
    private readonly dataSource: DataSource,
    private readonly declined: DeclinedRewardsRepository,
    private readonly trading: TradingService,
    private readonly days: BrandDaysService,
    private readonly postings: PostingsService,
  ) {}

  /** Books a reward; answers why it was declined for good, or null where it was posted. */
  async book(reward: Reward): Promise<string | null> {
    if (reward.points === 0n) return null;
    const { issuer, reason, walletId, points, occurredAt } = reward;
    const now = this.clock.now();
    const originId = originOf(reward);
    const earlier = await this.declinedBefore(reward, originId);
    if (earlier !== null) return reward.afterDecline ? earlier : this.decline(reward, originId, earlier, now);
    // by the limits of the reward's own time, so that a repeat under another contract finds the same
    const limits = await this.trading.limitsOf(issuer, occurredAt);
    if (limits !== null && points > BigInt(limits.order))
      return this.decline(reward, originId, 'second_person_needed', now);
    const terms = await this.termsOf(issuer, now);
    if (terms === null) return this.decline(reward, originId, 'role_missing', now);
    const common = {
      kind: 'reward' as const,
      id: uuidv7For(walletId),
      originId,
      brand: issuer,
      issuer,
      externalId: reward.key,
      requestHash: requestHash(['reward', reason, issuer, walletId, points, reward.purpose]),
      result: {},
      walletId,
      memberRef: null,
      occurredAt,
      postedAt: now,
    };
    const outcome =
      points < 0n
        ? await this.postings.takeBack({ ...common, terms, points: -points })
        : await this.postings.accrue({
            ...common,
            store: null,
            ...(limits === null ? {} : { day: { from: this.days.dayOf(now).from, limit: limits.memberDay } }),
            lots: [
              {
                id: uuidv7For(walletId),
                terms,
                points,
                availableFrom: null,
                expiresAt: null,
                campaign: null,
                reason,
              },
            ],
          });
    if (outcome.verdict === 'over_day') return this.decline(reward, originId, 'second_person_needed', now);
    // a full wallet is the only other decline there is
    if (outcome.verdict === 'declined') {
      return this.decline(reward, originId, outcome.code ?? 'wallet_limit_exceeded', now);
    }
    if (issuer !== ISSUED_BY_OPERATOR && points > 0n && !outcome.replayed) {
      const day = this.days.dayOf(now);
      await this.days.add(issuer, day, points);
      this.days.end(issuer, day, points, true);
    }
    return null;
  }

  /** Conversions of a wallet stand under one origin: what takes one back names it. */
  private declinedBefore({ issuer, walletId, key, undoes }: Reward, originId: string): Promise<string | null> {
    const keys = undoes === null ? [key] : [key, undoes];
    const origin = issuer === ISSUED_BY_OPERATOR ? null : originId;
    return runInTransaction(this.dataSource, OPERATOR, (tx) => this.declined.causeOf(tx, walletId, keys, origin));
  }

  private async termsOf(issuer: string, now: Date): Promise<ContractTerms | null> {
    try {
      return await this.trading.promisedBy(issuer, now);
    } catch (error) {
      if (isDomainError(error, 'role_missing')) return null;
      throw error;
    }
  }

  private async decline(reward: Reward, originId: string, cause: string, now: Date): Promise<string> {
    const { walletId, issuer } = reward;
    const row = { ...reward, cause, id: uuidv7For(walletId), declinedAt: now };
    const isNew = await runInTransaction(this.dataSource, OPERATOR, (tx) =>
      this.declined.add(tx, walletId, originId, row),
    );
    if (isNew) declines.inc({ issuer });
    return cause;
  }
}
