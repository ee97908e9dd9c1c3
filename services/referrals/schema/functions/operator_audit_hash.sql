-- SHA-256 of the row as JSON without its own hash and without nulls, so that adding a column changes no hash; times in UTC
create function operator_audit_hash(r operator_audit) returns text
language sql stable set timezone = 'UTC' set search_path = pg_catalog, public, pg_temp as $$
select encode(sha256(convert_to(jsonb_strip_nulls(to_jsonb(r) - 'hash')::text, 'UTF8')), 'hex')
$$;

grant execute on function operator_audit_hash(operator_audit) to hezong_referrals;
