import { appendOnlySql, defineMigration } from '#libs/postgres';

/** What was taken out of earnings: conversions to points and payouts. */
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
      -- negative takes points back after a refund
      amount bigint not null check (amount <> 0),
      points bigint not null,
      price_micro bigint not null check (price_micro > 0),
      cost_micro numeric(38, 0) generated always as (points::numeric * price_micro) stored,
      remainder_micro numeric(38, 0) generated always as (amount::numeric * 1000000 - points::numeric * price_micro) stored,
      reverses uuid references conversion (id),
      at timestamptz not null,
      check ((amount < 0) = (reverses is not null)),
      check (abs(points)::numeric * price_micro <= abs(amount)::numeric * 1000000)
    );
    create index conversion_owner on conversion (owner, at, id);
    ${appendOnlySql('conversion')}

    create table payout (
      id uuid primary key,
      currency text not null,
      state text not null default 'draft' check (state in ('draft', 'released', 'paid', 'cancelled')),
      maker text not null,
      checker text,
      confirmed_by text,
      created_at timestamptz not null,
      released_at timestamptz,
      paid_at timestamptz,
      -- two people: whoever made a payout cannot release it
      constraint payout_two_people check (checker is null or checker <> maker),
      check ((checker is not null) = (state in ('released', 'paid'))),
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
        or (old.checker is not null and new.checker is distinct from old.checker)
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
      net bigint not null check (net > 0 and net = gross - netted - tax),
      hash text not null,
      primary key (payout_id, owner)
    );
    ${appendOnlySql('payout_item')}

    -- Each taking names the share of the commission it takes from.
    create table earning_draw (
      id uuid primary key,
      commission_id uuid not null,
      party text not null,
      owner text not null,
      currency text not null,
      conversion_id uuid references conversion (id),
      payout_id uuid references payout (id),
      amount bigint not null check (amount > 0),
      -- a cancelled payout, or points taken back, give the share free again
      given_back bigint not null default 0 check (given_back between 0 and amount),
      foreign key (commission_id, party) references commission_party (commission_id, party),
      check ((conversion_id is null) <> (payout_id is null))
    );
    create index earning_draw_share on earning_draw (commission_id, party);
    create index earning_draw_owner on earning_draw (owner, currency);
    create index earning_draw_payout on earning_draw (payout_id) where payout_id is not null;

    create function guard_draw() returns trigger language plpgsql security definer set search_path = public as $guard$
    declare
      share record;
      drawn numeric;
    begin
      if tg_op = 'DELETE' then
        raise exception 'a taking is never deleted' using errcode = 'restrict_violation';
      end if;
      if tg_op = 'UPDATE' then
        if to_jsonb(new) - 'given_back' is distinct from to_jsonb(old) - 'given_back' or new.given_back < old.given_back then
          raise exception 'a taking is never changed' using errcode = 'restrict_violation';
        end if;
        return new;
      end if;
      select c.state, c.hold_until, p.owner, p.currency, p.held into share
        from commission c join commission_party p on p.commission_id = c.id
        where c.id = new.commission_id and p.party = new.party for update of p;
      if not found or share.state not in ('payable', 'paid') or share.hold_until is null or share.hold_until > alliance_now() then
        raise exception 'nothing of commission % may be taken before its hold is over', new.commission_id
          using errcode = 'check_violation', constraint = 'commission_hold';
      end if;
      select coalesce(sum(amount - given_back), 0) into drawn from earning_draw where commission_id = new.commission_id and party = new.party;
      if share.owner <> new.owner or share.currency <> new.currency or drawn + new.amount > share.held then
        raise exception 'more is taken of commission % than its party holds', new.commission_id
          using errcode = 'check_violation', constraint = 'earning_draw_held';
      end if;
      return new;
    end $guard$;
    create trigger earning_draw_guard before insert or update or delete on earning_draw for each row execute function guard_draw();

    -- Refunds after payment: what a person owes, netted from the next payout.
    create table earning_debt (
      id uuid primary key,
      owner text not null,
      currency text not null,
      amount bigint not null check (amount <> 0),
      entry_id uuid,
      payout_id uuid references payout (id),
      at timestamptz not null
    );
    create index earning_debt_owner on earning_debt (owner, currency);
    ${appendOnlySql('earning_debt')}
  `,
});
