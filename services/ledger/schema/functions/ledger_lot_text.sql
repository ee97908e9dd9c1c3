-- A lot as it was created; later changes are in movements.
create function ledger_lot_text(l lot) returns text
language sql stable as $$
select row(l.id, l.issuer, l.terms_id, l.asset, l.points, l.debt, coalesce(l.agreed_expires_at, l.expires_at, 'infinity'), l.earned_at,
  l.available_from, l.places, l.campaign, l.reason, l.rule_id, l.origin_id, l.reference, l.member_ref)::text
$$;
