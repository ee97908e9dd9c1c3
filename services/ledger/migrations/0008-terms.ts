import { appendOnlySql, defineMigration } from '#libs/postgres';

/**
 * Terms by which lots and captures are settled. A row is one version of a brand's contract, or the operator's own terms. Its id is
 * derived from its content, so that all nodes use the same id for the same terms.
 */
const terms = `
  create table contract_terms (
    id bigint primary key,
    brand text not null,
    contract_version integer not null check (contract_version >= 0),
    currency text not null,
    funding_mode text not null,
    -- party:basis points, comma-separated
    funders text not null,
    accrual_micro bigint not null check (accrual_micro >= 0),
    operator_fee_micro bigint not null check (operator_fee_micro >= 0),
    fee_on_own boolean not null,
    reimbursement_micro bigint not null check (reimbursement_micro >= 0),
    constraint contract_terms_named_by_content check (id = ('x' || left(encode(sha256(convert_to(brand || '|' || contract_version || '|'
      || currency || '|' || funding_mode || '|' || funders || '|' || accrual_micro || '|' || operator_fee_micro || '|' || fee_on_own || '|'
      || reimbursement_micro, 'UTF8')), 'hex'), 16))::bit(64)::bigint)
  );
  ${appendOnlySql('contract_terms')}
  revoke insert, update, delete, truncate, references, trigger on contract_terms from public, hezong_ledger;

  -- Files terms in a separate transaction before the first batch that names them: as for brand accounts, no lock on them lasts while a
  -- batch runs.
  create function ledger_open_terms_v1(p_terms json) returns void language sql volatile security definer
  set search_path = pg_catalog, public, pg_temp as $fn$
    insert into contract_terms select * from json_populate_recordset(null::contract_terms, p_terms) t order by t.id
    on conflict (id) do nothing
  $fn$;
  revoke execute on function ledger_open_terms_v1(json) from public;
  grant execute on function ledger_open_terms_v1(json) to hezong_ledger;
`;

export const contractTerms = defineMigration({ id: '0008', name: 'contract terms', up: terms });
