-- Files the answer to an operation that was done. Points that it made available first meet debts and their own expiry; the figures
-- are those after that. p_hold is the hold that made them available.
create function ledger_file(
  p_key ledger_key, p_answer ledger_outcome, p_hold uuid default null::uuid
) returns ledger_outcome
language plpgsql as $$
#variable_conflict use_column
declare v_cell smallint := ledger_cell(p_key.wallet_id); b wallet; v_repaid bigint;
begin
  select * into strict b from wallet where cell = v_cell and wallet_id = p_key.wallet_id;
  if b.debt + b.written_off > 0 or b.next_due <= p_answer.posted_at then
    select repaid into v_repaid from ledger_settle_wallets(array[p_key.wallet_id], p_answer.posted_at, p_hold);
    select * into strict b from wallet where cell = v_cell and wallet_id = p_key.wallet_id;
    if v_repaid > 0 then
      p_answer.detail := (coalesce(p_answer.detail, '{}')::jsonb || jsonb_build_object('repaid', v_repaid))::text;
    end if;
  end if;
  p_answer.replayed := false;
  p_answer.held := b.held;
  p_answer.balance := b.posted - b.held;
  p_answer.pending := b.pending;
  p_answer.debt := b.debt;
  if p_key.kind = 'order' then
    update purchase set balance = p_answer.balance, held = p_answer.held, pending = p_answer.pending, debt = p_answer.debt,
      repaid = nullif(v_repaid, 0)
    where cell = v_cell and id = p_answer.subject_id;
  else
    insert into operation (cell, kind, id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, request_hash,
      brand, external_id, decline, result, detail)
    values (v_cell, p_key.kind, p_answer.subject_id, p_key.wallet_id, p_answer.posting_id, p_answer.posted_at, p_answer.balance,
      p_answer.held, p_answer.pending, p_answer.debt, p_answer.decline_limit, p_key.hash, p_key.brand, p_key.external_id,
      p_answer.decline, p_key.result::json, p_answer.detail::json);
  end if;
  insert into claim (cell, key, wallet_id, operation_id)
  select ledger_cell(key), key, p_key.wallet_id, p_answer.subject_id from unnest(array[p_key.key, p_key.transport_key]) key
  where key is not null order by 1, 2;
  return p_answer;
end $$;
