-- How many suppressions, and hashes that become one when a member leaves, are under none of these peppers: nobody could find them.
create function vault.suppressions_lost(p_versions smallint[]) returns bigint
language sql stable security definer set search_path = '' as $$
select (select count(*) from vault.suppression where h_v <> all (p_versions))
     + (select count(*) from vault.former_contact where h_v <> all (p_versions))
$$;

grant execute on function vault.suppressions_lost(smallint[]) to hezong_crm;
