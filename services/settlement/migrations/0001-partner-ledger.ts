import { directoryTableSql } from '#libs/directory';
import { idempotencyTableSql } from '#libs/http';
import { messagingTablesSql } from '#libs/messaging';
import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';

// A line's payee is the redeemer or the operator, so it needs no mention; with it a brand called "operator" would see every fee.
const parties = `current_setting('hezong.brand', true) in ('*', payer, issuer, redeemer)`;

/** Cycles, priced lines, the frozen results of cycles, and who is whose member. */
export const partnerLedger = defineMigration({
  id: '0001',
  name: 'partner-ledger',
  up: `
    ${messagingTablesSql()}
    ${directoryTableSql()}
    ${idempotencyTableSql()}

    create table cycle (
      id text primary key,
      month text not null check (month ~ '^[0-9]{4}-[0-9]{2}$'),
      currency text not null check (currency ~ '^[A-Z]{3}$'),
      status text not null default 'open' check (status in ('open', 'cut_off', 'frozen', 'confirmed', 'closed')),
      from_at timestamptz not null,
      to_at timestamptz not null,
      cut_off_at timestamptz,
      frozen_at timestamptz,
      confirmed_at timestamptz,
      closed_at timestamptz,
      unique (month, currency),
      check ((cut_off_at is null) = (status = 'open')),
      check ((frozen_at is null) = (status in ('open', 'cut_off'))),
      check ((confirmed_at is not null) = (status in ('confirmed', 'closed'))),
      check ((closed_at is not null) = (status = 'closed'))
    );

    -- A cycle only ever moves to its next state, and keeps its period once it is cut off.
    create function guard_cycle() returns trigger language plpgsql as $guard$
    declare
      states constant text[] := array['open', 'cut_off', 'frozen', 'confirmed', 'closed'];
    begin
      if tg_op <> 'UPDATE' then
        raise exception 'a cycle is never removed' using errcode = 'restrict_violation';
      end if;
      if (new.id, new.month, new.currency) is distinct from (old.id, old.month, old.currency)
        or array_position(states, new.status) not between array_position(states, old.status)
             and array_position(states, old.status) + 1
        or (old.status <> 'open' and (new.from_at, new.to_at, new.cut_off_at) is distinct from (old.from_at, old.to_at, old.cut_off_at))
        or (old.status = 'closed' and new is distinct from old)
      then
        raise exception 'cycle % cannot go from % to %', old.id, old.status, new.status using errcode = 'restrict_violation';
      end if;
      return new;
    end $guard$;
    create trigger cycle_guard before update or delete on cycle for each row execute function guard_cycle();
    create trigger cycle_no_truncate before truncate on cycle for each statement execute function guard_cycle();

    create table line (
      id uuid primary key,
      cycle text not null,
      type text not null check (type in
        ('accrual', 'accrual_reversal', 'redemption', 'redemption_reversal', 'expiry', 'fee', 'fee_reversal')),
      posting_id text not null,
      lot_id text not null,
      original_line_id uuid,
      wallet_id text not null,
      actor text not null,
      actor_member_ref text not null,
      occurred_at timestamptz not null,
      posted_at timestamptz not null,
      payer text not null,
      payee text not null,
      issuer text not null,
      redeemer text,
      store text,
      points bigint not null check (points <> 0 and (points < 0) = (type like '%_reversal')),
      price_micro bigint not null check (price_micro >= 0),
      amount_micro numeric(38, 0) generated always as (points::numeric * price_micro) stored,
      currency text not null,
      reference text,
      check (payee = 'operator' or payee is not distinct from redeemer)
    );
    create index line_order on line (cycle, posted_at, id);
    ${appendOnlySql('line')}

    alter table line enable row level security;
    alter table line force row level security;
    create policy line_party on line using (${parties}) with check (current_setting('hezong.brand', true) = '*');

    -- Statements that went out can't gain a line, whatever the service believes.
    create function guard_sealed_cycle() returns trigger language plpgsql as $guard$
    declare
      sealed text;
    begin
      select t.cycle into sealed
        from (select distinct cycle from added) t left join cycle c on c.id = t.cycle
        where c.id is null or c.status not in ('open', 'cut_off')
        limit 1;
      if found then
        raise exception 'cycle % takes no more lines', sealed using errcode = 'restrict_violation';
      end if;
      return null;
    end $guard$;
    create trigger line_cycle_open after insert on line referencing new table as added
      for each statement execute function guard_sealed_cycle();

    create table statement (
      cycle text not null references cycle (id),
      brand text not null,
      -- order of freezing: the chain of a brand's hashes follows it
      seq bigint generated always as identity,
      version integer not null default 1,
      currency text not null,
      line_count bigint not null,
      points bigint not null,
      amount_micro numeric(38, 0) not null,
      pays_micro numeric(38, 0) not null,
      receives_micro numeric(38, 0) not null,
      fees_micro numeric(38, 0) not null,
      net bigint not null,
      hash text not null check (hash ~ '^sha256:[0-9a-f]{64}$'),
      previous_hash text,
      primary key (cycle, brand)
    );
    create index statement_chain on statement (brand, seq desc);
    ${appendOnlySql('statement')}
    ${brandPolicySql('statement')}

    create table frozen_group (
      cycle text not null references cycle (id),
      payer text not null,
      payee text not null,
      fee boolean not null,
      price_micro bigint not null,
      points numeric(38, 0) not null,
      amount_micro numeric(38, 0) not null,
      -- the one rounded figure that both sides carry
      amount bigint not null,
      primary key (cycle, payer, payee, fee, price_micro)
    );
    ${appendOnlySql('frozen_group')}
    alter table frozen_group enable row level security;
    alter table frozen_group force row level security;
    create policy frozen_group_party on frozen_group
      using (current_setting('hezong.brand', true) in ('*', payer, case when fee then payer else payee end)) with check (current_setting('hezong.brand', true) = '*');

    create table frozen_matrix (
      cycle text not null references cycle (id),
      issuer text not null,
      redeemer text not null,
      points numeric(38, 0) not null,
      amount_micro numeric(38, 0) not null,
      primary key (cycle, issuer, redeemer)
    );
    ${appendOnlySql('frozen_matrix')}
    alter table frozen_matrix enable row level security;
    alter table frozen_matrix force row level security;
    create policy frozen_matrix_operator on frozen_matrix using (current_setting('hezong.brand', true) = '*');

    -- Results are written once, in the transaction that freezes the cycle.
    create function guard_frozen_result() returns trigger language plpgsql as $guard$
    declare
      settled text;
    begin
      select t.cycle into settled
        from (select distinct cycle from added) t join cycle c on c.id = t.cycle
        where c.status <> 'cut_off'
        limit 1;
      if found then
        raise exception 'the results of cycle % are settled', settled using errcode = 'restrict_violation';
      end if;
      return null;
    end $guard$;
    create trigger statement_once after insert on statement referencing new table as added
      for each statement execute function guard_frozen_result();
    create trigger frozen_group_once after insert on frozen_group referencing new table as added
      for each statement execute function guard_frozen_result();
    create trigger frozen_matrix_once after insert on frozen_matrix referencing new table as added
      for each statement execute function guard_frozen_result();

    create table member_link (
      brand text not null,
      member_ref text not null,
      wallet_id text not null,
      active boolean not null,
      version bigint not null,
      changed_at timestamptz not null,
      primary key (brand, member_ref)
    );
    create index member_link_wallet on member_link (wallet_id, brand);
    ${brandPolicySql('member_link')}
  `,
});
