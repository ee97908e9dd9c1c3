import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { DueItems } from '#libs/http';

/** What the sweeps of {@link DueWork} look for, counted by the indexes that they use. */
@Injectable()
export class DueRepository {
  async count(tx: EntityManager, now: Date, limit: number): Promise<DueItems[]> {
    const rows: { work: string; items: bigint }[] = await tx.query(
      `SELECT 'pending' AS work, count(*) AS items FROM (SELECT FROM lot WHERE open AND pending AND available_from <= $1 LIMIT $2) p
       UNION ALL SELECT 'holds', count(*) FROM (SELECT FROM hold WHERE open AND expires_at <= $1 LIMIT $2) h
       UNION ALL SELECT 'expiry', count(*) FROM (
         SELECT FROM lot WHERE open AND expires_at <= $1 AND NOT pending AND remaining > 0 LIMIT $2) e`,
      [now, limit],
    );
    return rows.map(({ work, items }) => ({ work, items: Number(items) }));
  }
}
