import { directoryTableSql, memberLinkTableSql } from '#libs/directory';
import { idempotencyTableSql, operatorAuditSql } from '#libs/http';
import { messagingTablesSql } from '#libs/messaging';
import { appendOnlySql, defineMigration, readerKeySql } from '#libs/postgres';
import { operatorOnlySql, READER } from './readers.js';

/** Cycles, parties, priced lines in a partition for each cycle, and who is whose member. */
export const partnerLedger = defineMigration({
  id: '0001',
  name: 'partner-ledger',
  up: `
    ${messagingTablesSql()}
    ${directoryTableSql()}
    ${idempotencyTableSql()}
    ${operatorAuditSql('hezong_settlement')}

    create table cycle (
      id text primary key,
      month text not null check (month ~ '^[0-9]{4}-[0-9]{2}$'),
      currency text not null check (currency ~ '^[A-Z]{3}$'),
      status text not null default 'open' check (status in ('open', 'cut_off', 'freezing', 'frozen', 'confirmed', 'closed')),
      from_at timestamptz not null,
      to_at timestamptz not null,
      cut_off_at timestamptz,
      -- the newest day that accepts no more lines
      closed_through date,
      -- result of the freeze: number and digest of the lines, digest of the results
      line_count bigint,
      lines_root text check (lines_root ~ '^sha256:[0-9a-f]{64}$'),
      results_root text check (results_root ~ '^sha256:[0-9a-f]{64}$'),
      unique (month, currency),
      check (id in (month, month || '-' || currency)),
      check ((cut_off_at is null) = (status = 'open')),
      check (num_nulls(line_count, lines_root, results_root) = case when status in ('open', 'cut_off', 'freezing') then 3 else 0 end)
    );

    -- A cycle only ever moves to its next state. Its period is fixed from the cut-off on, and the result of its freeze forever.
    create function guard_cycle() returns trigger language plpgsql as $guard$
    declare
      states constant text[] := array['open', 'cut_off', 'freezing', 'frozen', 'confirmed', 'closed'];
    begin
      if tg_op <> 'UPDATE' then
        raise exception 'a cycle is never removed' using errcode = 'restrict_violation';
      end if;
      if (new.id, new.month, new.currency) is distinct from (old.id, old.month, old.currency)
        or array_position(states, new.status) not between array_position(states, old.status)
             and array_position(states, old.status) + 1
        or (old.status <> 'open' and (new.from_at, new.to_at, new.cut_off_at) is distinct from (old.from_at, old.to_at, old.cut_off_at))
        or (old.line_count is not null and (new.line_count, new.lines_root, new.results_root)
             is distinct from (old.line_count, old.lines_root, old.results_root))
        or (old.status = 'closed' and new is distinct from old)
        or new.closed_through < old.closed_through or (new.closed_through is null and old.closed_through is not null)
      then
        raise exception 'cycle % cannot go from % to %', old.id, old.status, new.status using errcode = 'restrict_violation';
      end if;
      return new;
    end $guard$;
    create trigger cycle_guard before update or delete on cycle for each row execute function guard_cycle();
    create trigger cycle_no_truncate before truncate on cycle for each statement execute function guard_cycle();

    -- Who made a step, so that a repeat of a call whose answer was lost recognises the step.
    create table cycle_step (
      cycle text not null references cycle (id),
      step text not null check (step in ('cut-off', 'freeze', 'confirm', 'close')),
      caller text not null,
      key text,
      at timestamptz not null,
      primary key (cycle, step)
    );
    create unique index cycle_step_key on cycle_step (caller, key) where key is not null;
    ${appendOnlySql('cycle_step')}

    -- Progress of a freeze, which continues from here whoever began it.
    create table cycle_freeze (
      cycle text primary key references cycle (id),
      stage text not null default 'days' check (stage in ('days', 'sums', 'statements', 'done')),
      -- the newest day that was read completely, the number of lines up to it, and the digest over these
      through date,
      line_count bigint not null default 0,
      lines_root text not null check (lines_root ~ '^sha256:[0-9a-f]{64}$'),
      started_at timestamptz not null
    );

    -- Everyone who pays or is paid: brands (brand:aurora), legal entities (entity:le-1), and the single accounts.
    create table party (
      id text primary key,
      kind text not null check (kind in ('brand', 'entity', 'operator', 'members', 'reserve', 'rounding')),
      check (case when kind in ('brand', 'entity') then id like kind || ':_%' else id = kind end)
    );
    insert into party (id, kind) select id, id from unnest(array['operator', 'members', 'reserve', 'rounding']) id;
    ${operatorOnlySql('party')}

    ${readerKeySql()}

    create table line (
      id uuid not null,
      cycle text not null,
      -- the day of recording: the day of posting, or the first later day that was not closed
      day date not null,
      -- the only party that reads the line in full, and the party's own ids for it, alone or with the other lots of its posting
      reader text,
      own_id uuid not null,
      type text not null check (type in ('accrual', 'accrual_reversal', 'redemption', 'redemption_reversal', 'expiry', 'fee', 'fee_reversal',
        'contributor', 'contributor_reversal', 'referral', 'referral_reversal', 'conversion', 'conversion_reversal')),
      -- source of the line: a posting and its lot, a commission's entry and its leg, or a conversion
      posting_id text not null,
      lot_id text not null,
      original_line_id uuid,
      original_posting_id text,
      wallet_id text not null,
      actor text not null,
      actor_member_ref text not null,
      occurred_at timestamptz not null,
      posted_at timestamptz not null,
      payer text not null,
      payee text not null,
      issuer text not null,
      redeemer text,
      store text,
      -- unit of the points; null if the line counts none
      asset text,
      points bigint not null,
      price_micro bigint not null check (price_micro >= 0),
      -- the amount of a line without points
      fixed_micro numeric(38, 0) not null,
      amount_micro numeric(38, 0) generated always as (points::numeric * price_micro + fixed_micro) stored,
      currency text not null,
      reference text,
      -- as stamped by the source: versions of contracts, the issuer's agreement, when the points were earned and when they expire
      issuer_contract integer,
      redeemer_contract integer,
      funding_mode text,
      -- brand:aurora=7000,operator=3000 in basis points
      funders text,
      campaign text,
      earned_at timestamptz,
      expires_at timestamptz,
      -- over all columns above, as written by the service
      digest bytea not null check (octet_length(digest) = 32),
      primary key (id, cycle),
      constraint line_amount check (case when fixed_micro = 0
        then points <> 0 and (points < 0) = (type like '%\\_reversal') and type !~ '^(contributor|referral|conversion)'
        else points = 0 and price_micro = 0 and (fixed_micro < 0) = (type like '%\\_reversal') and type ~ '^(fee|contributor|referral|conversion)' end),
      constraint line_payee check (payee = 'operator' or payee is not distinct from redeemer or type ~ '^(contributor|referral)'),
      constraint line_stamps check (case when points = 0 then num_nonnulls(asset, issuer_contract, funding_mode, funders, earned_at) = 0
        else num_nulls(asset, issuer_contract, funding_mode, funders, earned_at) = 0 end)
    ) partition by list (cycle);
    -- a partition is one cycle, so no index contains the cycle
    create index line_order on line (day, posted_at, own_id, id);
    create index line_reader on line (reader, day, posted_at, own_id) where reader is not null;
    -- lines that a party finds in the totals of its days
    create index line_payer on line (payer, day) where payer is distinct from reader;
    create index line_issuer on line (issuer, day) where issuer is distinct from reader and issuer <> payer;
    create index line_payee on line (payee, day) where payee is distinct from reader and payee <> 'operator';
    -- a leg that takes back finds the line of the original leg
    create index line_leg on line (lot_id) where fixed_micro <> 0;
    -- reversals of points that several parties fund
    create index line_undone on line (original_line_id) where original_line_id is not null and funders like '%,%';
    ${appendOnlySql('line')}

    alter table line enable row level security;
    alter table line force row level security;
    create policy line_party on line using (${READER} = '*' or 'brand:' || ${READER} in (payer, payee, issuer, redeemer))
      with check (${READER} = '*');

    -- Issued statements cannot gain a line, whatever the service does. A party is created by its first line.
    create function file_lines() returns trigger language plpgsql as $file$
    declare
      sealed text;
    begin
      select t.cycle into sealed
        from (select distinct cycle from added) t left join cycle c on c.id = t.cycle
        where c.id is null or c.status not in ('open', 'cut_off')
        limit 1;
      if found then
        raise exception 'cycle % takes no more lines', sealed using errcode = 'restrict_violation';
      end if;
      insert into party (id, kind)
        select p.id, split_part(p.id, ':', 1)
          from (select distinct unnest(array[payer, payee, issuer, redeemer]) as id from added) p
         where p.id is not null and not exists (select from party known where known.id = p.id)
         order by p.id on conflict do nothing;
      return null;
    end $file$;
    create trigger line_filed after insert on line referencing new table as added
      for each statement execute function file_lines();

    -- Creates the partition for the lines of a cycle. It is created separately and then attached, which waits for no reader or writer
    -- of other cycles. Access is possible only through the table: the partition has row security without a policy, and the table's
    -- guards.
    create function open_partition() returns trigger language plpgsql security definer set search_path = public, pg_temp as $open$
    declare
      name constant text := 'line_' || lower(replace(new.id, '-', '_'));
    begin
      execute format('create table %I (like line including all)', name);
      execute format('alter table %I enable row level security, force row level security', name);
      execute format('create trigger line_filed after insert on %I referencing new table as added
        for each statement execute function file_lines()', name);
      execute format('create trigger line_no_truncate before truncate on %I for each statement execute function refuse_change()', name);
      execute format('alter table line attach partition %I for values in (%L)', name, new.id);
      return null;
    end $open$;
    create trigger cycle_partition after insert on cycle for each row execute function open_partition();

    -- What parties read of the lines of others: totals of a closed day, each with a root over its legs.
    create table day_seal (
      cycle text not null references cycle (id),
      day date not null,
      legs bigint not null,
      primary key (cycle, day)
    );
    ${appendOnlySql('day_seal')}
    create table day_total (
      cycle text not null,
      day date not null,
      reader text not null references party (id),
      type text not null,
      payer text not null,
      -- where the points were spent, if they were spent
      redeemer text,
      asset text,
      price_micro bigint not null,
      legs bigint not null check (legs > 0),
      points numeric(38, 0) not null,
      amount_micro numeric(38, 0) not null,
      root text not null check (root ~ '^sha256:[0-9a-f]{64}$'),
      foreign key (cycle, day) references day_seal (cycle, day),
      unique nulls not distinct (cycle, reader, day, type, payer, redeemer, asset, price_micro)
    );
    ${appendOnlySql('day_total')}
    alter table day_total enable row level security;
    alter table day_total force row level security;
    create policy day_total_reader on day_total using (${READER} in ('*', substr(reader, 7))) with check (${READER} = '*');

    -- Single legs of totals that brands requested, and the operator's decision: a leg is requested once and decided once.
    create table opening (
      id uuid primary key,
      cycle text not null,
      day date not null,
      asker text not null references party (id),
      total_id uuid not null,
      leg integer not null check (leg > 0),
      line_id uuid not null,
      -- the brand whose customer made the purchase, and that brand's id for the line
      counterparty text references party (id),
      counterparty_line_id uuid,
      -- that brand's id for the opening: no two brands share an id
      counterparty_opening_id uuid not null unique,
      reason text not null,
      asked_by text not null,
      asked_at timestamptz not null,
      unique (asker, line_id),
      check (counterparty <> asker),
      foreign key (cycle, day) references day_seal (cycle, day)
    );
    create index opening_cycle on opening (cycle, asked_at);
    ${appendOnlySql('opening')}
    alter table opening enable row level security;
    alter table opening force row level security;
    create policy opening_side on opening using (${READER} = '*' or 'brand:' || ${READER} in (asker, counterparty))
      with check (${READER} = '*' or 'brand:' || ${READER} = asker);
    create table opening_decision (
      opening_id uuid primary key references opening (id),
      verdict text not null check (verdict in ('opened', 'refused')),
      by_whom text not null,
      decided_at timestamptz not null,
      reason text not null,
      -- json, not jsonb: the order of its fields is that of the leaf
      opened json,
      check ((opened is null) = (verdict = 'refused'))
    );
    ${appendOnlySql('opening_decision')}
    alter table opening_decision enable row level security;
    alter table opening_decision force row level security;
    create policy opening_decision_side on opening_decision
      using (${READER} = '*' or exists (select from opening o where o.id = opening_id)) with check (${READER} = '*');

    ${memberLinkTableSql()}
    create index member_link_wallet on member_link (wallet_id, brand);
  `,
});
