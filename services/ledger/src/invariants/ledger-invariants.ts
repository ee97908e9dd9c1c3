import type { Check } from '#libs/http';
import { MAX_WIRE_INTEGER } from '#libs/kernel';

/** Runs one statement that sees every brand's rows: as the owner role, or in a connection whose `hezong.brand` is `'*'`. */
export type ReadAll = (sql: string) => Promise<readonly { name: string; expected: string; measured: string }[]>;

/** Totals of a brand's account of one kind, by the legs of postings. */
function accountSums(kind: 'issued' | 'accepted' | 'expired'): string {
  return `select a.owner, sum(greatest(-e.amount, 0)) as debits, sum(greatest(e.amount, 0)) as credits
    from brand_account a join brand_entry e on e.account_id = a.id where a.kind = '${kind}' group by 1`;
}

/** Changes to each issuer's lots by postings of one kind. */
function movedByIssuer(kind: 'accrual_reversal' | 'expiry'): string {
  return `select l.issuer as owner, sum(c.points) as points from posting p join allocation c using (cell, wallet_id, wallet_version)
    join lot l on l.cell = c.cell and l.wallet_id = c.wallet_id and l.id = c.lot_id where p.kind = '${kind}' group by 1`;
}

/**
 * Checks, each of which counts violations, all in one snapshot. Each compares figures that are stored independently and can fail
 * alone. A rule that a constraint or another check already guarantees has no check here; that the legs of a posting sum to zero is
 * such a constraint.
 */
