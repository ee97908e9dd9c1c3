import { approvalUseSql, idempotencyTableSql, operatorAuditSql } from '#libs/http';
import { messagingTablesSql } from '#libs/messaging';
import { brandPolicySql, defineMigration } from '#libs/postgres';

export const brandsContractsClock = defineMigration({
  id: '0001',
  name: 'brands-contracts-clock',
  up: `
    ${messagingTablesSql()}
    ${idempotencyTableSql()}
    ${operatorAuditSql('hezong_partners')}
    ${approvalUseSql()}

    create table legal_entity (
      id         text primary key,
      name       text not null,
      created_at timestamptz not null default now()
    );

    create table brand (
      slug            text primary key check (slug ~ '^[a-z][a-z0-9-]{1,30}$'),
      name            text not null,
      status          text not null
        check (status in ('applied', 'reviewed', 'sandbox', 'live', 'suspended', 'exiting', 'closed')),
      currency        text not null check (currency ~ '^[A-Z]{3}$'),
      legal_entity_id text not null references legal_entity (id),
      version         bigint not null default 1 check (version > 0),
      -- content with which the brand was created: a repeat gets the same answer; other content is refused
      created_hash    bytea not null check (length(created_hash) = 16),
      created_answer  jsonb not null,
      created_at      timestamptz not null,
      updated_at      timestamptz not null
    );
    ${brandPolicySql('brand', 'slug')}

    create table store (
      brand text not null references brand (slug),
      ref   text not null,
      name  text not null,
      primary key (brand, ref)
    );
    ${brandPolicySql('store')}

    create table status_change (
      brand      text not null references brand (slug),
      version    bigint not null,
      from_status text not null,
      to_status  text not null,
      changed_by text not null,
      changed_at timestamptz not null,
      primary key (brand, version)
    );
    ${brandPolicySql('status_change')}

    create table contract (
      id                  text primary key,
      brand               text not null references brand (slug),
      version             integer not null check (version > 0),
      valid_from          timestamptz not null,
      valid_to            timestamptz check (valid_to > valid_from),
      roles               text[] not null check (cardinality(roles) > 0 and roles <@ array['issuer', 'redeemer']),
      funding_mode        text not null check (funding_mode = 'pay_at_redemption'),
      currency            text not null check (currency ~ '^[A-Z]{3}$'),
      accrual_micro       bigint not null check (accrual_micro >= 0),
      reimbursement_micro bigint not null check (reimbursement_micro >= 0),
      operator_fee_micro  bigint not null check (operator_fee_micro >= 0),
      face_value_micro    bigint not null check (face_value_micro > 0),
      cycle               text not null check (cycle = 'monthly'),
      fee_on_own          boolean not null,
      -- null: no limit, for importing history
      lateness_days       integer check (lateness_days between 1 and 3650),
      attests             text[] not null check (attests <@ array['phone', 'email']),
      -- the most points that the brand may give without approval: order, grant, memberDay, brandDay, perMinorUnit
      limits              jsonb not null,
      created_at          timestamptz not null,
      unique (brand, version)
    );
    ${brandPolicySql('contract')}

    -- A version is never edited or removed; the only permitted change is to set its open end.
    create function contract_guard() returns trigger language plpgsql as $guard$
    begin
      if tg_op = 'DELETE' or old.valid_to is not null or new.valid_to is null
         or (to_jsonb(new) - 'valid_to') <> (to_jsonb(old) - 'valid_to') then
        raise exception 'contract versions are append-only' using errcode = 'restrict_violation';
      end if;
      return new;
    end $guard$;
    create trigger contract_append_only before update or delete on contract for each row execute function contract_guard();

    -- The last line of defence: the service locks the brand first and refuses with a code.
    create function contract_overlap_guard() returns trigger language plpgsql as $guard$
    begin
      if exists (select from contract c where c.brand = new.brand and c.id <> new.id
                   and tstzrange(c.valid_from, c.valid_to) && tstzrange(new.valid_from, new.valid_to)) then
        raise exception 'contract versions overlap' using errcode = 'exclusion_violation';
      end if;
      return new;
    end $guard$;
    create trigger contract_no_overlap before insert on contract for each row execute function contract_overlap_guard();

    create table test_clock (
      single    boolean primary key default true check (single),
      -- null: the clock runs in real time
      frozen_at timestamptz,
      set_at    timestamptz not null
    );
  `,
});
