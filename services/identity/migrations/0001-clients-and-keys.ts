import { directoryTableSql } from '#libs/directory';
import { approvalUseSql, idempotencyTableSql, operatorAuditSql } from '#libs/http';
import { messagingTablesSql } from '#libs/messaging';
import { brandPolicySql, defineMigration } from '#libs/postgres';

export const clientsAndKeys = defineMigration({
  id: '0001',
  name: 'clients and keys',
  up: `
    ${messagingTablesSql()}
    ${idempotencyTableSql()}
    ${operatorAuditSql('hezong_identity')}
    ${directoryTableSql()}

    create table client (
      client_id text primary key,
      kind text not null check (kind in ('brand', 'operator')),
      brand text check ((kind = 'brand') = (brand is not null)),
      name text not null,
      scopes text[] not null check (cardinality(scopes) > 0),
      -- public keys of a client that authenticates by private_key_jwt; null for a client with secrets
      jwks jsonb,
      -- the operator's client that created it; null if it was created with the network
      made_by text,
      created_at timestamptz not null default clock_timestamp(),
      revoked_at timestamptz
    );
    create index client_of_brand on client (brand, client_id);
    ${brandPolicySql('client')}

    create table client_secret (
      secret_id text primary key,
      client_id text not null references client,
      brand text,
      -- SHA-256 of a secret of 256 random bits
      hash bytea not null check (octet_length(hash) = 32),
      made_by text,
      created_at timestamptz not null default clock_timestamp(),
      revoked_at timestamptz
    );
    create index client_secret_live on client_secret (client_id) where revoked_at is null;
    ${brandPolicySql('client_secret')}

    -- operations that wait for approval by a second client of the operator
    create table approval (
      id text primary key,
      act text not null,
      maker text not null,
      payload json not null,
      payload_hash text not null check (payload_hash ~ '^sha256:[0-9a-f]{64}$'),
      state text not null default 'pending' check (state in ('pending', 'approved', 'refused', 'used', 'expired')),
      checker text,
      reason text,
      asked_at timestamptz not null default clock_timestamp(),
      expires_at timestamptz not null,
      decided_at timestamptz,
      used_at timestamptz,
      constraint approval_two_people check (state not in ('approved', 'used') or (checker is not null and checker <> maker)),
      check ((checker is null) = (decided_at is null) and (used_at is not null) = (state = 'used'))
    );
    create unique index approval_open on approval (maker, act, payload_hash) where state in ('pending', 'approved');
    create index approval_end on approval (expires_at) where state in ('pending', 'approved');
    create index approval_waiting on approval (id) where state = 'pending';
    create function guard_approval() returns trigger language plpgsql as $guard$
    begin
      if tg_op = 'DELETE'
        or to_jsonb(new) - array['state', 'checker', 'reason', 'decided_at', 'used_at']
           <> to_jsonb(old) - array['state', 'checker', 'reason', 'decided_at', 'used_at']
        or (old.state, new.state) not in (('pending', 'approved'), ('pending', 'refused'), ('pending', 'expired'),
             ('approved', 'used'), ('approved', 'refused'), ('approved', 'expired'))
        or (new.state in ('used', 'expired') and new.checker is distinct from old.checker)
      then
        raise exception 'approval % cannot become that', old.id using errcode = 'restrict_violation';
      end if;
      return new;
    end $guard$;
    create trigger approval_guard before update or delete on approval for each row execute function guard_approval();
    ${approvalUseSql()}

    create table signing_key (
      kid text primary key,
      status text not null check (status in ('next', 'current', 'retired')),
      public_jwk jsonb not null,
      -- AES-256-GCM: 12 bytes nonce, 16 bytes tag, ciphertext of the private JWK; the kid is authenticated too
      private_jwk bytea not null,
      created_at timestamptz not null default clock_timestamp(),
      -- when the last token signed with it has expired
      retired_until timestamptz check ((status = 'retired') = (retired_until is not null))
    );
    create unique index signing_key_one_next on signing_key (status) where status = 'next';
    create unique index signing_key_one_current on signing_key (status) where status = 'current';

    -- client assertions already used: none is accepted twice, even after a restart or on another instance
    create table used_assertion (
      id text primary key,
      expires_at timestamptz not null
    );
    create index used_assertion_expiry on used_assertion (expires_at);
  `,
});
