import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

export type PayoutState = 'draft' | 'released' | 'paid' | 'cancelled';

export interface Payout {
  readonly id: string;
  readonly currency: string;
  readonly state: PayoutState;
  readonly maker: string;
  readonly checker: string | null;
  readonly createdAt: Date;
  readonly releasedAt: Date | null;
  readonly paidAt: Date | null;
}

export interface PayoutItem {
  readonly owner: string;
  readonly gross: bigint;
  readonly netted: bigint;
  readonly tax: bigint;
  readonly net: bigint;
  readonly hash: string;
}

interface Row {
  id: string;
  currency: string;
  state: PayoutState;
  maker: string;
  checker: string | null;
  created_at: Date;
  released_at: Date | null;
  paid_at: Date | null;
}

@Injectable()
export class PayoutsRepository {
  /** One payout is drawn up at a time. */
  async lockMaking(tx: EntityManager): Promise<void> {
    await tx.query('select pg_advisory_xact_lock(4005)');
  }

  async insert(tx: EntityManager, payout: Payout): Promise<void> {
    await tx.query('insert into payout (id, currency, maker, created_at) values ($1, $2, $3, $4)', [
      payout.id,
      payout.currency,
      payout.maker,
      payout.createdAt,
    ]);
  }

  async addItems(tx: EntityManager, payoutId: string, items: readonly PayoutItem[]): Promise<void> {
    await tx.query(
      `insert into payout_item (payout_id, owner, gross, netted, tax, net, hash)
       select $1, o, g, n, t, e, h from unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[]) as i (o, g, n, t, e, h)`,
      [
        payoutId,
        items.map(({ owner }) => owner),
        items.map(({ gross }) => gross.toString()),
        items.map(({ netted }) => netted.toString()),
        items.map(({ tax }) => tax.toString()),
        items.map(({ net }) => net.toString()),
        items.map(({ hash }) => hash),
      ],
    );
  }

  async lock(tx: EntityManager, id: string): Promise<Payout | null> {
    return one(await tx.query('select * from payout where id = $1 for update', [id]));
  }

  async find(tx: EntityManager, id: string): Promise<Payout | null> {
    return one(await tx.query('select * from payout where id = $1', [id]));
  }

  async items(tx: EntityManager, id: string): Promise<PayoutItem[]> {
    return tx.query(
      'select owner, gross, netted, tax, net, hash from payout_item where payout_id = $1 order by owner',
      [id],
    );
  }

  async release(tx: EntityManager, id: string, checker: string, at: Date): Promise<void> {
    await tx.query(`update payout set state = 'released', checker = $2, released_at = $3 where id = $1`, [
      id,
      checker,
      at,
    ]);
  }

  async pay(tx: EntityManager, id: string, by: string, at: Date): Promise<void> {
    await tx.query(`update payout set state = 'paid', confirmed_by = $2, paid_at = $3 where id = $1`, [id, by, at]);
    // a commission is paid once nothing of its persons' shares is left to take
    await tx.query(
      `update commission c set state = 'paid'
        where c.state = 'payable' and c.id in (select commission_id from earning_draw where payout_id = $1)
          and not exists (select from commission_party p where p.commission_id = c.id and p.owner ~ '^(wallet|store|guide):'
            and p.held > coalesce((select sum(d.amount - d.given_back) from earning_draw d where d.commission_id = c.id and d.party = p.party), 0))`,
      [id],
    );
  }

  /** Gives every share free again; what refunds took meanwhile was never paid, so it is owed no more. */
  async cancel(tx: EntityManager, id: string, at: Date): Promise<void> {
    await tx.query(
      `insert into earning_debt (id, owner, currency, amount, payout_id, at)
       select gen_random_uuid(), owner, currency, -sum(given_back)::bigint, $1, $2 from earning_draw where payout_id = $1
        group by owner, currency having sum(given_back) > 0`,
      [id, at],
    );
    await tx.query(
      `insert into earning_debt (id, owner, currency, amount, payout_id, at)
       select gen_random_uuid(), i.owner, p.currency, i.netted, $1, $2 from payout_item i join payout p on p.id = i.payout_id
        where i.payout_id = $1 and i.netted > 0`,
      [id, at],
    );
    await tx.query('update earning_draw set given_back = amount where payout_id = $1 and given_back < amount', [id]);
    await tx.query(`update payout set state = 'cancelled' where id = $1`, [id]);
  }
}

function one(rows: readonly Row[]): Payout | null {
  const [row] = rows;
  if (row === undefined) return null;
  const { created_at, released_at, paid_at, ...rest } = row;
  return { ...rest, createdAt: created_at, releasedAt: released_at, paidAt: paid_at };
}
