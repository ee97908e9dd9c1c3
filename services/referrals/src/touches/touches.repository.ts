import { Injectable } from '@nestjs/common';
import { Any } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { columnsOf } from '../attribution/attribution.js';
import type { BuyerReach } from '../attribution/attribution.js';
import { TOUCHES } from './touches.tables.js';
import type { Touch } from './touches.tables.js';

/** The most touches of one buyer at one seller that count for an order. No person clicks more often in a year, but a script might. */
const MOST_TOUCHES = 500;

/** All touches. A touch is never changed. */
@Injectable()
export class TouchesRepository {
  async insert(tx: EntityManager, touch: Touch): Promise<void> {
    await TOUCHES.insert(tx, [touch]);
  }

  async count(tx: EntityManager, link: { id: string; brand: string }, day: string): Promise<void> {
    await tx.query(
      `insert into link_clicks as c (link_id, day, brand, clicks) values ($1, $2::date, $3, 1)
         on conflict (link_id, day) do update set clicks = c.clicks + 1`,
      [link.id, day, link.brand],
    );
  }

  byIds(tx: EntityManager, ids: readonly string[]): Promise<Touch[]> {
    return tx.findBy(TOUCHES, { id: Any(ids) });
  }

  /** The newest touches of buyers with links of a seller, reported by the seller and recorded in a span of time, earliest first. */
  ofBuyers(tx: EntityManager, reaches: readonly BuyerReach[]): Promise<Touch[]> {
    return TOUCHES.query(
      tx,
      `select t.* from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) as g (wallet_id, seller, since, until)
         cross join lateral (
           select * from touch where wallet_id = g.wallet_id and seller = g.seller and told_by = seller and recorded_at between g.since and g.until
            order by recorded_at desc limit $5) t
        order by t.recorded_at, t.id`,
      [...columnsOf(reaches), MOST_TOUCHES],
    );
  }
}
