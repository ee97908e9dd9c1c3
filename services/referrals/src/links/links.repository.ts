import { Injectable } from '@nestjs/common';
import { Any } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { LINKS } from './links.tables.js';
import type { Link } from './links.tables.js';

@Injectable()
export class LinksRepository {
  async insert(tx: EntityManager, link: Link): Promise<void> {
    await LINKS.insert(tx, [link]);
  }

  byIds(tx: EntityManager, ids: readonly string[]): Promise<Link[]> {
    return tx.findBy(LINKS, { id: Any(ids) });
  }

  /** Number of clicks by link. A link without clicks is absent. */
  async clicks(tx: EntityManager, ids: readonly string[]): Promise<Map<string, bigint>> {
    const rows: { link_id: string; clicks: bigint }[] = await tx.query(
      'select link_id, sum(clicks)::bigint as clicks from link_clicks where link_id = any($1::uuid[]) group by link_id',
      [ids],
    );
    return new Map(rows.map(({ link_id, clicks }) => [link_id, clicks]));
  }

  byCodes(tx: EntityManager, codes: readonly string[]): Promise<Link[]> {
    return tx.findBy(LINKS, { code: Any(codes) });
  }

  page(tx: EntityManager, brand: string, after: string | null, limit: number): Promise<Link[]> {
    return LINKS.query(
      tx,
      'select * from link where brand = $1 and ($2::uuid is null or id > $2) order by id limit $3',
      [brand, after, limit],
    );
  }
}
