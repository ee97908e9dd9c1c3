import { directoryTableSql, memberLinkTableSql } from '#libs/directory';
import { approvalUseSql, idempotencyTableSql } from '#libs/http';
import { messagingTablesSql } from '#libs/messaging';
import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';

/**
 * Tables of the features beside the ledger core: earning rules, the copy of crm's links, quotes, the copy of the brands, points
 * given per day.
 */
export const features = defineMigration({
  id: '0010',
  name: 'features',
  up: `
    ${messagingTablesSql()}
    ${directoryTableSql()}
    ${idempotencyTableSql()}
    ${approvalUseSql()}

    create table earning_rule (
      id uuid primary key,
      brand text not null,
      name text not null,
      version integer not null check (version > 0),
      valid_from timestamptz not null,
      valid_to timestamptz,
      priority integer not null,
      terms jsonb not null,
      created_at timestamptz not null default now(),
      unique (brand, name, version),
      check (valid_to > valid_from)
    );
    create index earning_rule_in_force on earning_rule (brand, name, valid_from, version);
    create index earning_rule_begin on earning_rule (brand, valid_from);
    create index earning_rule_end on earning_rule (brand, valid_to) where valid_to is not null;
    ${brandPolicySql('earning_rule')}
    ${appendOnlySql('earning_rule')}

    ${memberLinkTableSql()}

    create table quote (
      cell smallint not null,
      id uuid not null,
      wallet_id uuid not null,
      brand text not null,
      member_ref text not null,
      store text,
      currency text not null,
      basket_total bigint not null check (basket_total >= 0),
      points bigint not null check (points > 0),
      value bigint not null check (value >= 0 and value <= basket_total),
      reimbursement_price_micro bigint not null check (reimbursement_price_micro >= 0),
      created_at timestamptz not null,
      expires_at timestamptz not null check (expires_at > created_at),
      -- by the server's clock: retention does not depend on the alliance's clock
      recorded_at timestamptz not null default clock_timestamp(),
      primary key (cell, id),
      check (cell = ledger_cell(wallet_id))
    );
    create index quote_age on quote (recorded_at);
    ${brandPolicySql('quote')}

    -- Points that brands gave within a day, counted by each process separately.
    create table brand_day (
      brand text not null,
      day date not null,
      process uuid not null,
      points numeric(38, 0) not null,
      -- points that the operator allows the brand to give on that day; 0 for no more than its contract says
      allowed bigint not null check (allowed >= 0),
      recorded_at timestamptz not null default clock_timestamp(),
      primary key (brand, day, process)
    ) with (fillfactor = 50);
    create index brand_day_age on brand_day (recorded_at);
    ${brandPolicySql('brand_day')}
  `,
});
