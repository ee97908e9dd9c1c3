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
 * Posts points that no brand requested over the API: a seller's rebate on a referred order, or earnings that a member converted into
 * points of the operator. The key makes every repeat find the first posting. A rebate decided on after the seller's contract ended
 * is still given, under the last terms in force. A reward is declined permanently if the seller never had a contract, if the wallet
 * is full, or if it exceeds what the seller's contract allows per order or per member and day without approval. Declined rewards are
 * stored for the operator, as is anything that would take them back; later rewards of the member proceed. Points given count in the
 * member's and the seller's day. Every repeat gets the first result.
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

  /** Posts a reward; returns the reason if it was declined permanently, or null if it was posted. */
  async book(reward: Reward): Promise<string | null> {
    if (reward.points === 0n) return null;
    const { issuer, reason, walletId, points, occurredAt } = reward;
    const now = this.clock.now();
    const originId = originOf(reward);
    const earlier = await this.declinedBefore(reward, originId);
    if (earlier !== null) return reward.afterDecline ? earlier : this.decline(reward, originId, earlier, now);
    // the limits at the reward's own time, so that a repeat under another contract has the same result
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
    // a full wallet is the only other possible decline
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

  /**
   * Finds an earlier decline of the reward, or of the reward it takes back. All conversions of a wallet share one origin, so for
   * them only the keys count.
   */
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
