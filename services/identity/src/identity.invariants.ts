import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Check, Invariants } from '#libs/http';
import { runInTransaction } from '#libs/postgres';

const CHECKS: readonly { name: string; expected: string; sql: string }[] = [
  {
    name: 'identity: one signing key is current',
    expected: '1',
    sql: `select count(*)::text as measured from signing_key where status = 'current'`,
  },
  {
    name: 'identity: clients with more than two live secrets',
    expected: '0',
    sql: `select count(*)::text as measured from (
            select client_id from client_secret where revoked_at is null group by client_id having count(*) > 2) crowded`,
  },
];

@Injectable()
export class IdentityInvariants implements Invariants {
  constructor(private readonly dataSource: DataSource) {}

  async check(): Promise<Check[]> {
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const checks: Check[] = [];
      for (const { name, expected, sql } of CHECKS) {
        const rows: { measured: string }[] = await tx.query(sql);
        const measured = rows[0]?.measured ?? '';
        checks.push({ name, ok: measured === expected, expected, measured });
      }
      return checks;
    });
  }
}
