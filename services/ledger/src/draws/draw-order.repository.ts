import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** The order in which spends take points: versions of the alliance's rule. */
export interface DrawOrder {
  version: number;
  prefers: string[];
}

@Injectable()
export class DrawOrderRepository {
  async inForce(tx: EntityManager): Promise<DrawOrder> {
    const [row] = await tx.query<DrawOrder[]>('select version, prefers from draw_order order by version desc limit 1');
    if (row === undefined) throw new Error('there is no draw order');
    return row;
  }

  /** Adds a version. Content equal to the newest version returns that version. */
  async set(tx: EntityManager, prefers: readonly string[]): Promise<DrawOrder> {
    const [row] = await tx.query<DrawOrder[]>('select version, prefers from ledger_draw_by_v1($1)', [prefers]);
    if (row === undefined) throw new Error('ledger_draw_by_v1 gave no answer');
    return row;
  }
}
