-- Spendable points meet what the wallet owes their issuer: lots by their expiry, oldest debt first. Called whenever points may have
-- become available, so that no such points remain beside such a debt. A lot past its expiry meets the debts that are older than that
-- expiry (it would have met them if it had been available) and those of its own order, which stand for its own points. Spendable
-- points less debt stay the same. Returns the wallet. They meet at the later of both times of origin, whatever made the lot
-- available today: that instant is the issuer's own and reveals nothing about the member's acts elsewhere. Then points that were
-- written off for the issuer are met as the debt would have been: the same number of points expires. No return of their order takes
-- these points again, because they stand for goods that have already come back: their allocations name the posting that created the
-- debt. p_lots are the lots that became available; null for all. p_hold is the hold that made them available, if any.
create function ledger_repay(b wallet, p_lots uuid[], p_now timestamptz, p_hold uuid) returns wallet
language plpgsql as $$
#variable_conflict use_column
declare l lot; v_written_off boolean; v_issuer text; v_debts uuid[]; v_open bigint[]; v_wrote bigint[]; v_earned timestamptz[];
  v_origins uuid[]; v_sources uuid[]; v_first integer; i integer; v_left bigint; v_take bigint; v_paid bigint; v_posting posting;
  v_lots uuid[]; v_points bigint[]; v_originals uuid[]; v_met timestamptz;
begin
  foreach v_written_off in array array[false, true] loop
    continue when case when v_written_off then b.written_off else b.debt end = 0;
    v_issuer := null;
    for l in select * from ledger_free_lots(b, p_lots, v_written_off) loop
      if l.issuer is distinct from v_issuer then
        if v_issuer is not null then perform ledger_keep_debts(b, v_written_off, v_debts, v_open, v_wrote); end if;
        v_issuer := l.issuer; v_first := 1;
        select d.ids, d.points, array_fill(0::bigint, array[cardinality(d.ids)]), d.earned, d.origins, d.sources
        into v_debts, v_open, v_wrote, v_earned, v_origins, v_sources from ledger_debts_to(b, l.issuer, v_written_off) d;
      end if;
      v_left := l.remaining; v_lots := '{}'; v_points := '{}'; v_originals := '{}'; i := v_first;
      v_met := greatest(l.earned_at, l.available_from);
      while v_left > 0 and i <= cardinality(v_debts) loop
        -- debts are sorted by age, so from here on only a debt of its own order can be met
        exit when v_earned[i] >= l.expires_at and (l.origin_id = any(v_origins)) is not true;
        if v_open[i] > 0 and ((v_earned[i] >= l.expires_at) is not true or v_origins[i] = l.origin_id) then
          v_take := least(v_left, v_open[i]); v_left := v_left - v_take; v_open[i] := v_open[i] - v_take;
          if l.reason = 'debt_write_off' then v_wrote[i] := v_wrote[i] + v_take; end if;
          v_lots := v_lots || v_debts[i]; v_points := v_points || v_take; v_originals := v_originals || v_sources[i];
          v_met := greatest(v_met, v_earned[i]);
        end if;
        i := i + 1;
      end loop;
      while v_open[v_first] = 0 loop v_first := v_first + 1; end loop;
      v_paid := l.remaining - v_left;
      continue when v_paid = 0;
      update lot set remaining = remaining - v_paid, open = remaining - v_paid + held > 0
      where cell = l.cell and wallet_id = l.wallet_id and id = l.id;
      v_posting := null;
      v_posting.id := ledger_uuidv7(l.wallet_id); v_posting.wallet_id := l.wallet_id; v_posting.brand := l.issuer;
      v_posting.points := v_paid; v_posting.occurred_at := v_met; v_posting.posted_at := p_now;
      if v_written_off then
        b.written_off := b.written_off - v_paid;
        v_posting.kind := 'expiry'; v_posting.campaign := l.campaign; v_posting.hold_id := p_hold;
        b := ledger_add_posting(b, v_posting, -v_paid, 0, array[ledger_brand_account(l.issuer, 'expired')], array[v_paid],
          array_fill(l.id, array[cardinality(v_points)]), array(select -p from unnest(v_points) with ordinality u(p, n) order by n), v_originals);
      else
        b.debt := b.debt - v_paid;
        if l.reason = 'debt_write_off' then b.written_off := b.written_off + v_paid; end if;
        v_posting.kind := 'debt_repayment'; v_posting.member_ref := l.member_ref; v_posting.reference := l.reference;
        v_posting.order_id := l.origin_id;
        b := ledger_add_posting(b, v_posting, 0, 0, '{}', '{}', l.id || v_lots, -v_paid || v_points,
          array_fill(null::uuid, array[cardinality(v_lots) + 1]));
      end if;
    end loop;
    if v_issuer is not null then perform ledger_keep_debts(b, v_written_off, v_debts, v_open, v_wrote); end if;
  end loop;
  return b;
end $$;
