import { directoryTableSql, memberLinkTableSql } from '#libs/directory';
import { approvalUseSql, idempotencyTableSql, operatorAuditSql } from '#libs/http';
import { messagingTablesSql } from '#libs/messaging';
import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';

/** Programmes, offers, links, touches, who introduced whom, and who is whose member. */
export const offersAndTouches = defineMigration({
  id: '0001',
  name: 'offers-and-touches',
  up: `
    ${directoryTableSql()}
    ${idempotencyTableSql()}
    ${operatorAuditSql('hezong_referrals')}
    ${approvalUseSql()}
    ${messagingTablesSql()}

    -- A sandbox's clock as published to the service; empty for real time. It never goes back.
    create table frozen_clock (one boolean primary key default true check (one), at timestamptz not null);
    create function guard_frozen_clock() returns trigger language plpgsql as $guard$
    begin
      if new.at < old.at then
        raise exception 'the clock never goes backwards' using errcode = 'restrict_violation';
      end if;
      return new;
    end $guard$;
    create trigger frozen_clock_forward before update on frozen_clock for each row execute function guard_frozen_clock();
    create function alliance_now() returns timestamptz language sql stable security definer set search_path = public
      as $now$ select coalesce((select at from frozen_clock), clock_timestamp()) $now$;
    grant execute on function alliance_now() to hezong_referrals;

    create table referral_programme (
      version integer primary key generated always as identity,
      contributor_bp integer not null check (contributor_bp between 0 and 10000),
      contributor_floor_bp integer not null default 0 check (contributor_floor_bp between 0 and 10000),
      -- at most two levels; no configuration can change that
      max_depth smallint not null default 1 check (max_depth in (1, 2)),
      sign_off text,
      introducer_days integer not null default 180 check (introducer_days between 1 and 180),
      return_days integer not null check (return_days between 0 and 180),
      conversion_price_micro bigint check (conversion_price_micro > 0),
      valid_from timestamptz not null unique,
      created_by text not null,
      created_at timestamptz not null,
      check (max_depth = 1 or sign_off is not null)
    );
    ${appendOnlySql('referral_programme')}

    create table offer (
      id uuid primary key,
      brand text not null,
      name text not null,
      -- commissions are paid on orders only
      basis text not null default 'order' check (basis = 'order'),
      -- currency of the budget and the caps: the brand's
      currency text not null,
      pool_bp integer not null check (pool_bp between 1 and 10000),
      split jsonb not null,
      rule_version text not null,
      products text[] not null,
      categories text[] not null,
      hosts text[] not null,
      window_days integer not null check (window_days between 1 and 365),
      protection_days integer not null check (protection_days between 0 and window_days),
      return_days integer not null check (return_days between 0 and 180),
      budget bigint check (budget > 0),
      cap_order bigint check (cap_order > 0),
      cap_beneficiary_day bigint check (cap_beneficiary_day > 0),
      cap_month bigint check (cap_month > 0),
      standing boolean not null,
      valid_from timestamptz not null,
      valid_to timestamptz check (valid_to > valid_from),
      withdrawn_at timestamptz,
      created_at timestamptz not null
    );
    create index offer_of_brand on offer (brand, created_at, id);
    create function guard_offer() returns trigger language plpgsql as $guard$
    begin
      if tg_op = 'DELETE' or old.withdrawn_at is not null
        or to_jsonb(new) - 'withdrawn_at' is distinct from to_jsonb(old) - 'withdrawn_at' then
        raise exception 'a published offer can only be withdrawn' using errcode = 'restrict_violation';
      end if;
      return new;
    end $guard$;
    create trigger offer_guard before update or delete on offer for each row execute function guard_offer();
    alter table offer enable row level security;
    alter table offer force row level security;
    -- An offer is visible to the alliance; only its brand can change it.
    create policy offer_read on offer for select using (current_setting('hezong.brand', true) <> '');
    create policy offer_write on offer for insert with check (current_setting('hezong.brand', true) in (brand, '*'));
    create policy offer_change on offer for update using (current_setting('hezong.brand', true) in (brand, '*'));

    create table pickup (
      id uuid primary key,
      offer_id uuid not null references offer (id),
      brand text not null,
      campaign text not null,
      created_at timestamptz not null,
      unique (offer_id, brand, campaign)
    );
    ${brandPolicySql('pickup')}

    create table distributor (
      id uuid primary key,
      brand text not null,
      kind text not null check (kind in ('brand', 'store', 'guide', 'member')),
      ref text not null,
      owner text not null,
      wallet_id text,
      created_at timestamptz not null,
      unique (brand, kind, ref),
      check ((owner like 'wallet:%') = (kind = 'member')),
      check (kind <> 'member' or wallet_id is not null)
    );
    create index distributor_owner on distributor (owner);
    create index distributor_wallet on distributor (wallet_id) where wallet_id is not null;

    -- All keys under which the person behind one of them earns at a brand: the wallet, and everything that the brand has registered as
    -- this person.
    create function person_keys(at_brand text, key text) returns text[] language sql stable as $keys$
      with wallets as (select substr(key, 8) as wallet_id where key like 'wallet:%'
                       union select wallet_id from distributor where brand = at_brand and owner = key and wallet_id is not null)
      select array(select key union select 'wallet:' || wallet_id from wallets
                   union select d.owner from distributor d join wallets using (wallet_id) where d.brand = at_brand order by 1)
    $keys$;
    grant execute on function person_keys(text, text) to hezong_referrals;
    ${brandPolicySql('distributor')}

    -- Who introduced whom at a brand. Each person has one introducer, and an introduced person introduces nobody, under any of the
    -- keys under which the person earns there. Introductions at other brands are ignored, because a refusal would reveal them; a
    -- commission has one introducer at most.
    create table introduction (
      brand text not null,
      owner text not null,
      introducer text not null check (introducer <> owner),
      since timestamptz not null,
      expires_at timestamptz not null,
      primary key (brand, owner)
    );
    create index introduction_introducer on introduction (brand, introducer);
    ${brandPolicySql('introduction')}
    create function guard_introduction() returns trigger language plpgsql security definer set search_path = public as $guard$
    declare
      introduced text[];
      above text[];
    begin
      if tg_op <> 'INSERT' then
        raise exception 'an introduction is never changed' using errcode = 'restrict_violation';
      end if;
      -- one at a time; otherwise two halves of a chain could be inserted concurrently
      perform pg_advisory_xact_lock(4004, hashtext(new.brand));
      if coalesce((select max_depth from referral_programme where valid_from <= alliance_now() order by valid_from desc limit 1), 1) < 2 then
        raise exception 'introductions need a programme of depth 2' using errcode = 'check_violation', constraint = 'introduction_depth';
      end if;
      introduced := person_keys(new.brand, new.owner);
      above := person_keys(new.brand, new.introducer);
      -- the table's CHECK refuses one key on both sides
      if (new.owner <> new.introducer and introduced && above)
        or exists (select from introduction where brand = new.brand and owner = any (above))
        or exists (select from introduction where brand = new.brand and introducer = any (introduced))
      then
        raise exception 'a third level is not possible' using errcode = 'check_violation', constraint = 'introduction_depth';
      end if;
      if exists (select from introduction where brand = new.brand and owner = any (introduced)) then
        raise exception 'nobody is introduced twice' using errcode = 'check_violation', constraint = 'introduction_depth';
      end if;
      return new;
    end $guard$;
    create trigger introduction_depth before insert or update or delete on introduction for each row execute function guard_introduction();
    -- Registering who a guide is joins two persons into one, who must not be on both sides of an introduction.
    create function guard_alias() returns trigger language plpgsql security definer set search_path = public as $guard$
    declare
      keys text[];
    begin
      perform pg_advisory_xact_lock(4004, hashtext(new.brand));
      keys := person_keys(new.brand, new.owner);
      if (select count(*) from introduction where brand = new.brand and owner = any (keys)) > 1
        or (exists (select from introduction where brand = new.brand and owner = any (keys))
          and exists (select from introduction where brand = new.brand and introducer = any (keys)))
      then
        raise exception 'a third level is not possible' using errcode = 'check_violation', constraint = 'introduction_depth';
      end if;
      return null;
    end $guard$;
    create trigger distributor_alias after insert or update of wallet_id on distributor
      for each row when (new.kind <> 'member' and new.wallet_id is not null) execute function guard_alias();
    create trigger introduction_no_truncate before truncate on introduction for each statement execute function refuse_change();

    create table link (
      id uuid primary key,
      code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{13}$'),
      brand text not null,
      seller text not null,
      offer_id uuid not null,
      campaign text not null,
      owner_kind text not null,
      owner_ref text not null,
      owner text not null,
      wallet_id text,
      target text not null check (target like 'https://%'),
      created_at timestamptz not null,
      foreign key (offer_id, brand, campaign) references pickup (offer_id, brand, campaign)
    );
    create index link_of_brand on link (brand, created_at, id);
    ${appendOnlySql('link')}
    ${brandPolicySql('link')}

    create table touch (
      -- UUID version 7, so the key contains the time: old rows can be removed, and partitions attached, by key range
      id uuid primary key check (uuid_extract_version(id) = 7),
      brand text not null,
      seller text not null,
      -- The brand that reported the touch. The promoting brand earns by it, so only the seller's report decides about an order.
      told_by text not null check (told_by in (brand, seller)),
      link_id uuid not null references link (id),
      kind text not null check (kind in ('click', 'code', 'deep_link')),
      wallet_id text,
      at timestamptz not null,
      recorded_at timestamptz not null
    );
    create index touch_wallet on touch (wallet_id, seller, recorded_at) where wallet_id is not null and told_by = seller;
    ${appendOnlySql('touch')}
    ${brandPolicySql('touch')}

    -- How often a link was followed. It is not known by whom, so a click has no row of its own.
    create table link_clicks (
      link_id uuid not null references link (id),
      day date not null,
      brand text not null,
      clicks bigint not null check (clicks > 0),
      primary key (link_id, day)
    );
    ${brandPolicySql('link_clicks')}

    ${memberLinkTableSql()}
    create index member_link_wallet on member_link (wallet_id, brand);

    -- The brand that contributed a person; null while an order waits for that information. Commissions keep the contributor of their
    -- time.
    create table binding (wallet_id text primary key, contributor text, since timestamptz, earlier text[] not null default '{}');
    create table waiting_event (
      seq bigint primary key generated always as identity,
      wallet_id text not null,
      order_id text not null,
      event_id text not null unique,
      type text not null,
      body bytea not null,
      queued_at timestamptz not null default clock_timestamp()
    );
    create index waiting_event_order on waiting_event (order_id);
    create index waiting_event_wallet on waiting_event (wallet_id, seq);
  `,
});
