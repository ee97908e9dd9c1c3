import type { Check } from '#libs/http';

/** Runs one statement that sees every brand's rows: the owner role, or a session whose `hezong.brand` is `'*'`. */
export type ReadAll = (sql: string) => Promise<readonly { name: string; expected: string; measured: string }[]>;

/** Each part counts what must not be there, unless it says otherwise. All parts share one snapshot. */
const CHECKS: readonly (readonly [name: string, sql: string])[] = [
  ['entries.sum', `select coalesce(sum(amount), 0) from entry`],
  [
    'postings.legs_sum_to_zero',
    `select count(*) from (select from entry group by posting_id having sum(amount) <> 0) x`,
  ],
  [
    'entries.belong_to_a_posting',
    `select count(*) from (select distinct posting_id from entry) e left join posting p on p.id = e.posting_id where p.id is null`,
  ],
  [
    'entries.run_without_gap',
    `select count(*) from (
       select version, balance_after, amount, row_number() over w as n, sum(amount) over w as running
       from entry window w as (partition by account_id, slot order by version)) x
     where version <> n or balance_after <> running`,
  ],
  [
    'balances.equal_their_entries',
    `select count(*) from account_balance b
     full join (select account_id, slot, count(*) as n, sum(greatest(amount, 0)) as credits, sum(greatest(-amount, 0)) as debits
       from entry group by account_id, slot) e using (account_id, slot)
     where coalesce(b.version, 0) <> coalesce(e.n, 0) or coalesce(b.credits_posted, 0) <> coalesce(e.credits, 0)
       or coalesce(b.debits_posted, 0) <> coalesce(e.debits, 0)`,
  ],
  [
    'wallets.postings_without_gap',
    `select count(*) from (select account_id, wallet_version from account_balance where slot = 0 and account_id < 4611686018427387904) b
     full join (select wallet_account, count(*) as n, max(wallet_version) as last from posting group by wallet_account) p
       on p.wallet_account = b.account_id
     where coalesce(b.wallet_version, 0) <> coalesce(p.n, 0) or coalesce(b.wallet_version, 0) <> coalesce(p.last, 0)`,
  ],
  [
    'wallets.equal_their_lots',
    `select count(*) from account_balance b left join account_balance q on q.account_id = b.account_id and q.slot = 1
     left join (select wallet_account,
         sum(case when debt then -remaining when pending then 0 else remaining + held end) as posted,
         sum(case when pending then remaining else 0 end) as pending, sum(held) as held,
         sum(case when debt then remaining else 0 end) as debt
       from lot group by wallet_account) l on l.wallet_account = b.account_id
     where b.slot = 0 and b.account_id < 4611686018427387904 and (b.credits_posted - b.debits_posted <> coalesce(l.posted, 0)
       or b.debits_pending - b.credits_pending <> coalesce(l.held, 0) or b.debt <> coalesce(l.debt, 0)
       or b.pending <> coalesce(l.pending, 0) or coalesce(q.credits_posted - q.debits_posted, 0) <> b.pending)`,
  ],
  [
    'wallets.never_below_their_debt',
    `select count(*) from account_balance where account_id < 4611686018427387904
       and credits_posted - debits_posted - debits_pending + credits_pending + debt < 0`,
  ],
  [
    'lots.equal_their_allocations',
    `select count(*) from lot l full join (select wallet_account, lot_id, sum(points) as points from allocation group by 1, 2) c
       on c.wallet_account = l.wallet_account and c.lot_id = l.id
     where coalesce(c.points, 0) is distinct from case when l.debt then -l.remaining else l.remaining + l.held end`,
  ],
  [
    'allocations.equal_wallet_entries',
    `select count(*) from (select posting_id, sum(points) as points from allocation group by 1) c
     full join (select posting_id, sum(amount) as points from entry where account_id < 4611686018427387904 group by 1) e using (posting_id)
     where coalesce(c.points, 0) <> coalesce(e.points, 0)`,
  ],
  [
    'holds.equal_wallets',
    `select count(*) from account_balance b left join (
       select wallet_account, sum(points - captured - released) as held from hold where open group by 1) h on h.wallet_account = b.account_id
     where b.slot = 0 and b.account_id < 4611686018427387904 and b.debits_pending - b.credits_pending <> coalesce(h.held, 0)`,
  ],
  [
    'holds.equal_their_lots',
    `select count(*) from hold h full join (
       select hold_id, sum(points) as points, sum(captured) as captured, sum(released) as released from hold_lot group by 1) k
       on k.hold_id = h.id
     where h.points is distinct from k.points or h.captured is distinct from k.captured or h.released is distinct from k.released`,
  ],
  [
    'lots.held_by_open_holds',
    `select count(*) from (select wallet_account, id, held from lot where held > 0) l full join (
       select h.wallet_account, k.lot_id, sum(k.points - k.captured - k.released) as held
       from hold h join hold_lot k on k.hold_id = h.id where h.open group by 1, 2) k
       on k.wallet_account = l.wallet_account and k.lot_id = l.id
     where coalesce(l.held, 0) <> coalesce(k.held, 0)`,
  ],
  [
    'holds.equal_their_postings',
    `select count(*) from hold h left join (
       select hold_id, sum(points) filter (where kind = 'capture') as captured,
         sum(points) filter (where kind = 'redemption_return') as returned
       from posting where hold_id is not null group by 1) p on p.hold_id = h.id
     where h.captured <> coalesce(p.captured, 0) or h.returned <> coalesce(p.returned, 0)`,
  ],
  [
    'orders.equal_their_postings',
    `select count(*) from purchase o left join (
       select order_id, sum(points) filter (where kind in ('accrual', 'accrual_pending')) as earned,
         sum(points) filter (where kind = 'accrual_reversal') as reversed
       from posting where order_id is not null group by 1) p on p.order_id = o.id
     where o.points_earned <> coalesce(p.earned, 0) or o.points_reversed <> coalesce(p.reversed, 0)`,
  ],
  [
    'operations.name_their_posting',
    `select count(*) from operation o left join posting p on p.id = o.posting_id
     where (o.posting_id is not null and p.id is null) or (o.decline is not null and o.posting_id is not null)`,
  ],
  [
    'postings.have_one_operation',
    `select count(*) from (select p.id from posting p left join operation o on o.posting_id = p.id
       where p.kind in ('authorization', 'capture', 'void', 'redemption_return', 'accrual_reversal', 'accrual')
       group by p.id having count(o.key) <> 1) x`,
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
    'ids.end_in_their_wallets_byte',
    `select count(*) from (
       select id, wallet_id from posting
       union all select id, wallet_id from hold
       union all select id, wallet_id from purchase
       union all select id, wallet_id from order_event
       union all select id, wallet_id from quote
       union all select subject_id, wallet_id from operation
       union all select l.id, a.wallet_id from lot l join account a on a.id = l.wallet_account) x
     where get_byte(uuid_send(id), 15) <> get_byte(uuid_send(wallet_id), 15)`,
  ],
  [
    'seals.equal_their_postings',
    `select count(*) from ledger_verify_v1(greatest(1, coalesce((select max(number) from seal_block), 0) - 200))`,
  ],
];

const SQL = CHECKS.map(([name, sql]) => `select '${name}' as name, '0' as expected, (${sql})::text as measured`).join(
  '\nunion all\n',
);

/**
 * Everything that must hold in the books at any instant, in one statement and one snapshot.
 * Reads all of the ledger: for tests, the operator and nightly runs, not for every request.
 */
export async function ledgerInvariants(read: ReadAll): Promise<Check[]> {
  const rows = await read(SQL);
  return rows.map((row) => ({ ...row, ok: row.expected === row.measured }));
}
