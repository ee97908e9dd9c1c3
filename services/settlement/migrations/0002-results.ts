import { appendOnlySql, defineMigration } from '#libs/postgres';
import { operatorOnlySql, READER } from './readers.js';

const written = (table: string, status: string): string => `
    create trigger ${table}_once after insert on ${table} referencing new table as added
      for each statement execute function guard_result('${status}');`;

/** Results of a cycle: groups, matrix and statements at the freeze, net positions at the confirmation. */
export const results = defineMigration({
  id: '0002',
  name: 'results',
  up: `
    create table frozen_group (
      cycle text not null references cycle (id),
      payer text not null references party (id),
      payee text not null references party (id),
      kind text not null check (kind in ('reimbursement', 'fee', 'commission', 'conversion')),
      asset text,
      price_micro bigint not null,
      points numeric(38, 0) not null,
      amount_micro numeric(38, 0) not null,
      -- the single rounded figure that both sides carry
      amount numeric(38, 0) not null,
      -- who settles for the parties, and at which rates: nothing is converted or taxed yet
      payer_entity text,
      payee_entity text,
      fx_rate numeric(20, 10) not null default 1 check (fx_rate > 0),
      tax_bp integer not null default 0 check (tax_bp >= 0),
      unique nulls not distinct (cycle, payer, payee, kind, asset, price_micro)
    );
    create index frozen_group_payer on frozen_group (payer, cycle);
    create index frozen_group_payee on frozen_group (payee, cycle);
    ${appendOnlySql('frozen_group')}
    alter table frozen_group enable row level security;
    alter table frozen_group force row level security;
    create policy frozen_group_party on frozen_group using (${READER} = '*' or 'brand:' || ${READER} in (payer, payee))
      with check (${READER} = '*');

    create table frozen_matrix (
      cycle text not null references cycle (id),
      issuer text not null references party (id),
      redeemer text not null references party (id),
      asset text not null,
      points numeric(38, 0) not null,
      amount_micro numeric(38, 0) not null,
      primary key (cycle, issuer, redeemer, asset)
    );
    ${appendOnlySql('frozen_matrix')}
    ${operatorOnlySql('frozen_matrix')}

    create table statement (
      cycle text not null references cycle (id),
      party text not null references party (id),
      version integer not null check (version > 0),
      -- order of freezing, which the hash chain of a party follows
      seq bigint generated always as identity,
      currency text not null,
      line_count bigint not null,
      points numeric(38, 0) not null,
      amount_micro numeric(38, 0) not null,
      pays_micro numeric(38, 0) not null,
      receives_micro numeric(38, 0) not null,
      fees_micro numeric(38, 0) not null,
      net numeric(38, 0) not null,
      hash text not null check (hash ~ '^sha256:[0-9a-f]{64}$'),
      previous_hash text,
      primary key (cycle, party, version),
      -- one chain: no two statements of a party follow the same statement
      constraint statement_one_chain unique nulls not distinct (party, previous_hash)
    );
    create index statement_chain on statement (party, seq desc);
    ${appendOnlySql('statement')}
    alter table statement enable row level security;
    alter table statement force row level security;
    create policy statement_party on statement using (${READER} = '*' or 'brand:' || ${READER} = party) with check (${READER} = '*');

    -- Lines that do not settle with their cycle. Disputes are not implemented, so nothing may write here: any row is a fault.
    create table disputed_line (
      cycle text not null references cycle (id),
      line_id uuid not null,
      opened_at timestamptz not null,
      primary key (cycle, line_id)
    );
    ${operatorOnlySql('disputed_line')}
    revoke all on disputed_line from hezong_settlement;
    grant select on disputed_line to hezong_settlement;

    create table net_position (
      cycle text not null references cycle (id),
      party text not null references party (id),
      -- sum of all lines except disputed ones; positive receives, negative pays
      net numeric(38, 0) not null,
      -- what the disputed lines would add
      disputed numeric(38, 0) not null,
      primary key (cycle, party)
    );
    create index net_position_party on net_position (party, cycle);
    ${appendOnlySql('net_position')}
    alter table net_position enable row level security;
    alter table net_position force row level security;
    create policy net_position_party on net_position using (${READER} = '*' or 'brand:' || ${READER} = party) with check (${READER} = '*');

    -- Results are written in their step and never change.
    create function guard_result() returns trigger language plpgsql as $guard$
    declare
      settled text;
    begin
      select t.cycle into settled
        from (select distinct cycle from added) t join cycle c on c.id = t.cycle
        where c.status <> tg_argv[0]
        limit 1;
      if found then
        raise exception 'the results of cycle % are settled', settled using errcode = 'restrict_violation';
      end if;
      return null;
    end $guard$;
    ${written('frozen_group', 'freezing')}
    ${written('frozen_matrix', 'freezing')}
    ${written('statement', 'freezing')}
    ${written('disputed_line', 'frozen')}
    ${written('net_position', 'frozen')}
  `,
});
