import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import type { Check, Invariants } from '#libs/http';
import { runAudit } from '#libs/postgres';
import { CommissionsAudit } from '../commissions/commissions-audit.service.js';

const SHOWN = 5;

/** What must hold in the books of referrals, measured now. Each query names what breaks its rule. */
const RULES: readonly (readonly [string, string])[] = [
  [
    'referrals: first legs of every commission sum to the used part of its pool',
    `select c.id::text as broken from commission c
       left join (select commission_id, sum(amount) as posted from leg where amount > 0 group by 1) l on l.commission_id = c.id
      where coalesce(l.posted, 0) <> c.used or c.used > c.pool`,
  ],
  [
    'referrals: what parties hold is the sum of their legs',
    `select p.commission_id || ' ' || p.party as broken from commission_party p
       left join (select commission_id, party, sum(amount) as held from leg group by 1, 2) l using (commission_id, party)
      where coalesce(l.held, 0) <> p.held`,
  ],
  [
    'referrals: remaining base is what the lines have left',
    `select c.id::text as broken from commission c
      where c.remaining <> (select coalesce(sum((l->>'net')::bigint - (l->>'returned')::bigint), 0) from jsonb_array_elements(c.lines) l)`,
  ],
  [
    'referrals: nobody has taken more than he holds and owes',
    `select d.owner as broken from (select commission_id, party, owner, sum(amount - given_back) as drawn from earning_draw group by 1, 2, 3) d
       join commission_party p using (commission_id, party) where d.drawn > p.held`,
  ],
  [
    'referrals: earnings wallets are the sums of their legs',
    `select coalesce(w.owner, l.owner) || ' ' || coalesce(w.currency, l.currency) as broken
       from (select owner, currency, sum(held) as total from commission_party group by 1, 2) w
       full join (select owner, currency, sum(amount) as total from leg group by 1, 2) l using (owner, currency)
      where coalesce(w.total, 0) <> coalesce(l.total, 0)`,
  ],
  [
    'referrals: nobody was introduced by somebody who was introduced',
    'select a.owner as broken from introduction a join introduction b on b.owner = a.introducer',
  ],
];

@Injectable()
export class ReferralsInvariants implements Invariants {
  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: CommissionsAudit,
  ) {}

  async check(): Promise<Check[]> {
    return runAudit(this.dataSource, async (tx) => {
      const checks: Check[] = [];
      for (const [name, sql] of RULES) checks.push(checkOf(name, await broken(tx, sql)));
      checks.push(
        checkOf('referrals: nobody holds more than the split of what remains', await this.audit.aboveTarget(tx)),
      );
      return checks;
    });
  }
}

async function broken(tx: EntityManager, sql: string): Promise<string[]> {
  const rows: { broken: string }[] = await tx.query(`select broken from (${sql}) x order by 1 limit ${SHOWN}`);
  return rows.map((row) => row.broken);
}

function checkOf(name: string, faults: readonly string[]): Check {
  return {
    name,
    ok: faults.length === 0,
    expected: 'none',
    measured: faults.length === 0 ? 'none' : faults.join(', '),
  };
}
