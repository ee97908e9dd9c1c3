import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** Who earned, through which brand. */
export interface Earning {
  readonly owner: string;
  readonly through: string;
  readonly currency: string;
  /** On whose orders, where a brand earns by itself: its statement names the seller. Null: on whosesoever. */
  readonly seller: string | null;
}

/** The seller that counts apart. */
const SELLER = `case when p.owner like 'brand:%' then c.brand end`;

/** Shares that their brand does not know of, over their hold by a time, of whom nothing is taken back any more without a debt. */
const DUE = `from commission_party p join commission c on c.id = p.commission_id
   where not p.told and p.held > 0 and c.state in ('held', 'payable', 'paid') and c.hold_until <= $1`;

@Injectable()
export class ToldRepository {
  /** The last closed day, if brands were not told up to it. */
  async behind(tx: EntityManager): Promise<string | null> {
    const rows: { through: string }[] = await tx.query('select through from closed_days where told < through');
    return rows[0]?.through ?? null;
  }

  async done(tx: EntityManager, day: string): Promise<void> {
    await tx.query('update closed_days set told = $1::date where told < $1::date', [day]);
  }

  /** Who has earned by now on orders of at least so many buyers. */
  async due(tx: EntityManager, until: Date, buyers: number): Promise<Earning[]> {
    return tx.query(
      `select p.owner, p.through, p.currency, ${SELLER} as seller ${DUE}
        group by 1, 2, 3, 4 having count(distinct c.wallet_id) >= $2 order by 1, 2, 3, 4`,
      [until, buyers],
    );
  }

  /** Tells the brand all of it at once, unless too few buyers are left meanwhile; answers of which orders. */
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
    // read when nobody else can tell them any more
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
