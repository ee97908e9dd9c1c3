import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AllianceClock } from '#libs/kernel';
import { contributorShare } from '../commissions/commission.js';
import { MembersService } from '../members/members.service.js';
import { PostingsService } from '../postings/postings.service.js';
import { OrdersRepository } from './orders.repository.js';

/** Handles contributors that became known after their buyers' commissions had been opened without them. */
@Injectable()
export class LateBindingsService {
  constructor(
    private readonly repository: OrdersRepository,
    private readonly postings: PostingsService,
    private readonly members: MembersService,
    private readonly clock: AllianceClock,
  ) {}

  async earn(tx: EntityManager, walletIds: readonly string[]): Promise<void> {
    const late = await this.repository.takeUnbound(tx, walletIds);
    if (late.length === 0) return;
    const known = await this.members.contributors(tx, walletIds);
    for (const commission of late) {
      const share = contributorShare(await this.members.present(known.get(commission.walletId)), commission.brand);
      if (share === null || ENDED.includes(commission.state)) continue;
      await this.repository.addShares(tx, [{ ...commission, shares: [share] }]);
      await this.postings.join(tx, commission, share, this.clock.now());
    }
  }
}

const ENDED = ['cancelled', 'duplicate', 'reversed'];
