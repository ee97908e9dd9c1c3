import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

@Injectable()
export class DisclosureRepository {
  /** What each distributor earned as such: everybody who ever had a link (of the offer), also those who earned nothing. */
  async earnings(tx: EntityManager, currency: string, offerId: string | null): Promise<bigint[]> {
    const rows: { earned: string }[] = await tx.query(
      `select coalesce((select sum(p.held) from commission_party p join commission c on c.id = p.commission_id
                         where p.owner = d.owner and p.party = 'distributor' and p.currency = $1 and ($2::uuid is null or c.offer_id = $2)), 0)::text as earned
         from (select distinct owner from link where $2::uuid is null or offer_id = $2
               union select owner from distributor where $2::uuid is null) d`,
      [currency, offerId],
    );
    return rows.map(({ earned }) => BigInt(earned));
  }
}
