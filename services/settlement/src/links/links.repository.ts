import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** One brand's pseudonym for the owner of a wallet. */
export interface MemberLink {
  readonly brand: string;
  readonly memberRef: string;
  readonly walletId: string;
  readonly active: boolean;
  readonly version: bigint;
  readonly changedAt: Date;
}

@Injectable()
export class LinksRepository {
  /** Takes links over where they are newer; one row a link, so the batch names each once. */
  async upsert(tx: EntityManager, links: readonly MemberLink[]): Promise<void> {
    await tx.query(
      `insert into member_link (brand, member_ref, wallet_id, active, version, changed_at)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[], $6::timestamptz[])
       on conflict (member_ref) do update
         set wallet_id = excluded.wallet_id, active = excluded.active, version = excluded.version, changed_at = excluded.changed_at
         where member_link.version < excluded.version`,
      [
        links.map((link) => link.brand),
        links.map((link) => link.memberRef),
        links.map((link) => link.walletId),
        links.map((link) => link.active),
        links.map((link) => link.version.toString()),
        links.map((link) => link.changedAt.toISOString()),
      ],
    );
  }

  /** Ends links for good, at times by memberRef. They stay, as lines name them. */
  async end(tx: EntityManager, over: ReadonlyMap<string, Date>, version: bigint): Promise<void> {
    await tx.query(
      `update member_link l
          set active = false, version = $3, changed_at = case when l.active then e.at else l.changed_at end
         from unnest($1::text[], $2::timestamptz[]) as e (member_ref, at)
        where l.member_ref = e.member_ref`,
      [[...over.keys()], [...over.values()].map((at) => at.toISOString()), version.toString()],
    );
  }
}
