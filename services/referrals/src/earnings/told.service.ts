import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG } from '#libs/http';
import { AllianceClock, dayBounds } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { PostingsService } from '../postings/postings.service.js';
import type { ReferralsConfig } from '../referrals.config.js';
import { ToldRepository } from './told.repository.js';

/** No sum is about fewer different buyers. Who knows all but one of them can still subtract. */
const FEWEST_BUYERS = 5;
/** Orders in memory at a time. */
const SLICE = 500;

/**
 * What a brand is told of what its promoters earn on orders of other brands. A link, and a guide to own it, can be made for a single member:
 * then each commission would tell what that member bought elsewhere, and when. So it is told once a day, when holds are over, and in sums
 * over at least five buyers of one promoter; what is earned on fewer waits for more. What a brand earns by itself stands in its statement by
 * day and seller, so the five are buyers of one seller there, and settlement hears of it only then.
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

  /** After days were closed. */
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
