import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { uuidv7 } from '#libs/kernel';
import type { Party } from '../splits/split.js';

/** A share of a commission that can be taken from. */
export interface FreeShare {
  readonly commissionId: string;
  readonly party: Party;
  readonly owner: string;
  readonly free: bigint;
}

export interface Draw {
  readonly id: string;
  readonly commissionId: string;
  readonly party: Party;
  readonly owner: string;
  readonly currency: string;
  readonly conversionId: string | null;
  readonly payoutId: string | null;
  readonly amount: bigint;
  readonly givenBack: bigint;
}

export interface Conversion {
  readonly id: string;
  readonly owner: string;
  readonly walletId: string;
  readonly brand: string;
  readonly currency: string;
  readonly amount: bigint;
  readonly points: bigint;
  readonly priceMicro: bigint;
  readonly reverses: string | null;
  readonly at: Date;
}

interface DrawRow {
  id: string;
  commission_id: string;
  party: Party;
  owner: string;
  currency: string;
  conversion_id: string | null;
  payout_id: string | null;
  amount: bigint;
  given_back: bigint;
}

const DRAWN = `coalesce((select sum(d.amount - d.given_back)::bigint from earning_draw d where d.commission_id = p.commission_id and d.party = p.party), 0)`;

@Injectable()
export class EarningsRepository {
  /** Shares over their hold with something left, earliest first, kept from being taken by others. */
  async free(tx: EntityManager, currency: string, now: Date, owner: string | null): Promise<FreeShare[]> {
    const locked = await this.lockShares(tx, currency, now, owner);
    if (locked.length === 0) return [];
    const rows: { commission_id: string; party: Party; owner: string; free: bigint }[] = await tx.query(
      `select p.commission_id, p.party, p.owner, p.held - ${DRAWN} as free from commission_party p join commission c on c.id = p.commission_id
        where p.commission_id = any($1::uuid[]) and p.currency = $2 and ($3::text is null or p.owner = $3) and p.owner ~ '^(wallet|store|guide):'
          and p.held > ${DRAWN} order by p.owner, c.hold_until, p.commission_id, p.party`,
      [locked, currency, owner],
    );
    return rows.map((row) => ({ commissionId: row.commission_id, party: row.party, owner: row.owner, free: row.free }));
  }

  private async lockShares(tx: EntityManager, currency: string, now: Date, owner: string | null): Promise<string[]> {
    const rows: { id: string }[] = await tx.query(
      `select c.id from commission c where c.state in ('payable', 'paid') and c.hold_until <= $2 and c.currency = $1
         and exists (select from commission_party p where p.commission_id = c.id and ($3::text is null or p.owner = $3)
           and p.owner ~ '^(wallet|store|guide):' and p.held > ${DRAWN})
        order by c.id for update`,
      [currency, now, owner],
    );
    return rows.map(({ id }) => id);
  }

  async draw(tx: EntityManager, draws: readonly Omit<Draw, 'id' | 'givenBack'>[]): Promise<void> {
    await tx.query(
      `insert into earning_draw (id, commission_id, party, owner, currency, conversion_id, payout_id, amount)
       select * from jsonb_to_recordset($1::jsonb) as d (id uuid, commission_id uuid, party text, owner text, currency text,
         conversion_id uuid, payout_id uuid, amount bigint)`,
      [
        JSON.stringify(
          draws.map((d) => ({
            id: uuidv7(),
            commission_id: d.commissionId,
            party: d.party,
            owner: d.owner,
            currency: d.currency,
            conversion_id: d.conversionId,
            payout_id: d.payoutId,
            amount: d.amount.toString(),
          })),
        ),
      ],
    );
  }

  async drawsOf(tx: EntityManager, commissionId: string): Promise<Draw[]> {
    // points are taken back before money is asked for, the latest first
    const rows: DrawRow[] = await tx.query(
      `select * from earning_draw where commission_id = $1 and amount > given_back order by conversion_id is null, id desc for update`,
      [commissionId],
    );
    return rows.map((row) => ({
      id: row.id,
      commissionId: row.commission_id,
      party: row.party,
      owner: row.owner,
      currency: row.currency,
      conversionId: row.conversion_id,
      payoutId: row.payout_id,
      amount: row.amount,
      givenBack: row.given_back,
    }));
  }

  async giveBack(tx: EntityManager, drawId: string, amount: bigint): Promise<void> {
    await tx.query('update earning_draw set given_back = given_back + $2 where id = $1', [drawId, amount]);
  }

  async owe(
    tx: EntityManager,
    debt: { owner: string; currency: string; amount: bigint; entry: string | null; payoutId: string | null; at: Date },
  ): Promise<void> {
    await tx.query(
      'insert into earning_debt (id, owner, currency, amount, entry_id, payout_id, at) values ($1, $2, $3, $4, $5, $6, $7)',
      [uuidv7(), debt.owner, debt.currency, debt.amount, debt.entry, debt.payoutId, debt.at],
    );
  }

  async debts(tx: EntityManager, currency: string, owners: readonly string[]): Promise<Map<string, bigint>> {
    const rows: { owner: string; debt: bigint }[] = await tx.query(
      'select owner, sum(amount)::bigint as debt from earning_debt where currency = $1 and owner = any($2) group by owner',
      [currency, owners],
    );
    return new Map(rows.map((row) => [row.owner, row.debt]));
  }

  async addConversion(tx: EntityManager, c: Conversion): Promise<void> {
    await tx.query(
      `insert into conversion (id, owner, wallet_id, brand, currency, amount, points, price_micro, reverses, at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [c.id, c.owner, c.walletId, c.brand, c.currency, c.amount, c.points, c.priceMicro, c.reverses, c.at],
    );
  }

  async conversion(tx: EntityManager, id: string): Promise<Conversion | null> {
    const rows: {
      id: string;
      owner: string;
      wallet_id: string;
      brand: string;
      currency: string;
      amount: bigint;
      points: bigint;
      price_micro: bigint;
      reverses: string | null;
      at: Date;
    }[] = await tx.query('select * from conversion where id = $1', [id]);
    const [row] = rows;
    if (row === undefined) return null;
    const { wallet_id, price_micro, ...rest } = row;
    return { ...rest, walletId: wallet_id, priceMicro: price_micro };
  }

  async conversions(
    tx: EntityManager,
    owner: string,
  ): Promise<{ id: string; amount: bigint; points: bigint; cost: string; remainder: string; at: Date }[]> {
    return tx.query(
      `select id, amount, points, cost_micro::text as cost, remainder_micro::text as remainder, at from conversion where owner = $1 order by at, id limit 200`,
      [owner],
    );
  }

  /** What an owner holds by currency and state of the commissions. */
  async byState(tx: EntityManager, owner: string): Promise<{ currency: string; state: string; amount: bigint }[]> {
    return tx.query(
      `select p.currency, c.state, sum(p.held)::bigint as amount from commission_party p join commission c on c.id = p.commission_id
        where p.owner = $1 group by 1, 2`,
      [owner],
    );
  }

  async takings(tx: EntityManager, owner: string): Promise<{ currency: string; converted: bigint; paid: bigint }[]> {
    return tx.query(
      `select currency, coalesce(sum(amount - given_back) filter (where conversion_id is not null), 0)::bigint as converted,
              coalesce(sum(amount - given_back) filter (where payout_id is not null), 0)::bigint as paid
         from earning_draw where owner = $1 group by 1`,
      [owner],
    );
  }
}
