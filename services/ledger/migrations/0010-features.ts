import { directoryTableSql, memberLinkTableSql } from '#libs/directory';
import { approvalUseSql, idempotencyTableSql } from '#libs/http';
import { messagingTablesSql } from '#libs/messaging';
import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';

/** What the features keep beside the ledger core: earning rules, the copy of crm's links, quotes, the copy of the brands, what they gave within a day. */
export const features = defineMigration({
  id: '0010',
  name: 'features',
  up: `
    ${messagingTablesSql()}
    ${directoryTableSql()}
    ${idempotencyTableSql()}
    ${approvalUseSql()}

    CREATE TABLE earning_rule (
      id uuid PRIMARY KEY,
      brand text NOT NULL,
      name text NOT NULL,
      version integer NOT NULL CHECK (version > 0),
      valid_from timestamptz NOT NULL,
      valid_to timestamptz,
      priority integer NOT NULL,
      terms jsonb NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      UNIQUE (brand, name, version),
      CHECK (valid_to > valid_from)
    );
    CREATE INDEX earning_rule_in_force ON earning_rule (brand, name, valid_from, version);
    CREATE INDEX earning_rule_begin ON earning_rule (brand, valid_from);
    CREATE INDEX earning_rule_end ON earning_rule (brand, valid_to) WHERE valid_to IS NOT NULL;
    ${brandPolicySql('earning_rule')}
    ${appendOnlySql('earning_rule')}

    ${memberLinkTableSql()}

    CREATE TABLE quote (
      cell smallint NOT NULL,
      id uuid NOT NULL,
      wallet_id uuid NOT NULL,
      brand text NOT NULL,
      member_ref text NOT NULL,
      store text,
      currency text NOT NULL,
      basket_total bigint NOT NULL CHECK (basket_total >= 0),
      points bigint NOT NULL CHECK (points > 0),
      value bigint NOT NULL CHECK (value >= 0 AND value <= basket_total),
      reimbursement_price_micro bigint NOT NULL CHECK (reimbursement_price_micro >= 0),
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
      -- by the server's clock: how long it is kept does not depend on the alliance's
      recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (cell, id),
      CHECK (cell = ledger_cell(wallet_id))
    );
    CREATE INDEX quote_age ON quote (recorded_at);
    ${brandPolicySql('quote')}

    -- Points that brands gave within a day, counted by each process for itself.
    CREATE TABLE brand_day (
      brand text NOT NULL,
      day date NOT NULL,
      process uuid NOT NULL,
      points numeric(38, 0) NOT NULL,
      -- what the operator lets the brand give on that day; 0 for no more than its contract says
      allowed bigint NOT NULL CHECK (allowed >= 0),
      recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (brand, day, process)
    ) WITH (fillfactor = 50);
    CREATE INDEX brand_day_age ON brand_day (recorded_at);
    ${brandPolicySql('brand_day')}
  `,
});
