import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** Who earned, through which brand. */
export interface Earning {
  readonly owner: string;
  readonly through: string;
  readonly currency: string;
}

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
      `select p.owner, p.through, p.currency ${DUE} group by 1, 2, 3 having count(distinct c.wallet_id) >= $2 order by 1, 2, 3`,
      [until, buyers],
    );
  }

  /** Tells the brand all of it at once, unless too few buyers are left meanwhile. */
  async tell(tx: EntityManager, until: Date, buyers: number, { owner, through, currency }: Earning): Promise<void> {
    const rows: { id: string; wallet_id: string }[] = await tx.query(
      `select c.id, c.wallet_id from commission c
        where c.id in (select p.commission_id ${DUE} and p.owner = $2 and p.through = $3 and p.currency = $4) order by c.id for update`,
      [until, owner, through, currency],
    );
    if (new Set(rows.map((row) => row.wallet_id)).size < buyers) return;
    await tx.query(
      `update commission_party set told = true
        where commission_id = any ($1::uuid[]) and owner = $2 and through = $3 and currency = $4 and not told`,
      [rows.map(({ id }) => id), owner, through, currency],
    );
  }
}
