import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** What one distributor earned as such. */
export interface Earned {
  readonly amount: bigint;
  /** A person who promotes for other brands than the reader. */
  readonly foreignMember: boolean;
}

@Injectable()
export class DisclosureRepository {
  /** When the last closed day ended. */
  async closedUntil(tx: EntityManager, zone: string): Promise<Date> {
    const [row]: { until: Date }[] = await tx.query(
      'select (through + 1)::timestamp at time zone $1 as until from closed_days',
      [zone],
    );
    if (row === undefined) throw new Error('the row of closed days is gone');
    return row.until;
  }

  /** On closed days, of everybody who by then had a link (of the offer), also those who earned nothing. */
  async earnings(
    tx: EntityManager,
    { currency, offerId, reader, until }: { currency: string; offerId: string | null; reader: string; until: Date },
  ): Promise<Earned[]> {
    const rows: { earned: string; foreign_member: boolean }[] = await tx.query(
      `select d.foreign_member,
              coalesce((select sum(l.amount) from leg l join commission c on c.id = l.commission_id
                         where l.owner = d.owner and l.party = 'distributor' and l.currency = $1 and l.day <= (select through from closed_days)
                           and ($2::uuid is null or c.offer_id = $2)), 0)::text as earned
         from (select owner, bool_or(kind = 'member' and brand <> $3) as foreign_member
                 from (select owner, owner_kind as kind, brand from link where created_at < $4 and ($2::uuid is null or offer_id = $2)
                       union select owner, kind, brand from distributor where created_at < $4 and $2::uuid is null) known
                group by owner) d`,
      [currency, offerId, reader, until],
    );
    return rows.map((row) => ({ amount: BigInt(row.earned), foreignMember: row.foreign_member }));
  }
}
