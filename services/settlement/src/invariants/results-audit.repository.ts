import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** Compares stored results of all cycles with each other. Each query returns the cycles and parties that violate its rule. */
@Injectable()
export class ResultsAuditRepository {
  /** Positions sum to 0 if nothing is in dispute, and match the statements of brands. */
  async positions(tx: EntityManager): Promise<string> {
    return named(
      tx,
      `with told as (select distinct on (cycle, party) cycle, party, net from statement order by cycle, party, version desc)
       select cycle as broken from net_position group by cycle having sum(net) <> 0 or max(abs(disputed)) <> 0
       union all
       select cycle || '/' || party from net_position p full join told using (cycle, party)
        where cycle in (select cycle from net_position) and party like 'brand:%'
          and coalesce(p.net, 0) <> coalesce(told.net, 0)`,
    );
  }

  /** A redeemer's reimbursements by group equal its redemptions in the matrix. */
  async matrix(tx: EntityManager): Promise<string> {
    return named(
      tx,
      `select coalesce(g.cycle, m.cycle) || '/' || coalesce(g.party, m.party) as broken
         from (select cycle, payee as party, sum(amount_micro) as amount from frozen_group where kind = 'reimbursement' group by 1, 2) g
         full join (select cycle, redeemer as party, sum(amount_micro) as amount from frozen_matrix group by 1, 2) m
           on m.cycle = g.cycle and m.party = g.party
        where coalesce(g.amount, 0) <> coalesce(m.amount, 0)`,
    );
  }
}

async function named(tx: EntityManager, sql: string): Promise<string> {
  const rows: { broken: string }[] = await tx.query(`select broken from (${sql}) x order by 1 limit 5`);
  return rows.map(({ broken }) => broken).join(' ');
}
