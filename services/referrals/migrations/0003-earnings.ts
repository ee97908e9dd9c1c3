import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';

/** Takings from earnings: conversions to points and payouts. */
export const earnings = defineMigration({
  id: '0003',
  name: 'earnings',
  up: `
    create table conversion (
      id uuid primary key,
      owner text not null,
      wallet_id text not null,
      brand text not null,
      currency text not null,
      -- a negative amount takes points back after a refund
      amount bigint not null check (amount <> 0),
      asset text not null default 'PTS',
      points bigint not null,
      price_micro bigint not null check (price_micro > 0),
      cost_micro numeric(38, 0) generated always as (points::numeric * price_micro) stored,
      remainder_micro numeric(38, 0) generated always as (amount::numeric * 1000000 - points::numeric * price_micro) stored,
      reverses uuid references conversion (id),
      at timestamptz not null,
      check ((amount < 0) = (reverses is not null)),
      check (case when reverses is null then points > 0 and points::numeric * price_micro <= amount::numeric * 1000000 else points <= 0 end)
    );
    create index conversion_owner on conversion (owner, at, id);
    create index conversion_at on conversion (at);
    create index conversion_reverses on conversion (reverses) where reverses is not null;
    ${appendOnlySql('conversion')}
    ${brandPolicySql('conversion')}

    -- The ledger's answer; a declined conversion no longer holds anything.
    create table conversion_answer (
      conversion_id uuid primary key references conversion (id),
      brand text not null,
      outcome text not null check (outcome in ('posted', 'declined')),
      -- a code of the error catalogue
      reason text,
      at timestamptz not null,
      check ((outcome = 'declined') = (reason is not null))
    );
    ${appendOnlySql('conversion_answer')}
    ${brandPolicySql('conversion_answer')}

    create table payout (
      id uuid primary key,
      currency text not null,
      state text not null default 'draft' check (state in ('draft', 'released', 'paid', 'cancelled')),
      maker text not null,
      released_by text,
      checker text,
      -- hash of the payload that the checker approved
      approved_hash text,
      confirmed_by text,
      created_at timestamptz not null,
      released_at timestamptz,
      paid_at timestamptz,
      -- two people: one approves, another releases
      constraint payout_two_people check (checker is null or checker <> released_by),
      check (num_nonnulls(checker, released_by) = case when state in ('released', 'paid') then 2 else 0 end),
      constraint payout_what_was_approved check ((approved_hash is null) = (checker is null)),
      check ((paid_at is not null) = (state = 'paid'))
    );
    create function guard_payout() returns trigger language plpgsql as $guard$
    begin
      if tg_op = 'DELETE' then
        raise exception 'a payout is never deleted' using errcode = 'restrict_violation';
      end if;
      if tg_op = 'INSERT' then
        if new.state <> 'draft' then
          raise exception 'a payout begins as a draft' using errcode = 'restrict_violation';
        end if;
        return new;
      end if;
      if (new.id, new.currency, new.maker, new.created_at) is distinct from (old.id, old.currency, old.maker, old.created_at)
        or (old.checker is not null and (new.checker, new.released_by, new.approved_hash) is distinct from (old.checker, old.released_by, old.approved_hash))
        or not ((old.state, new.state) in (('draft', 'released'), ('draft', 'cancelled'), ('released', 'paid')))
      then
        raise exception 'payout % cannot go from % to %', old.id, old.state, new.state using errcode = 'restrict_violation';
      end if;
      return new;
    end $guard$;
    create trigger payout_guard before insert or update or delete on payout for each row execute function guard_payout();

    create table payout_item (
      payout_id uuid not null references payout (id),
      owner text not null,
      gross bigint not null check (gross > 0),
      netted bigint not null check (netted >= 0),
      tax bigint not null default 0 check (tax >= 0),
      -- 0: all of it repaid debts
      net bigint not null check (net >= 0 and net = gross - netted - tax),
      -- what was drawn from each share at the release, as [commission, party, net, netted]
      shares jsonb not null,
      hash text not null,
      -- approved, but the person was erased before the release: nobody was paid
      left_out boolean not null default false,
      primary key (payout_id, owner)
    );
    ${appendOnlySql('payout_item')}

    -- Whether the person behind a key has left all brands, so that there is nobody to pay. The earnings remain owed until two people
    -- decide.
    create function person_erased(key text) returns boolean language sql stable as $erased$
      select exists (select from distributor where owner = key and wallet_id is not null)
        and not exists (select from distributor d join member_link m using (wallet_id) where d.owner = key and m.active)
    $erased$;
    grant execute on function person_erased(text) to hezong_referrals;
    create table erased_payee_decision (
      id uuid primary key,
      owner text not null,
      currency text not null,
      decision text not null check (decision in ('release', 'write_off')),
      -- amount owed at the decision, less debts; a write-off draws all of it, and nothing if it only repays debts
      amount bigint not null check (amount > 0 or (amount = 0 and decision = 'write_off')),
      reason text not null,
      maker text not null,
      checker text not null,
      at timestamptz not null,
      constraint erased_payee_two_people check (maker <> checker)
    );
    create index erased_payee_decision_owner on erased_payee_decision (owner, currency, id);
    ${appendOnlySql('erased_payee_decision')}
    -- Whether payouts leave an owner out: the person is erased, and the last decision about the earnings was not to pay them.
    create function payee_barred(key text, in_currency text) returns boolean language sql stable as $barred$
      select person_erased(key) and coalesce((select decision from erased_payee_decision
        where owner = key and currency = in_currency order by id desc limit 1), '') <> 'release'
    $barred$;
    grant execute on function payee_barred(text, text) to hezong_referrals;

    -- Each draw names the share of the commission that it takes from, and its purpose: points, money, a write-off, or (in the course
    -- of these) an older debt.
    create table earning_draw (
      id uuid primary key,
      commission_id uuid not null,
      party text not null,
      owner text not null,
      currency text not null,
      conversion_id uuid references conversion (id),
      payout_id uuid references payout (id),
      write_off_id uuid references erased_payee_decision (id),
      -- the draw whose debt this draw repays
      repays uuid references earning_draw (id),
      amount bigint not null check (amount > 0),
      -- free again: the payout was cancelled, or a refund came before anything was paid
      given_back bigint not null default 0 check (given_back >= 0),
      -- a debt: a refund came after the money was paid
      owed bigint not null default 0 check (owed >= 0),
      repaid bigint not null default 0,
      foreign key (commission_id, party) references commission_party (commission_id, party),
      check (num_nonnulls(conversion_id, payout_id, write_off_id) = 1),
      check (given_back + owed <= amount),
      check (owed = 0 or (payout_id is not null and repays is null)),
      constraint earning_draw_repaid check (repaid between 0 and owed)
    );
    create index earning_draw_share on earning_draw (commission_id, party);
    create index earning_draw_owner on earning_draw (owner, currency);
    create index earning_draw_payout on earning_draw (payout_id) where payout_id is not null;
    create index earning_draw_write_off on earning_draw (write_off_id) where write_off_id is not null;
    create index earning_draw_conversion on earning_draw (conversion_id) where conversion_id is not null;
    create index earning_draw_debt on earning_draw (currency, owner) where owed > repaid;

    -- Adds to what is taken of a share and repaid of a debt; the checks of these columns refuse more than there is.
    create function guard_draw() returns trigger language plpgsql security definer set search_path = public as $guard$
    declare
      share record;
    begin
      if tg_op = 'DELETE' then
        raise exception 'a taking is never deleted' using errcode = 'restrict_violation';
      end if;
      if tg_op = 'UPDATE' then
        if to_jsonb(new) - array['given_back', 'owed', 'repaid'] is distinct from to_jsonb(old) - array['given_back', 'owed', 'repaid']
          or new.given_back < old.given_back or new.owed < old.owed or (new.repaid <> old.repaid and pg_trigger_depth() = 1)
        then
          raise exception 'a taking is never changed' using errcode = 'restrict_violation';
        end if;
        if new.payout_id is not null and new.repays is null and (new.given_back, new.owed) is distinct from (old.given_back, old.owed)
          and ((select state from payout where id = new.payout_id) = 'draft') <> (new.owed = old.owed)
        then
          raise exception 'only a draft gives back, only what was released is owed' using errcode = 'restrict_violation';
        end if;
        update commission_party set taken = taken - (new.given_back - old.given_back) - (new.owed - old.owed)
          where commission_id = new.commission_id and party = new.party and (new.given_back, new.owed) is distinct from (old.given_back, old.owed);
        update earning_draw set repaid = repaid - (new.given_back - old.given_back) where id = new.repays and new.given_back <> old.given_back;
        return new;
      end if;
      select c.state, c.hold_until, p.owner, p.currency into share
        from commission c join commission_party p on p.commission_id = c.id
        where c.id = new.commission_id and p.party = new.party for update of p;
      if not found or share.state not in ('payable', 'paid') or share.hold_until is null or share.hold_until > alliance_now() then
        raise exception 'nothing of commission % may be taken before its hold is over', new.commission_id
          using errcode = 'check_violation', constraint = 'commission_hold';
      end if;
      if (share.owner, share.currency, 0, 0, 0) is distinct from (new.owner, new.currency, new.given_back, new.owed, new.repaid) then
        raise exception 'a taking begins whole, for the owner of its share' using errcode = 'check_violation', constraint = 'earning_draw_owner';
      end if;
      update commission_party set taken = taken + new.amount where commission_id = new.commission_id and party = new.party;
      return new;
    end $guard$;
    create trigger earning_draw_guard before insert or update or delete on earning_draw for each row execute function guard_draw();
    -- Repays debts once for all draws of a statement, because thousands of them may repay one debt.
    create function repay_debts() returns trigger language plpgsql security definer set search_path = public as $repay$
    begin
      if exists (select from added a join earning_draw d on d.id = a.repays where (d.owner, d.currency) is distinct from (a.owner, a.currency)) then
        raise exception 'nobody repays the debt of another' using errcode = 'check_violation', constraint = 'earning_draw_owner';
      end if;
      update earning_draw d set repaid = d.repaid + a.amount
        from (select repays, sum(amount)::bigint as amount from added where repays is not null group by 1) a where d.id = a.repays;
      return null;
    end $repay$;
    create trigger earning_draw_repays after insert on earning_draw referencing new table as added for each statement execute function repay_debts();
    create trigger earning_draw_no_truncate before truncate on earning_draw for each statement execute function refuse_change();

    -- At the end of a transaction, every conversion equals its draws, the points taken back are the floor of the sum of refunds, and a
    -- conversion that the ledger declined holds nothing.
    create function check_conversion() returns trigger language plpgsql security definer set search_path = public as $check$
    declare
      root uuid := case tg_table_name when 'conversion' then coalesce(to_jsonb(new)->>'reverses', to_jsonb(new)->>'id') else to_jsonb(new)->>'conversion_id' end;
      sums record;
    begin
      root := coalesce((select reverses from conversion where id = root), root);
      select sum(amount) as net, coalesce(-sum(amount) filter (where amount < 0), 0) as back, coalesce(-sum(points) filter (where amount < 0), 0) as points,
             min(price_micro) as price into sums from conversion where id = root or reverses = root;
      if sums.net is distinct from (select sum(amount - given_back) from earning_draw where conversion_id = root and repays is null)
        or sums.points <> div(sums.back * 1000000, sums.price)
        or (sums.net <> 0 and exists (select from conversion_answer where conversion_id = root and outcome = 'declined'))
      then
        raise exception 'conversion % is not what was drawn for it', root using errcode = 'check_violation', constraint = 'conversion_drawn';
      end if;
      return null;
    end $check$;
    create constraint trigger conversion_drawn after insert on conversion deferrable initially deferred for each row execute function check_conversion();
    create constraint trigger conversion_drawn_answer after insert on conversion_answer deferrable initially deferred
      for each row execute function check_conversion();
    create constraint trigger conversion_drawn_draw after insert or update on earning_draw deferrable initially deferred
      for each row when (new.conversion_id is not null) execute function check_conversion();

    -- A released payout equals, person by person, its draws.
    create function check_payout() returns trigger language plpgsql security definer set search_path = public as $check$
    begin
      if exists (
        select from (select owner, sum(amount - given_back) filter (where repays is null) as net from earning_draw where payout_id = new.id group by owner) d
          full join (select owner, case when left_out then 0 else net end as net from payout_item where payout_id = new.id) i using (owner)
         where coalesce(d.net, 0) <> coalesce(i.net, 0)
      ) then
        raise exception 'payout % is not what was drawn for it', new.id using errcode = 'check_violation', constraint = 'payout_drawn';
      end if;
      return null;
    end $check$;
    create constraint trigger payout_drawn after update on payout deferrable initially deferred
      for each row when (old.state = 'draft' and new.state = 'released') execute function check_payout();
  `,
});
