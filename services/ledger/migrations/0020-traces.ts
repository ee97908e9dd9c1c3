import { appendOnlySql, defineMigration } from '#libs/postgres';

/**
 * Traces of those requests whose callers record them (W3C flag `sampled`), beside the postings they caused: the relay sends
 * them along with the events. Nothing is written, and nothing costs, where no trace is recorded.
 */
export const traces = defineMigration({
  id: '0020',
  name: 'traces',
  up: `
  create table posting_trace (
    posting_id uuid primary key,
    traceparent text not null check (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
  );
  ${appendOnlySql('posting_trace')}
  revoke insert, update, delete, truncate, references, trigger on posting_trace from public, hezong_ledger;

  -- hezong.traces: {"<wallet id>": "<traceparent>"} of the batch under way; a wallet stands in a batch once
  create function keep_traces() returns trigger language plpgsql security definer
    set search_path = pg_catalog, public, pg_temp as $fn$
  begin
    insert into posting_trace (posting_id, traceparent)
    select added.id, t.value from added
    join json_each_text(current_setting('hezong.traces')::json) t on t.key = added.wallet_id::text;
    return null;
  end $fn$;
  create trigger posting_traces after insert on posting referencing new table as added
    for each statement when (coalesce(current_setting('hezong.traces', true), '') <> '')
    execute function keep_traces();
  `,
});
