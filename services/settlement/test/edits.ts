import pg from 'pg';
import { runInTransaction } from '#libs/postgres';
import { lineDigest } from '../src/entries/line.js';
import { LinesService } from '../src/lines/lines.service.js';
import type { SettlementUnderTest } from './settlement-under-test.js';

/** All columns of a line but the generated one. */
export const COLUMNS = `id, cycle, day, reader, own_id, type, posting_id, lot_id, original_line_id, original_posting_id, wallet_id, actor, actor_member_ref, occurred_at, posted_at, payer, payee, issuer,
  redeemer, store, asset, points, price_micro, fixed_micro, currency, reference, issuer_contract, redeemer_contract, funding_mode, funders, campaign,
  earned_at, expires_at, digest`;

/** Edits that the owner of the server can make: past triggers, with digests that fit. */
export interface Edits {
  admin: pg.Client;
  /** Edits one line. */
  rewrite(where: string, set: string): Promise<void>;
  /** Copies one line under another id, changed in these columns. */
  copy(where: string, changed?: Record<string, string>): Promise<void>;
  remove(where: string): Promise<void>;
  end(): Promise<void>;
}

export async function editsOf(under: SettlementUnderTest): Promise<Edits> {
  const admin = new pg.Client({ connectionString: under.database.adminUrl });
  await admin.connect();
  await admin.query('set session_replication_role = replica');
  const sign = (id: string, cycle: string): Promise<void> =>
    runInTransaction(under.dataSource, { brand: '*' }, async (tx) => {
      for await (const lines of under.service.app.get(LinesService, { strict: false }).all(tx, cycle)) {
        const found = lines.find(({ line }) => line.id === id);
        if (found === undefined) continue;
        await admin.query('update line set digest = $2 where id = $1 and cycle = $3', [
          id,
          lineDigest(found.line),
          cycle,
        ]);
      }
    });
  const signed = async (sql: string): Promise<void> => {
    const { rows } = await admin.query<{ id: string; cycle: string }>(`${sql} returning id, cycle`);
    expect(rows).toHaveLength(1);
    for (const { id, cycle } of rows) await sign(id, cycle);
  };
  return {
    admin,
    rewrite: (where, set) => signed(`update line set ${set} where ${where}`),
    copy: (where, changed = {}) => {
      const columns = { id: 'gen_random_uuid()', own_id: 'gen_random_uuid()', ...changed };
      const values = COLUMNS.split(/,\s*/).map((column) => columns[column as keyof typeof columns] ?? column);
      return signed(`insert into line (${COLUMNS}) select ${values.join(', ')} from line where ${where} limit 1`);
    },
    remove: async (where) => {
      const { rowCount } = await admin.query(`delete from line where ${where}`);
      expect(rowCount).toBe(1);
    },
    end: () => admin.end(),
  };
}
