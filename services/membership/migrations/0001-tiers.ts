import { directoryTableSql, memberLinkTableSql } from '#libs/directory';
import { approvalUseSql, idempotencyTableSql, operatorAuditSql } from '#libs/http';
import { messagingTablesSql } from '#libs/messaging';
import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';

/** Ladders, qualifying facts, grants, and ranks with every decision about them. */
export const tiers = defineMigration({
  id: '0001',
  name: 'tiers',
  up: `
    ${messagingTablesSql()}
    ${directoryTableSql()}
    ${idempotencyTableSql()}
    ${operatorAuditSql('hezong_membership')}
    ${approvalUseSql()}

    create table ladder (
      version integer primary key check (version > 0),
      name text not null,
      valid_from timestamptz not null,
      valid_to timestamptz check (valid_to > valid_from),
      terms jsonb not null,
      created_by text not null,
      created_at timestamptz not null,
      constraint ladder_overlap exclude using gist (tstzrange(valid_from, valid_to) with &&)
    );

    -- Rules by which ranks were decided never change; an open end can be set once.
    create function guard_ladder() returns trigger language plpgsql as $guard$
    begin
      if tg_op = 'UPDATE' and old.valid_to is null
        and (new.version, new.name, new.valid_from, new.terms, new.created_by, new.created_at)
          is not distinct from (old.version, old.name, old.valid_from, old.terms, old.created_by, old.created_at)
      then
        return new;
      end if;
      raise exception 'ladder % is settled', old.version using errcode = 'restrict_violation';
    end $guard$;
    create trigger ladder_guard before update or delete on ladder for each row execute function guard_ladder();

    create table qualifying_order (
      order_id text primary key,
      wallet_id text not null,
      brand text not null,
      external_id text not null,
      occurred_at timestamptz not null,
      net bigint not null check (net >= 0)
    );
    create index qualifying_order_wallet on qualifying_order (wallet_id);
    ${appendOnlySql('qualifying_order')}
    ${brandPolicySql('qualifying_order')}

    -- No foreign key: when partitions are replayed, an order may come after its return.
    create table qualifying_return (
      return_id text primary key,
      order_id text not null,
      wallet_id text not null,
      brand text not null,
      at timestamptz not null,
      net bigint not null check (net >= 0)
    );
    create index qualifying_return_wallet on qualifying_return (wallet_id);
    create index qualifying_return_order on qualifying_return (order_id);
    ${appendOnlySql('qualifying_return')}
    ${brandPolicySql('qualifying_return')}

    create table tier_grant (
      grant_id text primary key,
      wallet_id text not null,
      member_ref text not null,
      source text not null check (source in ('match', 'manual')),
      rank smallint not null check (rank between 1 and 3),
      from_at timestamptz not null,
      to_at timestamptz not null check (to_at > from_at),
      reason text not null,
      proof text,
      made_by text not null,
      made_at timestamptz not null,
      approved_by text not null,
      constraint tier_grant_two_people check (approved_by <> made_by)
    );
    create index tier_grant_wallet on tier_grant (wallet_id);
    ${appendOnlySql('tier_grant')}

    create table tier_grant_end (
      grant_id text primary key references tier_grant (grant_id),
      by_whom text not null,
      at timestamptz not null,
      reason text not null
    );
    ${appendOnlySql('tier_grant_end')}

    create table tier_map (
      map_id text primary key,
      brand text not null,
      brand_tier text not null,
      rank smallint not null check (rank between 1 and 3),
      valid_from timestamptz not null,
      valid_to timestamptz check (valid_to > valid_from),
      created_by text not null,
      created_at timestamptz not null
    );
    create index tier_map_brand on tier_map (brand, brand_tier);
    ${appendOnlySql('tier_map')}
    ${brandPolicySql('tier_map')}

    create table tier_report (
      brand text not null,
      wallet_id text not null,
      seq bigint generated always as identity,
      brand_tier text,
      at timestamptz not null,
      until timestamptz,
      primary key (wallet_id, brand, seq)
    );
    create index tier_report_tier on tier_report (brand, brand_tier);
    ${appendOnlySql('tier_report')}
    ${brandPolicySql('tier_report')}

    create table standing (
      wallet_id text primary key,
      rank smallint not null default 0 check (rank between 0 and 3),
      -- every published rank with its terms, oldest first
      steps json not null default '[]',
      -- grows with each published rank
      version bigint not null default 0,
      -- the earned rank with its days as of evaluated_at; null: to be computed from the facts
      state text,
      -- number of the rules by which it was judged; when the rules change, rows with a lower number are judged again, batch by batch
      rules integer not null default 0,
      evaluated_at timestamptz,
      -- when the passage of time alone may next change it
      due_at timestamptz
    );
    create index standing_due on standing (due_at) where due_at is not null;
    create index standing_rules on standing (rules);

    create table tier_decision (
      wallet_id text not null,
      version bigint not null,
      from_rank smallint not null,
      to_rank smallint not null,
      source text not null,
      effective_at timestamptz,
      ladder_version integer not null,
      inputs jsonb not null,
      decided_at timestamptz not null,
      primary key (wallet_id, version)
    );
    ${appendOnlySql('tier_decision')}

    ${memberLinkTableSql()}
    create index member_link_wallet on member_link (wallet_id, brand);
  `,
});
