import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { uuidv7 } from '#libs/kernel';
import { defineRows, numeric, text } from '#libs/postgres';
import type { RowOf } from '#libs/postgres';
import type { Party } from '../splits/split.js';
import { CONVERSIONS, DRAWS } from './earnings.tables.js';
import type { Conversion } from './earnings.tables.js';
import type { Debt, FreeShare, Taking } from './takings.js';

/** Filter of earnings by owner (null: all persons) and other fields. */
export interface EarningsFilter {
  readonly currency: string;
  readonly now: Date;
  readonly owner: string | null;
  /** Only earnings through this brand that it may know of; null: through any brand. */
  readonly through: string | null;
  /** Limit on the shares to take from; per owner, shares whose hold ended first come first. Null: all. */
  readonly most: number | null;
}

export type ChosenShare = Omit<FreeShare, 'free'>;

/** The cause of takings; exactly one is set. */
export interface DrawCause {
  readonly currency: string;
  readonly conversionId?: string;
  readonly payoutId?: string;
  readonly writeOffId?: string;
}

/** A taking with an amount that can still be undone. */
export interface Draw {
  readonly id: string;
  readonly party: Party;
  readonly conversionId: string | null;
  readonly repays: string | null;
  /** Whether the money has been paid out. Then a refund makes a debt instead of giving it back. */
  readonly gone: boolean;
  readonly left: bigint;
}

/** Shares of one person that are chosen before it is another person's turn. */
const TURN = 100;

const PERSON = `p.owner ~ '^(wallet|store|guide):'`;

/** Amounts in minor units. */
const TAKEN = defineRows({
  currency: text(),
  converted: numeric(),
  paid: numeric(),
  taken: numeric(),
  debt: numeric(),
});

/** The ledger's answer to a conversion. */
export interface ConversionAnswer {
  readonly conversionId: string;
  readonly brand: string;
  /** The reason for a final decline; null: the points are posted. */
  readonly reason: string | null;
  readonly at: Date;
}

export interface ShownConversion {
  readonly id: string;
  readonly amount: bigint;
  readonly points: bigint;
  /** Millionths of a minor unit, as text. */
  readonly cost: string;
  readonly remainder: string;
  readonly state: 'requested' | 'posted' | 'declined';
  readonly reason: string | null;
  readonly at: Date;
}

@Injectable()
export class EarningsRepository {
  /**
   * Shares past their hold with an amount left. Without an owner: only of persons who can be paid and whose shares exceed their
   * debts. At most `TURN` shares of one person are chosen before all others had their turn.
   */
  choose(tx: EntityManager, { currency, now, owner, through, most }: EarningsFilter): Promise<ChosenShare[]> {
    return tx.query(
      `with free as materialized (
         select p.commission_id, p.party, p.owner, p.held - p.taken as free, c.hold_until,
                row_number() over (partition by p.owner order by c.hold_until, p.commission_id, p.party) as nth
           from commission_party p join commission c on c.id = p.commission_id
          where p.currency = $1 and ($3::text is null or p.owner = $3) and ($4::text is null or (p.through = $4 and p.told)) and p.held > p.taken
            and ${PERSON} and c.state in ('payable', 'paid') and c.hold_until <= $2),
       debtor as (select owner, sum(owed - repaid) as open from earning_draw where currency = $1 and owed > repaid group by owner),
       payee as (
         select f.owner, min(f.hold_until) as since from free f left join debtor d using (owner) group by f.owner, d.open
         having $3::text is not null or (sum(f.free) > coalesce(d.open, 0) and not payee_barred(f.owner, $1)))
       select f.commission_id as "commissionId", f.party, f.owner from free f join payee using (owner)
        order by (f.nth - 1) / ${TURN}, payee.since, f.owner, f.nth limit $5`,
      [currency, now, owner, through, most],
    );
  }

