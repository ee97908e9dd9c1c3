import { Injectable } from '@nestjs/common';

import { AllianceClock, fail, requestHash, uuidv7For } from '#libs/kernel';

import { Postings } from '../posting/postings.service.js';
import { Trading } from '../trading/trading.service.js';
import { originOf } from './reward.js';
import type { Reward } from './reward.js';

/**
 * Books points that no brand asked for over the API: a seller's rebate on a referred order, earnings that a member turned into
 * points of the operator. The key makes every repeat find the first posting. A rebate that was decided on after the seller's contract
 * ended is given all the same, under the terms that were in force last.
 */
@Injectable()
export class Rewards {
  constructor(
    private readonly clock: AllianceClock,
    private readonly trading: Trading,
    private readonly postings: Postings,
  ) {}

  async book(reward: Reward): Promise<void> {
    if (reward.points === 0n) return;
    const { issuer, reason, walletId, points, occurredAt } = reward;
    const now = this.clock.now();
    const terms = await this.trading.promisedBy(issuer, now);
    const common = {
      kind: 'grant' as const,
      id: uuidv7For(walletId),
      originId: originOf(reward),
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
    // a full wallet is the only decline there is: the event waits for the operator
    if (outcome.verdict === 'declined') fail(outcome.code ?? 'internal_error');
  }
}
