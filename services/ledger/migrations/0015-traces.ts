import { defineMigration } from '#libs/postgres';

const EVENTS = ['posting', 'purchase', 'order_event'];

/**
 * Traces of requests whose callers record them (W3C flag `sampled`), stored with the events they caused; the relay sends them along.
 * Nothing is written where no trace is recorded: the only cost is the trigger condition.
 */
export const traces = defineMigration({
  id: '0015',
  name: 'traces',
  up: `
  create table event_trace (
    cell smallint not null,
    event_id uuid not null,
    traceparent text not null check (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'),
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (cell, event_id)
  );
  create index event_trace_age on event_trace (recorded_at);
  revoke insert, update, truncate, references, trigger on event_trace from public, hezong_ledger;

  -- hezong.traces: {"<wallet id>": "<traceparent>"} of the current batch; a wallet occurs in a batch once
  create function keep_trace() returns trigger language plpgsql security definer
    set search_path = pg_catalog, public, pg_temp as $fn$
  begin
    insert into event_trace (cell, event_id, traceparent)
    select new.cell, new.id, t.value from json_each_text(current_setting('hezong.traces')::json) t where t.key = new.wallet_id::text;
    return null;
  end $fn$;
  ${EVENTS.map(
    (table) => `
  create trigger ${table}_trace after insert on ${table} for each row
    when (coalesce(current_setting('hezong.traces', true), '') <> '') execute function keep_trace();`,
  ).join('')}
  `,
});
