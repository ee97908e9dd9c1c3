import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { bigint, defineRows, integer, numeric, orNull, text, uuid } from '#libs/postgres';
import { MEMBERS, partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { FiledLine, LineTerms } from './line.js';
import { LINE_DIGEST, LINES, rowOf } from './lines.tables.js';

const TERMS = defineRows({
  id: uuid(),
  payer: text<Party>(),
  payee: text<Party>(),
  issuer: text<Party>(),
  redeemer: orNull(text<Party>()),
  store: orNull(text()),
  points: bigint(),
  returned: numeric(),
  priceMicro: bigint(),
  currency: text(),
  redeemerContract: orNull(integer()),
});

/** Points outstanding of one issuer, according to the partner ledger. */
export interface Outstanding {
  /** Slug of a brand, or `operator`, as in the ledger. */
  issuer: string;
  points: bigint;
}

/** Money owed to persons in one currency, exact, in millionths of a minor unit. */
export interface Owed {
  currency: string;
  amountMicro: bigint;
}

@Injectable()
export class EntriesRepository {
  /** Inserts lines in one statement. Existing lines stay unchanged. */
  async insert(tx: EntityManager, lines: readonly FiledLine[]): Promise<void> {
    if (lines.length === 0) return;
    const { names, sql, values } = LINES.given(lines.map(rowOf));
    await tx.query(
      `insert into line (${names}, digest) select ${names}, ${LINE_DIGEST} from ${sql} on conflict (id, cycle) do nothing`,
      values,
    );
  }

  async existing(tx: EntityManager, ids: readonly string[]): Promise<Set<string>> {
    const rows: { id: string }[] = await tx.query('select id from line where id = any($1::uuid[])', [ids]);
    return new Set(rows.map((row) => row.id));
  }

  /** Parties and prices of earlier lines, for lines that reverse them. */
  async terms(tx: EntityManager, ids: readonly string[]): Promise<LineTerms[]> {
    if (ids.length === 0) return [];
    return TERMS.query(
      tx,
      `select id, payer, payee, issuer, redeemer, store, points, price_micro, currency, redeemer_contract,
          case when funders like '%,%' then coalesce((
            select -sum(r.points) from line r where r.original_line_id = line.id and r.funders like '%,%'), 0) else 0 end::text as returned
         from line where id = any($1::uuid[])`,
      [ids],
    );
  }

  /** Ids of the lines of commission legs, by leg. */
  async ofLegs(tx: EntityManager, legs: readonly string[]): Promise<Map<string, string>> {
    if (legs.length === 0) return new Map();
    const rows: { id: string; lot_id: string }[] = await tx.query(
      'select id, lot_id from line where lot_id = any($1::text[]) and fixed_micro <> 0',
      [legs],
    );
    return new Map(rows.map((row) => [row.lot_id, row.id]));
  }

  /** Given minus taken back, redeemed and expired, by issuer, over all cycles. */
  async outstanding(tx: EntityManager): Promise<Outstanding[]> {
    const rows: { issuer: string; points: string }[] = await tx.query(`
      select issuer, sum(case when type in ('accrual', 'accrual_reversal') then points else -points end)::text as points
        from line where type in ('accrual', 'accrual_reversal', 'redemption', 'redemption_reversal', 'expiry') group by issuer order by issuer`);
    return rows.map((row) => ({ issuer: partyName(row.issuer), points: BigInt(row.points) }));
  }
  /** Lines that pay persons minus lines that take from them, by currency, over all cycles. */
  async owedToMembers(tx: EntityManager): Promise<Owed[]> {
    const rows: { currency: string; amount: string }[] = await tx.query(
      `select currency, sum(case when payee = $1 then amount_micro else -amount_micro end)::text as amount
         from line where (payee = $1) <> (payer = $1) group by currency order by currency`,
      [MEMBERS],
    );
    return rows.map((row) => ({ currency: row.currency, amountMicro: BigInt(row.amount) }));
  }
}
