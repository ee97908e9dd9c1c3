import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { groupBy } from '#libs/kernel';
import type { RowOf } from '#libs/postgres';
import { byParty } from './commission.js';
import type { Commission } from './commission.js';
import { COMMISSIONS, SHARES } from './commissions.tables.js';

/** Where a list of the seller's commissions goes on. */
export interface CommissionFilter {
  readonly brand: string | null;
  readonly state: string | null;
  readonly day: string | null;
  readonly after: { readonly postedAt: string; readonly id: string } | null;
  readonly limit: number;
  /** Whose hold is over by then reads as payable. */
  readonly now: Date;
}

@Injectable()
export class CommissionsRepository {
  async insert(tx: EntityManager, commissions: readonly Commission[]): Promise<void> {
    await COMMISSIONS.insert(
      tx,
      commissions.map((commission) => ({ ...commission, ruleVersion: commission.plan.rule })),
    );
    await this.addShares(tx, commissions);
  }

  async addShares(tx: EntityManager, commissions: readonly Commission[]): Promise<void> {
    await SHARES.insert(
      tx,
      commissions.flatMap(({ id: commissionId, brand, currency, shares }) =>
        shares.map((share) => ({ ...share, commissionId, brand, currency })),
      ),
    );
  }

  /** Which of these orders are known, by order and by the brand's own id. */
  async known(
    tx: EntityManager,
    orders: readonly { orderId: string; brand: string; externalId: string }[],
  ): Promise<{ orderId: string; key: string }[]> {
    const rows: { order_id: string; brand: string; order_external_id: string }[] = await tx.query(
      `select order_id, brand, order_external_id from commission where order_id = any($1)
       union select c.order_id, c.brand, c.order_external_id from unnest($2::text[], $3::text[]) as g (brand, external_id)
         join commission c on c.brand = g.brand and c.order_external_id = g.external_id and c.state <> 'duplicate'`,
      [orders.map((o) => o.orderId), orders.map((o) => o.brand), orders.map((o) => o.externalId)],
    );
    return rows.map((row) => ({ orderId: row.order_id, key: `${row.brand} ${row.order_external_id}` }));
  }

  async lockByOrder(tx: EntityManager, orderIds: readonly string[]): Promise<Map<string, Commission>> {
    const rows = await COMMISSIONS.query(
      tx,
      'select * from commission where order_id = any($1) order by order_id for update',
      [orderIds],
    );
    return new Map((await this.withShares(tx, rows)).map((commission) => [commission.orderId, commission]));
  }

  async lock(tx: EntityManager, id: string): Promise<Commission | null> {
    const rows = await COMMISSIONS.query(tx, 'select * from commission where id = $1 for update', [id]);
    return (await this.withShares(tx, rows))[0] ?? null;
  }

  async find(tx: EntityManager, id: string): Promise<Commission | null> {
    return (await this.withShares(tx, await tx.findBy(COMMISSIONS, { id })))[0] ?? null;
  }

  async page(tx: EntityManager, filter: CommissionFilter): Promise<Commission[]> {
    const rows = await COMMISSIONS.query(
      tx,
      `select * from commission where ($1::text is null or brand = $1) and ($2::text is null or $2 =
           case when $1::text is null or state not in ('held', 'payable', 'paid', 'fraud_hold') then state
                when hold_until is null then 'pending' when hold_until <= $7 then 'payable' else 'held' end)
         and ($3::timestamptz is null or (posted_at, order_id) > ($3, (select order_id from commission where id = $4)))
         and ($6::date is null or id in (select commission_id from leg where day = $6 and ($1::text is null or brand = $1)))
        order by posted_at, order_id limit $5`,
      [
        filter.brand,
        filter.state,
        filter.after?.postedAt ?? null,
        filter.after?.id ?? null,
        filter.limit,
        filter.day,
        filter.now,
      ],
    );
    return this.withShares(tx, rows);
  }

  /** All commissions by id, a page at a time. */
  async pageOfAll(tx: EntityManager, after: string | null, limit: number): Promise<Commission[]> {
    const rows = await COMMISSIONS.query(
      tx,
      `select * from commission where id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') order by id limit $2`,
      [after, limit],
    );
    return this.withShares(tx, rows);
  }