  /** Locks the commissions of the shares and of the owners' debts. Every change of a taking requires the lock of its commission. */
  async lock(tx: EntityManager, chosen: readonly ChosenShare[], { currency }: EarningsFilter): Promise<void> {
    const owners = [...new Set(chosen.map(({ owner }) => owner))];
    await tx.query(
      `select from commission where state in ('payable', 'paid') and id in (
         select unnest($1::uuid[])
         union
         select commission_id from earning_draw where currency = $2 and owner = any($3::text[]) and owed > repaid)
       order by id for update`,
      [chosen.map(({ commissionId }) => commissionId), currency, owners],
    );
  }

  /** Amounts left on locked shares, by owner, earliest first. */
  free(tx: EntityManager, chosen: readonly ChosenShare[]): Promise<FreeShare[]> {
    return tx.query(
      `select p.commission_id as "commissionId", p.party, p.owner, p.held - p.taken as free
         from unnest($1::uuid[], $2::text[]) as k (commission_id, party) join commission_party p using (commission_id, party)
              join commission c on c.id = p.commission_id
        where p.held > p.taken order by p.owner, c.hold_until, p.commission_id, p.party`,
      [chosen.map(({ commissionId }) => commissionId), chosen.map(({ party }) => party)],
    );
  }

  /** Open debts of owners, by owner, oldest first. */
  async debts(tx: EntityManager, owners: readonly string[], { currency, through }: EarningsFilter): Promise<Debt[]> {
    if (owners.length === 0) return [];
    return tx.query(
      `select d.id as "drawId", d.owner, d.owed - d.repaid as open from earning_draw d join commission_party p using (commission_id, party)
        where d.currency = $1 and d.owner = any($2::text[]) and ($3::text is null or (p.through = $3 and p.told)) and d.owed > d.repaid
        order by d.owner, d.id`,
      [currency, owners, through],
    );
  }

  async draw(tx: EntityManager, takings: readonly Taking[], { currency, ...cause }: DrawCause): Promise<void> {
    await DRAWS.insert(
      tx,
      takings.map(({ share: { commissionId, party, owner }, repays, amount }) => ({
        id: uuidv7(),
        commissionId,
        party,
        owner,
        currency,
        conversionId: cause.conversionId ?? null,
        payoutId: cause.payoutId ?? null,
        writeOffId: cause.writeOffId ?? null,
        repays,
        amount,
      })),
    );
  }

  /** Takings of a locked commission, in the order in which a refund undoes them. */
  drawsOf(tx: EntityManager, commissionId: string): Promise<Draw[]> {
    // no cost to anybody: drafts, write-offs; then points, then debts to reopen, last money paid out; the latest first
    return tx.query(
      `select d.id, d.party, d.conversion_id as "conversionId", d.repays, g.gone, d.amount - d.given_back - d.owed as left
         from earning_draw d left join payout p on p.id = d.payout_id,
              lateral (select d.repays is null and coalesce(p.state in ('released', 'paid'), false) as gone) g
        where d.commission_id = $1 and d.amount > d.given_back + d.owed
        order by g.gone, d.repays is not null, d.conversion_id is not null, d.id desc`,
      [commissionId],
    );
  }

  async giveBack(tx: EntityManager, drawId: string, amount: bigint): Promise<void> {
    await tx.query('update earning_draw set given_back = given_back + $2 where id = $1', [drawId, amount]);
  }

  async owe(tx: EntityManager, drawId: string, amount: bigint): Promise<void> {
    await tx.query('update earning_draw set owed = owed + $2 where id = $1', [drawId, amount]);
  }

  async addConversion(tx: EntityManager, conversion: Conversion): Promise<void> {
    await CONVERSIONS.insert(tx, [conversion]);
  }

