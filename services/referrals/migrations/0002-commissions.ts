import { appendOnlySql, brandPolicySql, defineMigration, readerKeySql } from '#libs/postgres';

export const commissions = defineMigration({
  id: '0002',
  name: 'commissions',
  up: `
    create table decision (
      order_id text primary key,
      brand text not null,
      wallet_id text not null,
      occurred_at timestamptz not null,
      rule_version text not null,
      won_by text not null check (won_by in ('guide', 'code', 'deep_link', 'click', 'none')),
      promoter text,
      -- the guide whom the order names
      guide text,
      link_id uuid,
      offer_id uuid,
      document jsonb not null
    );
    create index decision_wallet on decision (wallet_id, brand, occurred_at) where promoter is not null;
    ${appendOnlySql('decision')}
    ${brandPolicySql('decision')}

    create table commission (
      id uuid primary key,
      -- A commission needs an order, and an order has one commission.
      order_id text not null unique,
      order_external_id text not null,
      brand text not null,
      store text not null,
      wallet_id text not null,
      member_ref text not null,
      currency text not null,
      offer_id uuid references offer (id),
      link_id uuid,
      campaign text,
      plan jsonb not null,
      rule_version text not null,
      lines jsonb not null,
      base bigint not null check (base > 0),
      remaining bigint not null check (remaining between 0 and base),
      -- goods outside the offer, for which only the contributor earns
      rest bigint not null default 0 check (rest >= 0),
      rest_remaining bigint not null default 0 check (rest_remaining between 0 and rest),
      pool bigint not null check (pool >= 0),
      used bigint not null default 0 check (used between 0 and pool),
      cap bigint,
      state text not null check (state in ('estimated', 'pending', 'held', 'payable', 'paid', 'cancelled', 'duplicate', 'fraud_hold', 'reversed')),
      reason text,
      return_days integer not null check (return_days >= 0),
      occurred_at timestamptz not null,
      posted_at timestamptz not null,
      received_at timestamptz,
      hold_until timestamptz,
      unbound boolean not null default false,
      check ((received_at is null) = (hold_until is null)),
      -- The hold is the return window plus one day, never shorter, and never begins before the order was received.
      constraint commission_held_long_enough check (hold_until >= greatest(received_at, posted_at) + make_interval(hours => (return_days + 1) * 24)),
      check (state not in ('held', 'payable', 'paid') or hold_until is not null)
    );
    create index commission_of_brand on commission (brand, posted_at, order_id);
    create index commission_due on commission (hold_until) where state = 'held';
    create index commission_unbound on commission (wallet_id) where unbound;
    create index commission_fraud on commission (posted_at, order_id) where state = 'fraud_hold';
    create unique index commission_external on commission (brand, order_external_id) where state <> 'duplicate';
    ${brandPolicySql('commission')}

    create table commission_state (
      seq bigint primary key generated always as identity,
      commission_id uuid not null,
      brand text not null,
      state text not null,
      reason text,
      at timestamptz not null
    );
    create index commission_state_of on commission_state (commission_id, seq);
    ${appendOnlySql('commission_state')}
    ${brandPolicySql('commission_state')}

    create function guard_commission() returns trigger language plpgsql as $guard$
    declare
      allowed constant jsonb := '{
        "estimated": ["pending", "held", "fraud_hold", "duplicate", "cancelled"],
        "pending": ["held", "cancelled", "fraud_hold"], "held": ["payable", "reversed", "fraud_hold"],
        "payable": ["paid", "reversed"], "paid": ["payable", "reversed"], "fraud_hold": ["pending", "held", "cancelled", "reversed"],
        "cancelled": [], "duplicate": [], "reversed": []}';
    begin
      if tg_op = 'DELETE' then
        raise exception 'a commission is never deleted' using errcode = 'restrict_violation';
      end if;
      if tg_op = 'INSERT' then
        if new.state in ('payable', 'paid', 'reversed', 'cancelled') then
          raise exception 'no commission begins as %', new.state using errcode = 'restrict_violation';
        end if;
        insert into commission_state (commission_id, brand, state, reason, at) values (new.id, new.brand, 'estimated', null, new.posted_at);
      else
        if (new.id, new.order_id, new.brand, new.wallet_id, new.base, new.rest, new.occurred_at, new.posted_at, new.return_days, new.plan, new.currency)
             is distinct from (old.id, old.order_id, old.brand, old.wallet_id, old.base, old.rest, old.occurred_at, old.posted_at, old.return_days, old.plan, old.currency)
          or (old.hold_until is not null and (new.received_at, new.hold_until) is distinct from (old.received_at, old.hold_until))
          or new.remaining > old.remaining or new.rest_remaining > old.rest_remaining or (new.unbound and not old.unbound)
        then
          raise exception 'commission % keeps its order, plan and hold', old.id using errcode = 'restrict_violation';
        end if;
        if new.state = old.state then return new; end if;
        if not allowed -> old.state ? new.state then
          raise exception 'commission % cannot go from % to %', old.id, old.state, new.state using errcode = 'restrict_violation';
        end if;
        if new.state in ('payable', 'paid') and new.hold_until > alliance_now() then
          raise exception 'commission % is on hold until %', old.id, old.hold_until using errcode = 'check_violation', constraint = 'commission_hold';
        end if;
      end if;
      insert into commission_state (commission_id, brand, state, reason, at)
        values (new.id, new.brand, new.state, new.reason, case tg_op when 'INSERT' then new.posted_at else alliance_now() end);
      return new;
    end $guard$;
    create trigger commission_guard before insert or update or delete on commission for each row execute function guard_commission();
    create trigger commission_no_truncate before truncate on commission for each statement execute function refuse_change();

    create table commission_party (
      commission_id uuid not null references commission (id),
      brand text not null,
      party text not null check (party in ('memberRebate', 'contributor', 'distributor', 'introducer', 'store', 'guide', 'operator')),
      owner text not null,
      payee text not null,
      -- the brand through which it is earned; only this brand sees and converts it; null for the operator
      through text,
      currency text not null,
      cap bigint,
      held bigint not null default 0 check (held >= 0),
      -- amount taken by conversions and payouts: the sum of its draws
      taken bigint not null default 0,
      -- whether the brand through which it is earned may know of it; it learns what its promoters earn on other brands' orders only in
      -- sums over several buyers
      told boolean not null,
      primary key (commission_id, party),
      constraint commission_party_taken check (taken between 0 and held)
    );
    create index commission_party_owner on commission_party (owner, through, currency);
    create index commission_party_free on commission_party (currency, owner, commission_id) where held > taken and owner ~ '^(wallet|store|guide):';
    create index commission_party_untold on commission_party (owner, through, currency) where not told;
    ${brandPolicySql('commission_party')}
    create trigger commission_party_no_delete before delete on commission_party for each row execute function refuse_change();

    create table leg (
      id uuid primary key,
      entry_id uuid not null,
      commission_id uuid not null,
      brand text not null,
      party text not null,
      owner text not null,
      payee text not null,
      amount bigint not null check (amount <> 0),
      currency text not null,
      reverses_leg_id uuid references leg (id),
      posted_at timestamptz not null,
      day date not null,
      -- whether settlement received it immediately; otherwise it is part of what settlement receives when the share's brand is told
      settled boolean not null,
      unique (entry_id, party),
      foreign key (commission_id, party) references commission_party (commission_id, party),
      check ((reverses_leg_id is not null) = (amount < 0))
    );
    create index leg_of_commission on leg (commission_id, party);
    create index leg_day on leg (owner, day, brand);
    -- legs are stored in the order of their days
    create index leg_by_day on leg using brin (day);
    create index leg_by_time on leg using brin (posted_at);
    ${appendOnlySql('leg')}
    ${brandPolicySql('leg')}

    -- What settlement received when brands were told of their shares: the amount at that time, one entry per share.
    create table told_share (
      entry_id uuid primary key,
      commission_id uuid not null,
      brand text not null,
      party text not null,
      payee text not null,
      amount bigint not null check (amount > 0),
      currency text not null,
      posted_at timestamptz not null,
      unique (commission_id, party),
      foreign key (commission_id, party) references commission_party (commission_id, party)
    );
    create index told_share_by_time on told_share (posted_at);
    ${appendOnlySql('told_share')}
    ${brandPolicySql('told_share')}

    -- Up to the day told, brands know what their promoters earned. Days up to through get no more legs. Roots exist for days up to
    -- sealed, except those in day_fault. Everything recorded later belongs to the first open day.
    create table closed_days (
      one boolean primary key default true check (one),
      through date not null default '-infinity',
      sealed date not null default '-infinity' check (sealed <= through),
      told date not null default '-infinity' check (told <= through)
    );
    insert into closed_days default values;
    create function guard_closed_days() returns trigger language plpgsql as $guard$
    begin
      if tg_op <> 'UPDATE' or new.through < old.through or new.sealed < old.sealed or new.told < old.told then
        raise exception 'a day is never opened again' using errcode = 'restrict_violation';
      end if;
      return new;
    end $guard$;
    create trigger closed_days_forward before insert or update or delete on closed_days for each row execute function guard_closed_days();

    -- Days whose roots could not be stored, and why. They are retried and delay no other day.
    create table day_fault (day date primary key, fault text not null);

    ${readerKeySql()}
    -- The legs of a day as of its close: those of each contributor at each seller, and (contributor null) those of all parties of a
    -- seller.
    create table commission_day (
      day date not null,
      seller text not null,
      contributor text not null,
      currency text not null,
      amount numeric(38, 0) not null,
      legs integer not null check (legs > 0),
      root text not null,
      -- hash of whose legs they are; not shown, and in no leaf, because readers do not see owners
      owners text not null,
      primary key (day, seller, contributor, currency)
    );
    create index commission_day_contributor on commission_day (contributor, day) where contributor <> '';
    ${appendOnlySql('commission_day')}
    alter table commission_day enable row level security;
    alter table commission_day force row level security;
    create policy commission_day_brand on commission_day using (current_setting('hezong.brand', true) in (seller, contributor, '*'));

    -- The amount that a party holds is the sum of its legs, by construction.
    create function apply_legs() returns trigger language plpgsql as $apply$
    begin
      if exists (select from added where day <= (select through from closed_days)) then
        raise exception 'the day is closed' using errcode = 'restrict_violation', constraint = 'leg_day_closed';
      end if;
      update commission_party p set held = p.held + a.amount
        from (select commission_id, party, sum(amount)::bigint as amount from added group by 1, 2) a
        where p.commission_id = a.commission_id and p.party = a.party;
      return null;
    end $apply$;
    create trigger leg_applied after insert on leg referencing new table as added for each statement execute function apply_legs();

    create table commission_return (return_id text primary key, commission_id uuid not null, brand text not null, taken bigint not null check (taken >= 0));
    ${appendOnlySql('commission_return')}
    ${brandPolicySql('commission_return')}

    -- Amounts used of an offer's budget and caps, for offers that have any.
    create table offer_usage (scope text primary key, amount numeric(38, 0) not null default 0);
  `,
});
