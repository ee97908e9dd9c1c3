import { defineMigration } from '#libs/postgres';

/**
 * The vault's tables: persons and contact points. They have no brand column and no grants; the service uses them only through the
 * functions of 0003.
 */
export const vaultTables = defineMigration({
  id: '0001',
  name: 'vault tables',
  up: `
    create schema vault;

    create table vault.person (
      person_id  uuid primary key,
      wallet_id  uuid not null unique,
      status     text not null check (status in ('active', 'unlinked')),
      created_at timestamptz not null,
      seen_at    timestamptz not null
    );

    create table vault.contact_point (
      contact_id  uuid primary key,
      person_id   uuid not null references vault.person,
      kind        text not null check (kind in ('phone', 'email')),
      value_enc   bytea not null,
      key_v       smallint not null,
      -- when and how the contact point was proven to belong to this person. An unproven one finds nobody; many persons may have it.
      proven_at   timestamptz,
      method      text check ((method is null) = (proven_at is null)),
      -- the row of the person who proved this contact point earlier: it finds that person until that person is forgotten
      behind      uuid references vault.contact_point deferrable initially deferred check (behind is null or proven_at is not null),
      h_v         smallint not null,
      h           bytea not null check (octet_length(h) = 32),
      seen_at     timestamptz not null
    );
    create unique index contact_point_held on vault.contact_point (kind, h_v, h) where proven_at is not null and behind is null;
    create index contact_point_behind on vault.contact_point (behind);
    create index contact_point_person on vault.contact_point (person_id);

    create table vault.binding (
      binding_id        uuid primary key,
      person_id         uuid not null references vault.person,
      contributor_brand text not null,
      since             timestamptz not null,
      basis             text not null check (basis = 'join_pool'),
      evidence_event_id uuid not null,
      until             timestamptz,
      seen_at           timestamptz not null
    );
    create unique index binding_open on vault.binding (person_id) where until is null;

    -- Departures from a brand, as keyed hashes of the member's external id and of the contact points that the brand had sent. The
    -- hashes outlive these, so that no earlier consent brings the person back. An e-mail address of a member with a phone identifies
    -- the person only where no phone distinguishes persons.
    create table vault.suppression (
      brand       text not null,
      kind        text not null check (kind in ('phone', 'email', 'external_id')),
      h_v         smallint not null,
      h           bytea not null check (octet_length(h) = 32),
      since       timestamptz not null,
      had_phone   boolean not null,
      recorded_at timestamptz not null,
      primary key (brand, kind, h_v, h)
    );

    -- Contact points that a brand had sent for an active member before it sent others, as keyed hashes. They are suppressed with the
    -- current ones when the member leaves. They cannot be hashed again either.
    create table vault.former_contact (
      member_ref text not null,
      kind       text not null check (kind in ('phone', 'email')),
      h_v        smallint not null,
      h          bytea not null check (octet_length(h) = 32),
      -- whether the member also had a phone
      had_phone  boolean not null,
      primary key (member_ref, kind, h_v, h)
    );

    alter table vault.person enable row level security;
    alter table vault.person force row level security;
    create policy vault_person_network on vault.person using (current_setting('hezong.brand', true) = '*');
    alter table vault.contact_point enable row level security;
    alter table vault.contact_point force row level security;
    create policy vault_contact_point_network on vault.contact_point using (current_setting('hezong.brand', true) = '*');
    alter table vault.binding enable row level security;
    alter table vault.binding force row level security;
    create policy vault_binding_network on vault.binding using (current_setting('hezong.brand', true) = '*');

    alter table vault.suppression enable row level security;
    alter table vault.suppression force row level security;
    create policy vault_suppression_network on vault.suppression using (current_setting('hezong.brand', true) = '*');

    alter table vault.former_contact enable row level security;
    alter table vault.former_contact force row level security;
    create policy vault_former_contact_network on vault.former_contact using (current_setting('hezong.brand', true) = '*');

    revoke all on all tables in schema vault from hezong_crm;
    grant usage on schema vault to hezong_crm;
  `,
});
