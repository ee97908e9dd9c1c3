import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** An earner and the brand through which they earn. */
export interface Earning {
  readonly owner: string;
  readonly through: string;
  readonly currency: string;
  /** The seller, for a brand's own earnings: its statement names the seller. Null: any seller. */
  readonly seller: string | null;
}

/** The seller as a separate key, for a brand's own earnings only. */
const SELLER = `case when p.owner like 'brand:%' then c.brand end`;

/** Shares past their hold (at $1) that their brand has not been told of. */
const DUE = `from commission_party p join commission c on c.id = p.commission_id
   where not p.told and p.held > 0 and c.state in ('held', 'payable', 'paid') and c.hold_until <= $1`;

@Injectable()
export class ToldRepository {
  /** The last closed day if brands have not been told up to it, else null. */
  async behind(tx: EntityManager): Promise<string | null> {
    const rows: { through: string }[] = await tx.query('select through from closed_days where told < through');
    return rows[0]?.through ?? null;
  }

  async done(tx: EntityManager, day: string): Promise<void> {
    await tx.query('update closed_days set told = $1::date where told < $1::date', [day]);
  }

  /** Earners with orders of at least `buyers` buyers by now. */
  async due(tx: EntityManager, until: Date, buyers: number): Promise<Earning[]> {
    return tx.query(
      `select p.owner, p.through, p.currency, ${SELLER} as seller ${DUE}
        group by 1, 2, 3, 4 having count(distinct c.wallet_id) >= $2 order by 1, 2, 3, 4`,
      [until, buyers],
    );
  }

  /** Tells the brand all of it in one step, unless too few buyers are left. Returns the orders. */
  async tell(
    tx: EntityManager,
    until: Date,
    buyers: number,
    { owner, through, currency, seller }: Earning,
  ): Promise<string[]> {
    const which = `${DUE} and p.owner = $2 and p.through = $3 and p.currency = $4 and ${SELLER} is not distinct from $5`;
    const values = [until, owner, through, currency, seller];
    await tx.query(
      `select from commission where id in (select p.commission_id ${which}) order by id for update`,
      values,
    );
    // read once no other transaction can tell them
    const rows: { id: string; order_id: string; wallet_id: string }[] = await tx.query(
      `select distinct c.id, c.order_id, c.wallet_id ${which} order by c.id`,
      values,
    );
    if (new Set(rows.map((row) => row.wallet_id)).size < buyers) return [];
    await tx.query(
      `update commission_party set told = true
        where commission_id = any ($1::uuid[]) and owner = $2 and through = $3 and currency = $4 and not told`,
      [rows.map(({ id }) => id), owner, through, currency],
    );
    return rows.map((row) => row.order_id);
  }
}
