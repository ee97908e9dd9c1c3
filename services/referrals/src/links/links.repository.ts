import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { OwnerKind } from '../distributors/owner.js';
import type { Link } from './link.js';

interface Row {
  id: string;
  code: string;
  brand: string;
  seller: string;
  offer_id: string;
  campaign: string;
  owner_kind: OwnerKind;
  owner_ref: string;
  owner: string;
  wallet_id: string | null;
  target: string;
  created_at: Date;
}

@Injectable()
export class LinksRepository {
  async insert(tx: EntityManager, link: Link): Promise<void> {
    await tx.query(
      `insert into link (id, code, brand, seller, offer_id, campaign, owner_kind, owner_ref, owner, wallet_id, target, created_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [
        link.id,
        link.code,
        link.brand,
        link.seller,
        link.offerId,
        link.campaign,
        link.ownerKind,
        link.ownerRef,
        link.owner,
        link.walletId,
        link.target,
        link.createdAt,
      ],
    );
  }

  async byIds(tx: EntityManager, ids: readonly string[]): Promise<Link[]> {
    const rows: Row[] = await tx.query('select * from link where id = any($1::uuid[])', [ids]);
    return rows.map(linkOf);
  }

  /** How often links were followed, by link; one that never was is not there. */
  async clicks(tx: EntityManager, ids: readonly string[]): Promise<Map<string, bigint>> {
    const rows: { link_id: string; clicks: bigint }[] = await tx.query(
      'select link_id, sum(clicks)::bigint as clicks from link_clicks where link_id = any($1::uuid[]) group by link_id',
      [ids],
    );
    return new Map(rows.map(({ link_id, clicks }) => [link_id, clicks]));
  }

  async byCodes(tx: EntityManager, codes: readonly string[]): Promise<Link[]> {
    const rows: Row[] = await tx.query('select * from link where code = any($1)', [codes]);
    return rows.map(linkOf);
  }

  async page(tx: EntityManager, brand: string, after: string | null, limit: number): Promise<Link[]> {
    const rows: Row[] = await tx.query(
      'select * from link where brand = $1 and ($2::uuid is null or id > $2) order by id limit $3',
      [brand, after, limit],
    );
    return rows.map(linkOf);
  }
}

function linkOf(row: Row): Link {
  return {
    id: row.id,
    code: row.code,
    brand: row.brand,
    seller: row.seller,
    offerId: row.offer_id,
    campaign: row.campaign,
    ownerKind: row.owner_kind,
    ownerRef: row.owner_ref,
    owner: row.owner,
    walletId: row.wallet_id,
    target: row.target,
    createdAt: row.created_at,
  };
}