const CHECKS: readonly (readonly [name: string, sql: string])[] = [
  [
    'postings.move_what_they_say',
    `select count(*) from posting
     where spendable <> case when kind in ('accrual', 'accrual_release', 'redemption_return', 'transfer_in') then points
         when kind in ('capture', 'expiry', 'transfer_out') then -points when kind = 'accrual_reversal' then -points - pending else 0 end
       or kind <> 'accrual_reversal' and pending <>
         case kind when 'accrual_pending' then points when 'accrual_release' then -points else 0 end`,
  ],
  [
    'legs.on_the_account_they_concern',
    `select count(*) from brand_entry e join posting p using (cell, wallet_id, wallet_version) left join brand_account a on a.id = e.account_id
     where (case when p.kind in ('accrual', 'accrual_pending', 'accrual_reversal') then a.kind = 'issued'
       when p.kind in ('capture', 'redemption_return') then (a.kind, a.owner) = ('accepted', p.brand)
       when p.kind in ('transfer_out', 'transfer_in') then (a.kind, a.owner) = ('transit', 'operator')
       else p.kind = 'expiry' and a.kind = 'expired' and (a.owner = p.brand or a.owner = 'operator') end) is not true`,
  ],
  [
    'postings.go_on_from_each_other',
    `select count(*) from (
       select wallet_version, row_number() over w as n, balance_after, sum(spendable) over w as balance, pending_after,
         sum(pending) over w as pending
       from posting window w as (partition by cell, wallet_id order by wallet_version)) x
     where wallet_version <> n or balance_after <> balance or pending_after <> pending`,
  ],
  [
    'wallets.equal_their_postings',
    `select count(*) from wallet w full join (
       select distinct on (cell, wallet_id) cell, wallet_id, wallet_version, balance_after, held_after, pending_after, debt_after
       from posting order by cell, wallet_id, wallet_version desc) p using (cell, wallet_id)
     where w.wallet_version is distinct from coalesce(p.wallet_version, 0)
       or w.posted <> coalesce(p.balance_after, 0) or w.held <> coalesce(p.held_after, 0) or w.pending <> coalesce(p.pending_after, 0)
       or w.debt <> coalesce(p.debt_after, 0)`,
  ],
  [
    'wallets.count_what_a_day_gave',
    `select count(*) from wallet w left join (
       select p.cell, p.wallet_id, sum(p.points) as points from posting p join wallet w using (cell, wallet_id)
       where p.kind in ('accrual', 'accrual_pending') and p.wallet_version > w.given_after group by 1, 2) p using (cell, wallet_id)
     where w.given <> coalesce(p.points, 0) and w.given < ${MAX_WIRE_INTEGER}`,
  ],
  [
    'events.in_the_order_of_their_wallet',
    `select count(*) from (select epoch, xid, seq, lag(epoch) over w as last_epoch, lag(xid) over w as last_xid, lag(seq) over w as last_seq
       from posting window w as (partition by cell, wallet_id order by wallet_version)) x
     where (epoch, xid, seq) <= (last_epoch, last_xid, last_seq)`,
  ],
  [
    'brands.equal_their_sealed_legs',
    `select count(*) from brand_balance b full join (
       select e.cell, e.account_id, count(*) as legs, sum(greatest(e.amount, 0)) as credits, sum(greatest(-e.amount, 0)) as debits
       from brand_entry e join posting p using (cell, wallet_id, wallet_version)
       where (p.epoch, p.xid, p.seq) <= (
         select to_epoch, to_xid, to_seq from seal_block order by to_epoch desc, to_xid desc, to_seq desc limit 1)
       group by 1, 2) e using (cell, account_id)
     where b.legs is distinct from e.legs or b.credits is distinct from e.credits or b.debits is distinct from e.debits`,
  ],
  [
    'wallets.equal_their_lots',
    `select count(*) from wallet w full join (select cell, wallet_id,
         sum(case when debt then -remaining when pending then 0 else remaining + held end) as posted,
         sum(case when pending then remaining else 0 end) as pending, sum(held) as held,
         sum(case when debt then remaining else 0 end) as debt, sum(case when debt then coalesce(lapsed, 0) else 0 end) as written_off
       from lot group by 1, 2) l using (cell, wallet_id)
     where w.posted is distinct from coalesce(l.posted, 0)
       or w.held is distinct from coalesce(l.held, 0) or w.debt is distinct from coalesce(l.debt, 0)
       or w.pending is distinct from coalesce(l.pending, 0) or w.written_off is distinct from coalesce(l.written_off, 0)`,
  ],
  [
    'wallets.know_when_something_is_due',
    `select count(*) from wallet w where coalesce(next_due, 'infinity') > least(
       (select min(case when pending then available_from when remaining > 0 then expires_at end)
         from lot l where l.cell = w.cell and l.wallet_id = w.wallet_id and open and not debt),
       (select min(expires_at) from hold h where h.cell = w.cell and h.wallet_id = w.wallet_id and open))`,
  ],
  [
    'debts.were_met_by_what_can_be_spent',
    `select count(*) from lot d join lot l on l.cell = d.cell and l.wallet_id = d.wallet_id and l.issuer = d.issuer
     where (d.open or d.lapsed is not null) and d.debt and l.open and not l.debt and not l.pending and l.remaining > 0
       and (l.expires_at is null or l.expires_at > d.earned_at or l.origin_id = d.origin_id)`,
  ],
  [
    'issued.equals_lots',
    `select count(*) from (${accountSums('issued')}) a
     full join (select issuer as owner, sum(points) as given from lot where not debt
       and posting_id not in (select id from posting where kind = 'transfer_in') group by 1) l using (owner)
     full join (${movedByIssuer('accrual_reversal')}) r using (owner)
     where coalesce(a.debits, 0) <> coalesce(l.given, 0) or coalesce(a.credits, 0) <> coalesce(-r.points, 0)`,
  ],
  [
    'expired.equals_lots',
    `select count(*) from (${accountSums('expired')}) a full join (${movedByIssuer('expiry')}) l using (owner)
     where coalesce(a.credits, 0) <> coalesce(-l.points, 0) or a.debits <> 0`,
  ],
  [
    'accepted.equals_holds',
    `select count(*) from (${accountSums('accepted')}) a
     full join (select brand as owner, sum(captured) as captured, sum(returned) as returned from hold group by 1) h using (owner)
     where coalesce(a.credits, 0) - coalesce(a.debits, 0) <> coalesce(h.captured, 0) - coalesce(h.returned, 0)`,
  ],
  [
    'lots.equal_their_movements',
    `select count(*) from lot l full join (select cell, wallet_id, lot_id, sum(points) as points from movement group by 1, 2, 3) m
       on m.cell = l.cell and m.wallet_id = l.wallet_id and m.lot_id = l.id
     where coalesce(m.points, 0) is distinct from case when l.debt then -l.remaining else l.remaining + l.held end`,
  ],
  [
    'lots.say_what_they_lost',
    `select count(*) from (
       select l.cell, l.wallet_id, l.origin_id, sum(coalesce(l.lapsed, 0)) as lapsed, sum(coalesce(e.points, 0)) as expired
       from lot l left join (select a.cell, a.wallet_id, a.lot_id, -sum(a.points) as points
         from posting p join allocation a using (cell, wallet_id, wallet_version) where p.kind = 'expiry' and a.original_posting_id is null group by 1, 2, 3) e
         on e.cell = l.cell and e.wallet_id = l.wallet_id and e.lot_id = l.id
       where not l.debt group by 1, 2, 3) x
     left join purchase o on o.cell = x.cell and o.id = x.origin_id
     where case when o.id is null then x.lapsed > x.expired else x.lapsed + o.points_expired <> x.expired end`,
  ],
  [
    'movements.equal_their_postings',
    `select count(*) from posting p full join (
       select cell, wallet_id, wallet_version, sum(points) as points from movement group by 1, 2, 3) m
       using (cell, wallet_id, wallet_version)
     where coalesce(m.points, 0) is distinct from p.spendable + p.pending`,
  ],
  [
    'holds.equal_their_lots',
    `select count(*) from (select * from hold where captures[1] is distinct from wallet_version) h full join (
       select cell, hold_id, sum(points) as points, sum(captured) as captured, sum(released) as released from hold_lot group by 1, 2) k
       on k.cell = h.cell and k.hold_id = h.id
     where h.points is distinct from k.points or h.captured is distinct from k.captured or h.released is distinct from k.released`,
  ],
  [
    'lots.held_by_open_holds',
    `select count(*) from (select cell, wallet_id, id, held from lot where held > 0) l full join (
       select h.cell, h.wallet_id, k.lot_id, sum(k.points - k.captured - k.released) as held
       from hold h join hold_lot k on k.cell = h.cell and k.hold_id = h.id where h.open group by 1, 2, 3) k
       on k.cell = l.cell and k.wallet_id = l.wallet_id and k.lot_id = l.id
     where coalesce(l.held, 0) <> coalesce(k.held, 0)`,
  ],
  [
    'holds.equal_their_postings',
    `select count(*) from hold h left join (
       select cell, hold_id, sum(points) filter (where kind = 'capture') as captured,
         sum(points) filter (where kind = 'redemption_return') as returned
       from posting where hold_id is not null group by 1, 2) p on p.cell = h.cell and p.hold_id = h.id
     where h.captured <> coalesce(p.captured, 0) or h.returned <> coalesce(p.returned, 0)`,
  ],
  [
    'holds.keep_their_quoted_price',
    `select (select count(*) from hold h
         left join posting a on a.cell = h.cell and a.wallet_id = h.wallet_id and a.wallet_version = h.wallet_version
         left join quote q on q.cell = h.cell and q.id = h.quote_id
         where a.hold_id is distinct from h.id or a.quoted_reimbursement_micro is distinct from h.quoted_reimbursement_micro
           or q.reimbursement_price_micro <> h.quoted_reimbursement_micro)
       + (select count(*) from posting p join hold h on h.cell = p.cell and h.id = p.hold_id
         where p.kind in ('capture', 'void', 'redemption_return', 'authorization_expired')
           and p.quoted_reimbursement_micro is distinct from h.quoted_reimbursement_micro)`,
  ],
  [
    'orders.equal_their_postings',
    `select count(*) from purchase o left join (
       select cell, order_id, sum(points) filter (where kind in ('accrual', 'accrual_pending')) as earned,
         sum(points) filter (where kind = 'accrual_reversal') as reversed
       from posting where order_id is not null group by 1, 2) p on p.cell = o.cell and p.order_id = o.id
     where o.points_earned <> coalesce(p.earned, 0) or o.points_reversed - o.points_expired <> coalesce(p.reversed, 0)`,
  ],
  [
    'orders.equal_their_returns',
    `select count(*) from (
       select o.cell, o.id, r.key as line, (r.value ->> 0)::numeric as quantity, (r.value ->> 1)::numeric as net
       from purchase o, json_each(o.returned) r) o
     full join (
       select e.cell, e.purchase_id as id, l.value ->> 0 as line, sum((l.value ->> 1)::numeric) as quantity, sum((l.value ->> 2)::numeric) as net
       from order_event e, json_array_elements(e.lines) l group by 1, 2, 3) e using (cell, id, line)
     where coalesce(o.quantity, 0) <> coalesce(e.quantity, 0) or coalesce(o.net, 0) <> coalesce(e.net, 0)`,
  ],
  [
    'answers.name_their_posting',
    `select count(*) from first_answer o left join posting p on p.cell = o.cell and p.id = o.posting_id
     where (o.posting_id is not null and p.id is null) or (o.decline is not null and o.posting_id is not null)`,
  ],
  [
    'postings.have_one_answer',
    `select count(*) from (select p.cell, p.id from posting p left join first_answer o on o.cell = p.cell and o.posting_id = p.id
       where p.kind in ('authorization', 'capture', 'void', 'redemption_return', 'accrual_reversal', 'accrual', 'transfer_out')
       group by 1, 2 having count(o.id) <> 1) x`,
  ],
  [
    'answers.hold_their_key',
    `select count(*) from (
       select kind, brand, external_id, wallet_id, id from operation
       union all select kind, brand, external_id, wallet_id, id from operation_archive
       union all select 'order', brand, external_id, wallet_id, id from purchase
       union all select 'authorization', brand, reference, wallet_id, id from hold
       union all select 'expiration', brand, external_id, null, id from expiration_run) o
     left join claim c on c.key = left(encode(sha256(convert_to(o.kind || E'\\n' || o.brand || E'\\n' || o.external_id, 'UTF8')), 'hex'), 32)::uuid
     where c.operation_id is distinct from o.id or c.wallet_id is distinct from o.wallet_id`,
  ],
  [
    'lots.under_terms_of_their_issuer',
    `select count(*) from lot l left join contract_terms t on t.id = l.terms_id where t.brand is distinct from l.issuer`,
  ],
  [
    'spending.under_terms_of_its_redeemer',
    `select count(*) from (select brand, terms_id from hold union all select brand, terms_id from posting where kind = 'capture') s
     left join contract_terms t on t.id = s.terms_id where t.brand is distinct from s.brand`,
  ],
  [
    'rows.lie_in_the_cell_of_their_wallet',
    `select count(*) from (
       select cell, wallet_id, id from posting
       union all select cell, wallet_id, id from lot
       union all select cell, wallet_id, id from hold
       union all select cell, wallet_id, id from purchase
       union all select cell, wallet_id, id from order_event
       union all select cell, wallet_id, id from operation
       union all select cell, wallet_id, id from operation_archive
       union all select cell, wallet_id, id from quote
       union all select cell, wallet_id, wallet_id from member_tier
       union all select cell, wallet_id, lot_id from allocation
       union all select k.cell, h.wallet_id, k.hold_id from hold_lot k left join hold h on h.cell = k.cell and h.id = k.hold_id) x
     where wallet_id is null or cell <> ledger_cell(wallet_id)
       or get_byte(uuid_send(id), 15) <> get_byte(uuid_send(wallet_id), 15)`,
  ],
  [
    'movements.lie_beside_their_posting',
    `select count(*) from allocation a left join posting p using (cell, wallet_id, wallet_version) where p.id is distinct from a.posting_id`,
  ],
  [
    'keys.lead_to_an_answer',
    `select count(*) from claim c left join (
       select cell, id, wallet_id from first_answer union all select ledger_cell(id), id, null from expiration_run) o
       on o.id = c.operation_id and o.wallet_id is not distinct from c.wallet_id
     where o.id is null or c.cell <> ledger_cell(c.key)`,
  ],
  [
    'limited_lots.lie_in_marked_wallets',
    `select count(*) from lot l left join wallet w using (cell, wallet_id) where l.places is not null and w.limited is distinct from true`,
  ],
  [
    'spending.where_its_lots_allow',
    `select count(*) from hold h join hold_lot k on k.cell = h.cell and k.hold_id = h.id
     join lot l on l.cell = h.cell and l.wallet_id = h.wallet_id and l.id = k.lot_id
     where l.places is not null and h.brand <> all(l.places) and coalesce(h.brand || '/' || h.store <> all(l.places), true)`,
  ],
  [
    'holds.name_their_draw_order',
    `select count(*) from hold h left join draw_order d on d.version = h.draw_order where d.version is null`,
  ],
  [
    'transfers.have_two_sides',
    `select count(*) from (select * from posting where kind = 'transfer_out') f full join (select * from posting where kind = 'transfer_in') t
       on t.order_id = f.order_id and t.wallet_id = f.other_wallet_id and t.other_wallet_id = f.wallet_id
     where f.points is distinct from t.points`,
  ],
  [
    'transfers.keep_their_lots',
    `select count(*) from (
       select p.kind, p.other_wallet_id, a.points, a.other_lot_id, l.id, l.issuer, l.asset, l.terms_id, l.earned_at, l.places, l.campaign,
         coalesce(l.agreed_expires_at, l.expires_at, 'infinity') as ends
       from posting p join allocation a using (cell, wallet_id, wallet_version)
       join lot l on l.cell = p.cell and l.wallet_id = p.wallet_id and l.id = a.lot_id
       where p.kind in ('transfer_out', 'transfer_in')) x
     left join lot o on o.cell = ledger_cell(x.other_wallet_id) and o.wallet_id = x.other_wallet_id and o.id = x.other_lot_id
     left join allocation b on b.cell = o.cell and b.wallet_id = o.wallet_id and b.lot_id = o.id and b.other_lot_id = x.id
     where b.points is distinct from -x.points or (o.issuer, o.asset, o.terms_id, o.earned_at, o.places, o.campaign,
         coalesce(o.agreed_expires_at, o.expires_at, 'infinity'))
       is distinct from (x.issuer, x.asset, x.terms_id, x.earned_at, x.places, x.campaign, x.ends)`,
  ],
  ['wallets.can_be_settled', `select count(*) from due_fault`],
  [
    'seals.equal_their_postings',
    `select (select count(*) from ledger_verify_v1(200)) + (select count(*) from seal_check where fault is not null)`,
  ],
];

const SQL = CHECKS.map(([name, sql]) => `select '${name}' as name, '0' as expected, (${sql})::text as measured`).join(
  '\nunion all\n',
);

/**
 * Everything that must hold in the books at any instant, in one statement and one snapshot. Reads the whole ledger: for tests, the
 * operator and nightly runs, not for every request.
 */
export async function ledgerInvariants(read: ReadAll): Promise<Check[]> {
  const rows = await read(SQL);
  return rows.map((row) => ({ ...row, ok: row.expected === row.measured }));
}
