import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { PayeeDecision } from './erased-payees.answers.js';
import { PAYEE_DECISIONS } from './payouts.tables.js';
import type { DecidedPayee } from './payouts.tables.js';

export interface ErasedPayee {
  readonly owner: string;
  /** Amount past its hold, debts not deducted. */
  readonly owed: bigint;
  readonly decision: PayeeDecision | null;
}

@Injectable()
export class ErasedPayeesRepository {
  async page(
    tx: EntityManager,
    currency: string,
    now: Date,
    after: string | null,
    limit: number,
  ): Promise<ErasedPayee[]> {
    const rows: { owner: string; owed: string; decision: PayeeDecision | null }[] = await tx.query(
      `select p.owner, sum(p.held - p.taken)::text as owed,
              (select decision from erased_payee_decision d where d.owner = p.owner and d.currency = $1 order by d.id desc limit 1) as decision
         from commission_party p join commission c on c.id = p.commission_id
        where p.currency = $1 and p.held > p.taken and p.owner ~ '^(wallet|store|guide):' and ($2::text is null or p.owner > $2)
          and c.state in ('payable', 'paid') and c.hold_until <= $3 and person_erased(p.owner)
        group by p.owner order by p.owner limit $4`,
      [currency, after, now, limit],
    );
    return rows.map((row) => ({ ...row, owed: BigInt(row.owed) }));
  }

  async erased(tx: EntityManager, owner: string): Promise<boolean> {
    const [row]: { erased: boolean }[] = await tx.query('select person_erased($1) as erased', [owner]);
    return row?.erased === true;
  }

  async barred(tx: EntityManager, currency: string, owners: readonly string[]): Promise<string[]> {
    const rows: { owner: string }[] = await tx.query(
      'select owner from unnest($1::text[]) owner where payee_barred(owner, $2) order by 1',
      [owners, currency],
    );
    return rows.map(({ owner }) => owner);
  }

  async insert(tx: EntityManager, decided: DecidedPayee): Promise<void> {
    await PAYEE_DECISIONS.insert(tx, [decided]);
  }
}
