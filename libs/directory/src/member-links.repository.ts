import type { EntityManager } from 'typeorm';
import { bigint, boolean, brandPolicySql, defineTable, key, text, timestamptz } from '#libs/postgres';
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

const LINKS = defineTable('member_link', {
  memberRef: key(text()),
  brand: text(),
  walletId: text(),
  active: boolean(),
  version: { ...bigint(), read: Number },
  changedAt: timestamptz(),
});

/** Links of these references that are visible in the transaction's context. */
export async function findLinks(tx: EntityManager, memberRefs: readonly string[]): Promise<MemberLink[]> {
  if (memberRefs.length === 0) return [];
  return LINKS.query(tx, 'select * from member_link where member_ref = any ($1)', [memberRefs]);
}

/**
 * Stores links newer than the copy; every instance drops older ones from memory on commit.
 * @returns the stored links
 */
export async function storeLinks(tx: EntityManager, links: readonly MemberLink[]): Promise<MemberLink[]> {
  if (links.length === 0) return [];
  const { names, sql, values } = LINKS.given(links);
  const rows: { member_ref: string; version: bigint }[] = await tx.query(
    `with newest as (select distinct on (member_ref) * from ${sql} order by member_ref, version desc),
     stored as (
       insert into member_link (${names}) select * from newest order by member_ref
       on conflict (member_ref) do update
         set wallet_id = excluded.wallet_id, active = excluded.active, version = excluded.version, changed_at = excluded.changed_at
         where member_link.version < excluded.version
       returning member_ref, version)
     select member_ref, version, pg_notify('${LINKS_CHANNEL}', member_ref || ':' || version) from stored`,
    values,
  );
  const stored = new Map(rows.map(({ member_ref, version }) => [member_ref, Number(version)]));
  return links.filter(({ memberRef, version }) => stored.get(memberRef) === version);
}
