import type { EntityManager } from 'typeorm';
import { brandPolicySql } from '#libs/postgres';
import type { MemberLink } from './member-link.js';

/** NOTIFY channel of the links; the payload is `memberRef:version`. */
export const LINKS_CHANNEL = 'member_link';

/** DDL of a service's copy of crm's links. */
export function memberLinkTableSql(): string {
  return `
    create table member_link (
      member_ref text primary key,
      brand text not null,
      wallet_id text not null,
      active boolean not null,
      version bigint not null check (version > 0),
      changed_at timestamptz not null
    );
    ${brandPolicySql('member_link')}`;
}

interface Row {
  member_ref: string;
  brand: string;
  wallet_id: string;
  active: boolean;
  version: bigint;
  changed_at: Date;
}

/** Links of these references that are visible in the transaction's context. */
export async function findLinks(tx: EntityManager, memberRefs: readonly string[]): Promise<MemberLink[]> {
  if (memberRefs.length === 0) return [];
  const rows: Row[] = await tx.query(
    'select member_ref, brand, wallet_id, active, version, changed_at from member_link where member_ref = any ($1)',
    [memberRefs],
  );
  return rows.map(({ member_ref, brand, wallet_id, active, version, changed_at }) => ({
    memberRef: member_ref,
    brand,
    walletId: wallet_id,
    active,
    version: Number(version),
    changedAt: changed_at,
  }));
}

/**
 * Stores links newer than the copy; every instance drops older ones from memory on commit.
 * @returns the stored links
 */
export async function storeLinks(tx: EntityManager, links: readonly MemberLink[]): Promise<MemberLink[]> {
  if (links.length === 0) return [];
  const rows: { member_ref: string; version: bigint }[] = await tx.query(
    `with given as (
       select distinct on (member_ref) *
         from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[], $6::timestamptz[])
           as g (member_ref, brand, wallet_id, active, version, changed_at)
        order by member_ref, version desc),
     stored as (
       insert into member_link (member_ref, brand, wallet_id, active, version, changed_at) select * from given order by member_ref
       on conflict (member_ref) do update
         set wallet_id = excluded.wallet_id, active = excluded.active, version = excluded.version, changed_at = excluded.changed_at
         where member_link.version < excluded.version
       returning member_ref, version)
     select member_ref, version, pg_notify('${LINKS_CHANNEL}', member_ref || ':' || version) from stored`,
    [
      links.map(({ memberRef }) => memberRef),
      links.map(({ brand }) => brand),
      links.map(({ walletId }) => walletId),
      links.map(({ active }) => active),
      links.map(({ version }) => version),
      links.map(({ changedAt }) => changedAt),
    ],
  );
  const stored = new Map(rows.map(({ member_ref, version }) => [member_ref, Number(version)]));
  return links.filter(({ memberRef, version }) => stored.get(memberRef) === version);
}
