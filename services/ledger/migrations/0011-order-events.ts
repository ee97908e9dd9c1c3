import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';

/**
 * Orders as events. The purchase row itself is OrderRecorded; what happens to an order later has a row of its own. Both take their
 * numbers from one sequence, so that one reader gets an order before its returns.
 */
const tables = `
  create sequence order_event_seq;
  revoke all on sequence order_event_seq from public, hezong_ledger;
  alter table purchase
    add column seq bigint not null default nextval('order_event_seq'),
    add column xid xid8 not null default pg_current_xact_id();
  create index purchase_relay on purchase (xid, seq);

  create table order_event (
    id uuid primary key,
    seq bigint not null default nextval('order_event_seq'),
    xid xid8 not null default pg_current_xact_id(),
    purchase_id uuid not null,
    brand text not null,
    wallet_id uuid not null,
    member_ref text not null,
    order_external_id text not null,
    external_id text not null,
    occurred_at timestamptz not null,
    posted_at timestamptz not null,
    -- what a return took back, [lineId, quantity, net] each; null for a delivery
    lines json
  );
  create index order_event_relay on order_event (xid, seq);
  ${appendOnlySql('order_event')}
  ${brandPolicySql('order_event')}
  revoke insert, update, delete, truncate, references, trigger on order_event from public, hezong_ledger;

  alter type operation_kind add value 'delivery';
`;

export const orderEvents = defineMigration({ id: '0011', name: 'order events', up: tables });
