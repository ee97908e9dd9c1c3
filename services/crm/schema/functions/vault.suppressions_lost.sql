-- Number of suppressions, and of hashes that become suppressions when a member leaves, under none of these peppers. They cannot be
-- found.
create function vault.suppressions_lost(p_versions smallint[]) returns bigint
language sql stable security definer set search_path = '' as $$
select (select count(*) from vault.suppression where h_v <> all (p_versions))
     + (select count(*) from vault.former_contact where h_v <> all (p_versions))
$$;

grant execute on function vault.suppressions_lost(smallint[]) to hezong_crm;
