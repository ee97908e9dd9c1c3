import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Party, Plan } from '../splits/split.js';
import { byParty } from './commission.js';
import type { Commission, CommissionState, Share } from './commission.js';

interface Row {
  id: string;
  order_id: string;
  order_external_id: string;
  brand: string;
  store: string;
  wallet_id: string;
  member_ref: string;
  currency: string;
  offer_id: string | null;
  link_id: string | null;
  campaign: string | null;
  plan: Plan;
  lines: { lineId: string; net: string; returned: string; rest: boolean }[];
  base: bigint;
  remaining: bigint;
  rest: bigint;
  rest_remaining: bigint;
  pool: bigint;
  used: bigint;
  cap: bigint | null;
  state: CommissionState;
  reason: string | null;
  return_days: number;
  occurred_at: Date;
  posted_at: Date;
  received_at: Date | null;
  hold_until: Date | null;
  unbound: boolean;
}

interface ShareRow {
  commission_id: string;
  party: Party;
  owner: string;
  payee: string;
  through: string | null;
  cap: bigint | null;
  held: bigint;
  told: boolean;
}

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
    await tx.query(
      `insert into commission (id, order_id, order_external_id, brand, store, wallet_id, member_ref, currency, offer_id, link_id, campaign,
         plan, rule_version, lines, base, remaining, rest, rest_remaining, pool, state, reason, return_days, occurred_at, posted_at, received_at,
         hold_until, unbound)
       select * from jsonb_to_recordset($1::jsonb) as c (id uuid, order_id text, order_external_id text, brand text, store text,
         wallet_id text, member_ref text, currency text, offer_id uuid, link_id uuid, campaign text, plan jsonb, rule_version text,
         lines jsonb, base bigint, remaining bigint, rest bigint, rest_remaining bigint, pool bigint, state text, reason text, return_days integer,
         occurred_at timestamptz, posted_at timestamptz, received_at timestamptz, hold_until timestamptz, unbound boolean)`,
      [
        json(
          commissions.map((c) => ({
            id: c.id,
            order_id: c.orderId,
            order_external_id: c.orderExternalId,
            brand: c.brand,
            store: c.store,
            wallet_id: c.walletId,
            member_ref: c.memberRef,
            currency: c.currency,
            offer_id: c.offerId,
            link_id: c.linkId,
            campaign: c.campaign,
            plan: c.plan,
            rule_version: c.plan.rule,
            lines: c.lines,
            base: c.base,
            remaining: c.remaining,
            rest: c.rest,
            rest_remaining: c.restRemaining,
            pool: c.pool,
            state: c.state,
            reason: c.reason,
            return_days: c.returnDays,
            occurred_at: c.occurredAt,
            posted_at: c.postedAt,
            received_at: c.receivedAt,
            hold_until: c.holdUntil,
            unbound: c.unbound,
          })),
        ),
      ],
    );
    await this.addShares(tx, commissions);
  }

  async addShares(tx: EntityManager, commissions: readonly Commission[]): Promise<void> {
    await tx.query(
      `insert into commission_party (commission_id, brand, party, owner, payee, through, currency, told)
       select * from jsonb_to_recordset($1::jsonb) as p (commission_id uuid, brand text, party text, owner text, payee text, through text, currency text,
         told boolean)`,
      [
        json(
          commissions.flatMap((c) =>
            c.shares.map((s) => ({
              commission_id: c.id,
              brand: c.brand,
              party: s.party,
              owner: s.owner,
              payee: s.payee,
              through: s.through,
              currency: c.currency,
              told: s.told,
            })),
          ),
        ),
      ],
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
    const rows: Row[] = await tx.query(
      'select * from commission where order_id = any($1) order by order_id for update',
      [orderIds],
    );
    return new Map((await this.withShares(tx, rows)).map((commission) => [commission.orderId, commission]));
  }

  async lock(tx: EntityManager, id: string): Promise<Commission | null> {
    const rows: Row[] = await tx.query('select * from commission where id = $1 for update', [id]);
    return (await this.withShares(tx, rows))[0] ?? null;
  }

  async find(tx: EntityManager, id: string): Promise<Commission | null> {
    const rows: Row[] = await tx.query('select * from commission where id = $1', [id]);
    return (await this.withShares(tx, rows))[0] ?? null;
  }

  async page(tx: EntityManager, filter: CommissionFilter): Promise<Commission[]> {
    const rows: Row[] = await tx.query(
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
    const rows: Row[] = await tx.query(
      `select * from commission where id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') order by id limit $2`,
      [after, limit],
    );
    return this.withShares(tx, rows);
  }

  /** Commissions of these buyers that nobody's contributor share is in yet, from now on counted as having heard. */
  async takeUnbound(tx: EntityManager, walletIds: readonly string[]): Promise<Commission[]> {
    const rows: Row[] = await tx.query(
      `with late as (select id from commission where wallet_id = any($1) and unbound order by id for update),
            heard as (update commission c set unbound = false from late where c.id = late.id returning c.*)
       select * from heard order by id`,
      [walletIds],
    );
    return this.withShares(tx, rows);
  }

  /** Writes what was decided at the first posting. */
  async posted(tx: EntityManager, commissions: readonly Commission[]): Promise<void> {
    await tx.query(
      `update commission c set used = g.used, cap = g.cap, state = g.state, reason = g.reason
         from jsonb_to_recordset($1::jsonb) as g (id uuid, used bigint, cap bigint, state text, reason text) where c.id = g.id`,
      [json(commissions.map(({ id, used, cap, state, reason }) => ({ id, used, cap, state, reason })))],
    );
    const capped = commissions.flatMap((c) =>
      c.shares.filter(({ cap }) => cap !== null).map(({ party, cap }) => ({ id: c.id, party, cap })),
    );
    if (capped.length === 0) return;
    await tx.query(
      `update commission_party p set cap = g.cap from jsonb_to_recordset($1::jsonb) as g (id uuid, party text, cap bigint)
        where p.commission_id = g.id and p.party = g.party`,
      [json(capped)],
    );
  }

  async change(tx: EntityManager, commission: Commission): Promise<void> {
    await tx.query(
      `update commission set lines = $2::jsonb, remaining = $3, state = $4, reason = $5, received_at = $6, hold_until = $7, rest_remaining = $8 where id = $1`,
      [
        commission.id,
        json(commission.lines),
        commission.remaining,
        commission.state,
        commission.reason,
        commission.receivedAt,
        commission.holdUntil,
        commission.restRemaining,
      ],
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

  private async withShares(tx: EntityManager, rows: readonly Row[]): Promise<Commission[]> {
    if (rows.length === 0) return [];
    const found: ShareRow[] = await tx.query(
      'select commission_id, party, owner, payee, through, cap, held, told from commission_party where commission_id = any($1::uuid[])',
      [rows.map(({ id }) => id)],
    );
    const shares = new Map<string, Share[]>();
    for (const { commission_id, ...share } of found)
      shares.set(commission_id, [...(shares.get(commission_id) ?? []), share]);
    return rows.map((row) => commissionOf(row, (shares.get(row.id) ?? []).sort(byParty)));
  }
}

function json(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
}

function commissionOf(row: Row, shares: readonly Share[]): Commission {
  return {
    id: row.id,
    orderId: row.order_id,
    orderExternalId: row.order_external_id,
    brand: row.brand,
    store: row.store,
    walletId: row.wallet_id,
    memberRef: row.member_ref,
    currency: row.currency,
    offerId: row.offer_id,
    linkId: row.link_id,
    campaign: row.campaign,
    plan: row.plan,
    lines: row.lines.map(({ net, returned, ...line }) => ({ ...line, net: BigInt(net), returned: BigInt(returned) })),
    base: row.base,
    remaining: row.remaining,
    rest: row.rest,
    restRemaining: row.rest_remaining,
    pool: row.pool,
    used: row.used,
    cap: row.cap,
    state: row.state,
    reason: row.reason,
    returnDays: row.return_days,
    occurredAt: row.occurred_at,
    postedAt: row.posted_at,
    receivedAt: row.received_at,
    holdUntil: row.hold_until,
    unbound: row.unbound,
    shares,
  };
}