  /** Commissions of these buyers that nobody's contributor share is in yet, from now on counted as having heard. */
  async takeUnbound(tx: EntityManager, walletIds: readonly string[]): Promise<Commission[]> {
    const rows = await COMMISSIONS.query(
      tx,
      `with late as (select id from commission where wallet_id = any($1) and unbound order by id for update),
            heard as (update commission c set unbound = false from late where c.id = late.id returning c.*)
       select * from heard order by id`,
      [walletIds],
    );
    return this.withShares(tx, rows);
  }

  /** Writes what was decided at the first posting. */
  async posted(tx: EntityManager, commissions: readonly Commission[]): Promise<void> {
    const decided = COMMISSIONS.given(commissions, ['id', 'used', 'cap', 'state', 'reason']);
    await tx.query(
      `update commission c set used = given.used, cap = given.cap, state = given.state, reason = given.reason
         from ${decided.sql} where c.id = given.id`,
      decided.values,
    );
    const shares = commissions.flatMap(({ id: commissionId, shares }) =>
      shares.filter(({ cap }) => cap !== null).map((share) => ({ ...share, commissionId })),
    );
    if (shares.length === 0) return;
    const capped = SHARES.given(shares, ['commissionId', 'party', 'cap']);
    await tx.query(
      `update commission_party p set cap = given.cap from ${capped.sql}
        where p.commission_id = given.commission_id and p.party = given.party`,
      capped.values,
    );
  }

  async change(tx: EntityManager, commission: Commission): Promise<void> {
    const { sql, values } = COMMISSIONS.given(
      [commission],
      ['id', 'lines', 'remaining', 'restRemaining', 'state', 'reason', 'receivedAt', 'holdUntil'],
    );
    await tx.query(
      `update commission c set lines = given.lines, remaining = given.remaining, rest_remaining = given.rest_remaining,
              state = given.state, reason = given.reason, received_at = given.received_at, hold_until = given.hold_until
         from ${sql} where c.id = given.id`,
      values,
    );
  }

  /** A contributor who joined late has been posted: what limits left him, and that more of the pool is used. */
  async joined(tx: EntityManager, { id, used, shares }: Commission): Promise<void> {
    const cap = shares.find(({ party }) => party === 'contributor')?.cap ?? null;
    await tx.query('update commission set used = $2 where id = $1', [id, used]);
    await tx.query(`update commission_party set cap = $2 where commission_id = $1 and party = 'contributor'`, [
      id,
      cap,
    ]);
  }

  /** Remembers a return; false when it was taken in before. */
  async addReturn(tx: EntityManager, returnId: string, commission: Commission, taken: bigint): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `insert into commission_return (return_id, commission_id, brand, taken) values ($1, $2, $3, $4)
       on conflict (return_id) do nothing returning return_id`,
      [returnId, commission.id, commission.brand, taken],
    );
    return rows.length > 0;
  }

  /** Commissions whose hold is over become payable; answers how many. */
  async release(tx: EntityManager, now: Date, limit: number): Promise<number> {
    const rows: unknown[] = await tx.query(
      `with due as (select id from commission where state = 'held' and hold_until <= $1 order by hold_until limit $2 for update skip locked),
            freed as (update commission c set state = 'payable' from due where c.id = due.id returning c.id)
       select id from freed`,
      [now, limit],
    );
    return rows.length;
  }

  /** How many commissions wait for that, up to a limit. */
  async countDue(tx: EntityManager, now: Date, limit: number): Promise<number> {
    const [row]: { commissions: bigint }[] = await tx.query(
      `select count(*) as commissions from (select from commission where state = 'held' and hold_until <= $1 limit $2) due`,
      [now, limit],
    );
    return Number(row?.commissions ?? 0);
  }

  private async withShares(tx: EntityManager, rows: readonly RowOf<typeof COMMISSIONS>[]): Promise<Commission[]> {
    if (rows.length === 0) return [];
    const found = await SHARES.query(tx, 'select * from commission_party where commission_id = any($1::uuid[])', [
      rows.map(({ id }) => id),
    ]);
    const shares = groupBy(found, ({ commissionId }) => commissionId);
    return rows.map((row) => ({ ...row, shares: (shares.get(row.id) ?? []).sort(byParty) }));
  }
}
