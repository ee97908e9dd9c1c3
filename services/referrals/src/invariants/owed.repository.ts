import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Decimal, MICRO_SCALE } from '#libs/kernel';

@Injectable()
export class OwedRepository {
  /**
   * Amounts that sellers owe to persons, paid out or not, by currency: their legs minus the cost of their conversions. The remainder
   * that a conversion sends to rounding is not part of its cost, so it stays here. A buyer's rebate is points, not money.
   */
  async toPersons(tx: EntityManager): Promise<{ currency: string; amount: Decimal }[]> {
    const rows: { currency: string; micro: string }[] = await tx.query(
      `select currency, sum(micro)::text as micro from (
         select currency, amount::numeric * 1000000 as micro from leg where payee = 'members' and party <> 'memberRebate'
         union all select currency, -cost_micro from conversion) moved
       group by currency order by currency`,
    );
    return rows.map(({ currency, micro }) => ({ currency, amount: Decimal.fromScaled(BigInt(micro), MICRO_SCALE) }));
  }
}
