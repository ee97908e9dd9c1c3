import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { columnsOf } from '../attribution/attribution.js';
import type { BuyerReach } from '../attribution/attribution.js';
import type { TouchKind } from './touches.dto.js';

export interface Touch {
  readonly id: string;
  readonly brand: string;
  readonly seller: string;
  readonly toldBy: string;
  readonly linkId: string;
  readonly kind: TouchKind;
  readonly walletId: string | null;
  readonly at: Date;
  readonly recordedAt: Date;
}

interface Row {
  id: string;
  brand: string;
  seller: string;
  told_by: string;
  link_id: string;
  kind: TouchKind;
  wallet_id: string | null;
  at: Date;
  recorded_at: Date;
}

/** Touches of one buyer at one seller that have a say on an order: nobody clicks more often in a year, but a script might. */
const MOST_TOUCHES = 500;

/** Every touch there was; none is ever changed. */
@Injectable()
export class TouchesRepository {
  async insert(tx: EntityManager, touch: Touch): Promise<void> {
    await tx.query(
      'insert into touch (id, brand, seller, told_by, link_id, kind, wallet_id, at, recorded_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
      [
        touch.id,
        touch.brand,
        touch.seller,
        touch.toldBy,
        touch.linkId,
        touch.kind,
        touch.walletId,
        touch.at,
        touch.recordedAt,
      ],
    );
  }

  /** One more click of a link on a day. */
  async count(tx: EntityManager, link: { id: string; brand: string }, day: string): Promise<void> {
    await tx.query(
      `insert into link_clicks as c (link_id, day, brand, clicks) values ($1, $2::date, $3, 1)
         on conflict (link_id, day) do update set clicks = c.clicks + 1`,
      [link.id, day, link.brand],
    );
  }

  async byIds(tx: EntityManager, ids: readonly string[]): Promise<Touch[]> {
    const rows: Row[] = await tx.query('select * from touch where id = any($1::uuid[])', [ids]);
    return rows.map(touchOf);
  }

  /** The newest touches of buyers with links of a seller that the seller told of and that were recorded in a span of time, earliest first. */
  async ofBuyers(tx: EntityManager, reaches: readonly BuyerReach[]): Promise<Touch[]> {
    const rows: Row[] = await tx.query(
      `select t.* from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) as g (wallet_id, seller, since, until)
         cross join lateral (
           select * from touch where wallet_id = g.wallet_id and seller = g.seller and told_by = seller and recorded_at between g.since and g.until
            order by recorded_at desc limit $5) t
        order by t.recorded_at, t.id`,
      [...columnsOf(reaches), MOST_TOUCHES],
    );
    return rows.map(touchOf);
  }
}

function touchOf(row: Row): Touch {
  return {
    id: row.id,
    brand: row.brand,
    seller: row.seller,
    toldBy: row.told_by,
    linkId: row.link_id,
    kind: row.kind,
    walletId: row.wallet_id,
    at: row.at,
    recordedAt: row.recorded_at,
  };
}
