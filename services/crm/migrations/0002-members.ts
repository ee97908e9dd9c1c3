import { directoryTableSql } from '#libs/directory';
import { idempotencyTableSql, operatorAuditSql } from '#libs/http';
import { messagingTablesSql } from '#libs/messaging';
import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';

/** Tables of brands: links and consents. Each brand sees only its own rows. */
export const memberTables = defineMigration({
  id: '0002',
  name: 'members and consents',
  up: `
    create table member_link (
      member_ref  text primary key,
      brand       text not null,
      -- empty once the link has ended; only its keyed hash remains
      external_id text not null,
      key_v       smallint not null,
      key_h       bytea not null check (octet_length(key_h) = 32),
      person_id   uuid not null,
      wallet_id   uuid not null,
      status      text not null check (status in ('active', 'deleted')),
      version     bigint not null,
      phone_id    uuid,
      email_id    uuid,
      -- whether the brand itself has proven what it sent; what the brand may learn depends on nothing else
      phone_proven boolean not null,
      email_proven boolean not null,
      attributes  jsonb not null,
      content_v   smallint not null,
      content_h   bytea not null,
      created_at  timestamptz not null,
      updated_at  timestamptz not null,
      ended_at    timestamptz,
      check ((status = 'deleted') = (ended_at is not null)),
      check ((status = 'deleted') = (external_id = ''))
    );
    create unique index member_link_external_id on member_link (brand, external_id) where status = 'active';
    create unique index member_link_person on member_link (brand, person_id) where status = 'active';
    create index member_link_list on member_link (brand, created_at, member_ref) where status = 'active';
    -- Full indexes, not partial ones. On an empty table the planner gives a look-up by one of these columns the same cost as a scan of
    -- any partial index of the active links, and a session keeps the plan. A full index is considered only for its own column.
    create index member_link_of_person on member_link (person_id);
    create index member_link_phone on member_link (phone_id);
    create index member_link_email on member_link (email_id);
    create index member_link_key on member_link (key_h);
    ${brandPolicySql('member_link')}

    create table consent_event (
      event_id       uuid primary key,
      brand          text not null,
      member_ref     text not null,
      person_id      uuid not null,
      purpose        text not null check (purpose in
                       ('join_pool', 'profile_tags', 'share_order_lines', 'marketing_by_brand', 'marketing_by_alliance')),
      granted        boolean not null,
      policy_version text not null,
      channel        text not null,
      at             timestamptz not null,
      recorded_at    timestamptz not null
    );
    create index consent_event_member on consent_event (member_ref, purpose, at, event_id);
    ${brandPolicySql('consent_event')}
    ${appendOnlySql('consent_event')}

    ${directoryTableSql()}
    ${idempotencyTableSql()}
    ${operatorAuditSql('hezong_crm')}
    -- answers about a member are deleted with the member
    create index idempotency_of_member on idempotency ((body->>'memberRef'));
    ${messagingTablesSql()}
  `,
});
