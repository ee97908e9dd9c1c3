import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

@Injectable()
export class DisclosureRepository {
  async closedUntil(tx: EntityManager, zone: string): Promise<Date> {
    const [row]: { until: Date }[] = await tx.query(
      'select (through + 1)::timestamp at time zone $1 as until from closed_days',
      [zone],
    );
    if (row === undefined) throw new Error('the row of closed days is gone');
    return row.until;
  }

  /** Earnings of each distributor on closed days. Includes everybody who had a link (of the offer) by then, also with no earnings. */
  async earnings(
    tx: EntityManager,
    { currency, offerId, until }: { currency: string; offerId: string | null; until: Date },
  ): Promise<bigint[]> {
    const rows: { earned: string }[] = await tx.query(
      `select coalesce((select sum(l.amount) from leg l join commission c on c.id = l.commission_id
                         where l.owner = d.owner and l.party = 'distributor' and l.currency = $1 and l.day <= (select through from closed_days)
                           and ($2::uuid is null or c.offer_id = $2)), 0)::text as earned
         from (select owner from link where created_at < $3 and ($2::uuid is null or offer_id = $2)
                union select owner from distributor where created_at < $3 and $2::uuid is null) d`,
      [currency, offerId, until],
    );
    return rows.map(({ earned }) => BigInt(earned));
  }
}