  /** A conversion, locked against other reversals, and how much of it refunds have reached. */
  async lockConversion(tx: EntityManager, id: string): Promise<{ conversion: Conversion; reached: bigint } | null> {
    const conversion = await tx.findOne(CONVERSIONS, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (conversion === null) return null;
    const sums: { reached: bigint }[] = await tx.query(
      'select coalesce(-sum(amount), 0)::bigint as reached from conversion where reverses = $1',
      [id],
    );
    return { conversion, reached: sums[0]?.reached ?? 0n };
  }

  /** Locks the commissions that a conversion draws from. Must precede the lock of the conversion itself. */
  async lockDrawn(tx: EntityManager, conversionId: string): Promise<void> {
    await tx.query(
      `select from commission where id in (select commission_id from earning_draw where conversion_id = $1) order by id for update`,
      [conversionId],
    );
  }

  /** Gives back everything that a conversion still holds except repaid debts. The caller has locked its shares. */
  async giveBackAll(tx: EntityManager, conversionId: string): Promise<void> {
    await tx.query(
      'update earning_draw set given_back = amount where conversion_id = $1 and repays is null and given_back < amount',
      [conversionId],
    );
  }

  /** Stores the ledger's answer to a conversion. Returns false if it is stored already. */
  async addAnswer(tx: EntityManager, { conversionId, brand, reason, at }: ConversionAnswer): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `insert into conversion_answer (conversion_id, brand, outcome, reason, at)
       values ($1, $2, case when $3::text is null then 'posted' else 'declined' end, $3, $4)
       on conflict do nothing returning conversion_id`,
      [conversionId, brand, reason, at],
    );
    return rows.length > 0;
  }

  /** The newest 200 conversions of an owner through a brand, newest first. A reversal of a declined conversion is shown as declined. */
  async conversions(tx: EntityManager, owner: string, brand: string): Promise<ShownConversion[]> {
    return tx.query(
      `select c.id, c.amount, c.points, c.cost_micro::text as cost, c.remainder_micro::text as remainder, c.at,
              case when 'declined' in (own.outcome, of.outcome) then 'declined'
                   when c.points = 0 then 'posted' else coalesce(own.outcome, 'requested') end as state,
              coalesce(of.reason, own.reason) as reason
         from conversion c left join conversion_answer own on own.conversion_id = c.id
              left join conversion_answer of on of.conversion_id = c.reverses
        where c.owner = $1 and c.brand = $2 order by c.at desc, c.id desc limit 200`,
      [owner, brand],
    );
  }

  /**
   * An owner's holdings through a brand that the brand may know of, by currency and state of the commissions. A brand's own earnings
   * on other sellers' orders are reported day by day, once the day is closed.
   */
  async byState(
    tx: EntityManager,
    owner: string,
    through: string,
  ): Promise<{ currency: string; state: string; amount: bigint }[]> {
    const rows: { currency: string; state: string; amount: string }[] = await tx.query(
      // a suspicion looks like any other pending commission
      `with open as (
         select commission_id, party, sum(amount) as amount from leg
          where owner = $1 and owner like 'brand:%' and brand <> $2 and day > (select through from closed_days) group by 1, 2)
       select p.currency, case when c.state <> 'fraud_hold' then c.state when c.received_at is null then 'pending' else 'held' end as state,
              sum(p.held - coalesce(t.amount, 0))::text as amount
         from commission_party p join commission c on c.id = p.commission_id left join open t using (commission_id, party)
        where p.owner = $1 and p.through = $2 and p.told and p.held is distinct from t.amount group by 1, 2`,
      [owner, through],
    );
    return rows.map((row) => ({ ...row, amount: BigInt(row.amount) }));
  }

  /** Takings of an owner, by currency: points, money (including drafts), and open debts. */
  takings(tx: EntityManager, owner: string, through: string): Promise<RowOf<typeof TAKEN>[]> {
    return TAKEN.query(
      tx,
      `select d.currency, coalesce(sum(amount - given_back) filter (where conversion_id is not null and repays is null), 0)::text as converted,
              coalesce(sum(amount - given_back - owed) filter (where payout_id is not null and repays is null), 0)::text as paid,
              sum(amount - given_back - owed)::text as taken, sum(owed - repaid)::text as debt
         from earning_draw d join commission_party p using (commission_id, party) where d.owner = $1 and p.through = $2 and p.told group by 1`,
      [owner, through],
    );
  }
}
