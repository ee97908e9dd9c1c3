import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { MemberLink } from './link.js';

@Injectable()
export class LinksRepository {
  /** The link if the transaction's context may see it. */
  async find(tx: EntityManager, memberRef: string): Promise<MemberLink | null> {
    const rows: { brand: string; wallet_id: string; active: boolean; version: bigint }[] = await tx.query(
      'select brand, wallet_id, active, version from member_link where member_ref = $1',
      [memberRef],
    );
    const row = rows[0];
    if (row === undefined) return null;
    return { memberRef, brand: row.brand, walletId: row.wallet_id, active: row.active, version: row.version };
  }

  async findAll(tx: EntityManager, memberRefs: readonly string[]): Promise<MemberLink[]> {
    if (memberRefs.length === 0) return [];
    const rows: { member_ref: string; brand: string; wallet_id: string; active: boolean; version: bigint }[] =
      await tx.query(
        'select member_ref, brand, wallet_id, active, version from member_link where member_ref = any ($1)',
        [memberRefs],
      );
    return rows.map(({ member_ref: memberRef, wallet_id: walletId, ...link }) => ({ memberRef, walletId, ...link }));
  }

  /** Which of these brands and wallets are still tied by a live link, as `brand wallet`. */
  async live(tx: EntityManager, pairs: readonly Pick<MemberLink, 'brand' | 'walletId'>[]): Promise<Set<string>> {
    const rows: { pair: string }[] = await tx.query(
      `select distinct p.brand || ' ' || p.wallet as pair from unnest($1::text[], $2::text[]) as p (brand, wallet)
         join member_link l on l.wallet_id = p.wallet and l.brand = p.brand and l.active`,
      [pairs.map(({ brand }) => brand), pairs.map(({ walletId }) => walletId)],
    );
    return new Set(rows.map(({ pair }) => pair));
  }

  /** Takes links over where they are newer; the batch names each once. */
  async upsert(tx: EntityManager, links: readonly MemberLink[]): Promise<void> {
    await tx.query(
      `insert into member_link (member_ref, brand, wallet_id, active, version)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[])
       on conflict (member_ref) do update
         set wallet_id = excluded.wallet_id, active = excluded.active, version = excluded.version
         where member_link.version < excluded.version`,
      [
        links.map((link) => link.memberRef),
        links.map((link) => link.brand),
        links.map((link) => link.walletId),
        links.map((link) => link.active),
        links.map((link) => link.version.toString()),
      ],
    );
  }
}
