import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG } from '#libs/http';
import { AllianceClock, dayBounds } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { PostingsService } from '../postings/postings.service.js';
import type { ReferralsConfig } from '../referrals.config.js';
import { ToldRepository } from './told.repository.js';

/** The fewest different buyers in a sum. A reader who knows all but one of them can still subtract. */
const FEWEST_BUYERS = 5;
/** Orders held in memory at a time. */
const SLICE = 500;

/**
 * Tells brands what their promoters earn on orders of other brands. A link, and a guide to own it, can be created for a single
 * member; each commission would then reveal what that member bought elsewhere, and when. Brands are therefore told once a day,
 * after holds end, in sums over at least five buyers of one promoter. Earnings on fewer buyers wait for more. A brand's own
 * earnings appear in its statement by day and seller, so there the five are buyers of one seller, and settlement receives them
 * only then.
 */
@Injectable()
export class ToldService {
  constructor(
    @Inject(CONFIG) private readonly config: ReferralsConfig,
    private readonly dataSource: DataSource,
    private readonly repository: ToldRepository,
    private readonly postings: PostingsService,
    private readonly clock: AllianceClock,
  ) {}

  /** Runs after days were closed. */
  async tell(): Promise<void> {
    const every = { brand: '*' };
    const day = await runInTransaction(this.dataSource, every, (tx) => this.repository.behind(tx));
    if (day === null) return;
    const until = dayBounds(this.clock.now(), this.config.zone).from;
    const due = await runInTransaction(this.dataSource, every, (tx) => this.repository.due(tx, until, FEWEST_BUYERS));
    for (const earning of due)
      await runInTransaction(this.dataSource, every, async (tx) => {
        const orders = await this.repository.tell(tx, until, FEWEST_BUYERS, earning);
        if (earning.seller === null || orders.length === 0) return;
        for (let at = 0; at < orders.length; at += SLICE)
          await this.postings.settle(tx, orders.slice(at, at + SLICE), earning.owner, until);
      });
    await runInTransaction(this.dataSource, every, (tx) => this.repository.done(tx, day));
  }
}
