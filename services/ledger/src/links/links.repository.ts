import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { MemberLink } from './link.js';

/** NOTIFY channel of the links; the payload is `memberRef:version`. */
export const LINKS_CHANNEL = 'member_link';

interface Row {
  member_ref: string;
  brand: string;
  wallet_id: string;
  status: MemberLink['status'];
  version: bigint;
}

/** The ledger's own copy of crm's links. */
@Injectable()
export class LinksRepository {
  async find(tx: EntityManager, memberRefs: readonly string[]): Promise<MemberLink[]> {
    const rows: Row[] = await tx.query(
      'SELECT member_ref, brand, wallet_id, status, version FROM member_link WHERE member_ref = ANY ($1)',
      [memberRefs],
    );
    return rows.map(({ member_ref, brand, wallet_id, status, version }) => ({
      memberRef: member_ref,
      brand,
      walletId: wallet_id,
      status,
      version: Number(version),
    }));
  }

  /** Stores what is newer than the copy; every instance drops older ones from memory when this commits. */
  async put(tx: EntityManager, links: readonly MemberLink[]): Promise<void> {
    await tx.query(
      `WITH given AS (
         SELECT DISTINCT ON (member_ref) *
         FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::bigint[]) AS g (member_ref, brand, wallet_id, status, version)
         ORDER BY member_ref, version DESC),
       stored AS (
         INSERT INTO member_link (member_ref, brand, wallet_id, status, version)
         SELECT member_ref, brand, wallet_id, status, version FROM given ORDER BY member_ref
         ON CONFLICT (member_ref) DO UPDATE SET wallet_id = excluded.wallet_id, status = excluded.status, version = excluded.version
           WHERE member_link.version < excluded.version
         RETURNING member_ref, version)
       SELECT pg_notify('${LINKS_CHANNEL}', member_ref || ':' || version) FROM stored`,
      [
        links.map(({ memberRef }) => memberRef),
        links.map(({ brand }) => brand),
        links.map(({ walletId }) => walletId),
        links.map(({ status }) => status),
        links.map(({ version }) => version),
      ],
    );
  }
}
