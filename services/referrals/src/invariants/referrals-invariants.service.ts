import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import type { Check, Invariants } from '#libs/http';
import { runAudit } from '#libs/postgres';
import { CommissionsAuditService } from '../commissions/commissions-audit.service.js';
import { DaysService } from '../days/days.service.js';
import { PayoutsAuditService } from '../payouts/payouts-audit.service.js';

const SHOWN = 5;

/** Invariants of the books of referrals, checked on current data. Each query returns the rows that violate its rule. */
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
    'referrals: what settlement heard of a share when its brand was told is what the share held until then',
    `select coalesce(t.commission_id, l.commission_id) || ' ' || coalesce(t.party, l.party) as broken from told_share t
       full join (select l.commission_id, l.party, sum(l.amount) as held from leg l join commission_party p using (commission_id, party)
                   where p.told and not l.settled group by 1, 2) l using (commission_id, party)
      where coalesce(t.amount, 0) <> coalesce(l.held, 0)`,
  ],
  [
    'referrals: what remains of an order is what its lines have left, on goods of the offer and on the rest',
    `select c.id::text as broken from commission c,
            lateral (select coalesce(sum(l.net - l.returned) filter (where not l.rest), 0) as remaining, coalesce(sum(l.net - l.returned) filter (where l.rest), 0) as rest
                       from jsonb_to_recordset(c.lines) as l (net bigint, returned bigint, rest boolean)) l
      where c.remaining <> l.remaining or c.rest_remaining <> l.rest`,
  ],
  [
    'referrals: what is taken of a share is the sum of its draws, and no more than it holds',
    `select p.commission_id || ' ' || p.party as broken from commission_party p
       left join (select commission_id, party, sum(amount - given_back - owed) as taken from earning_draw group by 1, 2) d using (commission_id, party)
      where coalesce(d.taken, 0) <> p.taken or p.taken > p.held`,
  ],
  [
    'referrals: conversions are what was drawn for them, person by person',
    `select coalesce(c.owner, d.owner) || ' ' || coalesce(c.currency, d.currency) as broken
       from (select owner, currency, sum(amount) as net from conversion group by 1, 2) c
       full join (select owner, currency, sum(amount - given_back) as net from earning_draw
                   where conversion_id is not null and repays is null group by 1, 2) d using (owner, currency)
      where coalesce(c.net, 0) <> coalesce(d.net, 0)`,
  ],
  [
    'referrals: conversions that the ledger declined hold nothing, person by person',
    `select c.owner || ' ' || a.conversion_id as broken from conversion_answer a join conversion c on c.id = a.conversion_id
      where a.outcome = 'declined' and c.reverses is null and (
        (select sum(amount) from conversion where c.id in (id, reverses)) <> 0
        or exists (select from earning_draw where conversion_id = c.id and repays is null and amount <> given_back))`,
  ],
  [
    'referrals: points of a conversion are the floor of its money at its price, refunds included',
    `select c.id::text as broken from conversion c
       left join (select reverses as id, -sum(amount) as amount, -sum(points) as points from conversion where reverses is not null group by 1) r using (id)
      where c.reverses is null and (c.points <> div(c.amount::numeric * 1000000, c.price_micro)
        or coalesce(r.points, 0) <> div(coalesce(r.amount, 0) * 1000000, c.price_micro))`,
  ],
  [
    'referrals: payouts are what was drawn for them, person by person',
    `select coalesce(i.payout_id, d.payout_id) || ' ' || coalesce(i.owner, d.owner) as broken from payout_item i
       full join (select payout_id, owner, sum(amount - given_back) as net from earning_draw
                   where payout_id in (select id from payout where state in ('released', 'paid')) and repays is null group by 1, 2) d using (payout_id, owner)
      where case when i.left_out then 0 else coalesce(i.net, 0) end <> coalesce(d.net, 0)`,
  ],
  [
    'referrals: write-offs are what was drawn for them',
    `select d.id::text as broken from erased_payee_decision d
       left join (select write_off_id as id, sum(amount) as drawn from earning_draw where write_off_id is not null and repays is null group by 1) w using (id)
      where coalesce(w.drawn, 0) <> case d.decision when 'write_off' then d.amount else 0 end`,
  ],
  [
    'referrals: what was repaid of a debt is the sum of the draws that repay it, and no more than is owed',
    `select d.id::text as broken from earning_draw d
       left join (select repays as id, sum(amount - given_back) as repaid from earning_draw where repays is not null group by 1) r using (id)
      where coalesce(r.repaid, 0) <> d.repaid or d.repaid > d.owed`,
  ],
  [
    'referrals: earnings wallets are the sums of their legs',
    `select coalesce(w.owner, l.owner) || ' ' || coalesce(w.currency, l.currency) as broken
       from (select owner, currency, sum(held) as total from commission_party group by 1, 2) w
       full join (select owner, currency, sum(amount) as total from leg group by 1, 2) l using (owner, currency)
      where coalesce(w.total, 0) <> coalesce(l.total, 0)`,
  ],
  [
    'referrals: shares belong to whom the order, its decision, introductions and bindings give them',
    `select p.commission_id || ' ' || p.party as broken from commission_party p join commission c on c.id = p.commission_id
       left join decision d using (order_id) left join link l on l.id = d.link_id
      where p.owner is distinct from case p.party
          when 'memberRebate' then 'rebate:' || c.wallet_id
          when 'contributor' then (select p.owner from binding b where b.wallet_id = c.wallet_id and p.owner in (
            select 'brand:' || x from unnest(b.earlier || b.contributor) x))
          when 'distributor' then d.promoter
          when 'introducer' then (select i.introducer from introduction i where i.brand = l.brand and i.owner = d.promoter
            and i.since <= c.occurred_at and c.occurred_at < i.expires_at)
          when 'store' then 'store:' || c.brand || '/' || c.store
          when 'guide' then 'guide:' || c.brand || '/' || d.guide
          when 'operator' then 'operator' end
        or p.payee <> case when p.owner = 'operator' or p.owner like 'brand:%' then p.owner else 'members' end
        or p.through is distinct from case when p.owner = 'operator' then null else coalesce(substring(p.owner from '^(?:brand|store|guide):([^/]+)'),
             case when p.party in ('distributor', 'introducer') then l.brand else c.brand end) end`,
  ],
  [
    'referrals: the winner of an order owns the link that won it',
    `select c.id::text as broken from commission c left join decision d using (order_id) left join link l on l.id = d.link_id
      where (d.brand, d.wallet_id, d.occurred_at) is distinct from (c.brand, c.wallet_id, c.occurred_at)
        or d.promoter is distinct from case when d.won_by in ('code', 'deep_link', 'click') then l.owner end`,
  ],
  [
    'referrals: links belong to whom they name',
    `select id::text as broken from link where owner is distinct from case owner_kind when 'brand' then 'brand:' || brand
        when 'member' then 'wallet:' || wallet_id else owner_kind || ':' || brand || '/' || owner_ref end`,
  ],
  [
    'referrals: legs and draws belong to the owner of their share',
    `select p.commission_id || ' ' || p.party as broken from commission_party p join (
         select commission_id, party, owner, payee, currency from leg
         union select commission_id, party, owner, null, currency from earning_draw
         union select commission_id, party, null, payee, currency from told_share) x using (commission_id, party)
      where x.owner <> p.owner or x.payee <> p.payee or x.currency <> p.currency`,
  ],
  [
    'referrals: nobody was introduced by a person whom the same brand knows as introduced, under whatever key',
    'select a.owner as broken from introduction a join introduction b on b.brand = a.brand and b.owner = any (person_keys(a.brand, a.introducer))',
  ],
];

@Injectable()
export class ReferralsInvariantsService implements Invariants {
  constructor(
    private readonly dataSource: DataSource,
    private readonly audit: CommissionsAuditService,
    private readonly days: DaysService,
    private readonly payouts: PayoutsAuditService,
  ) {}

  async check(): Promise<Check[]> {
    return runAudit(this.dataSource, async (tx) => {
      const checks: Check[] = [];
      for (const [name, sql] of RULES) checks.push(checkOf(name, await broken(tx, sql)));
      checks.push(
        checkOf('referrals: nobody holds more than the split of what remains', await this.audit.aboveTarget(tx)),
      );
      checks.push(
        checkOf('referrals: legs of closed days give the totals and roots kept of them', await this.days.faults(tx)),
      );
      checks.push(
        checkOf(
          'referrals: released payouts are what two people approved, share by share',
          await this.payouts.changed(tx),
        ),
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
    measured: faults.length === 0 ? 'none' : faults.slice(0, SHOWN).join(', '),
  };
}
