import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** In which order spends take points: one version of the alliance's rule. */
export interface DrawOrder {
  version: number;
  prefers: string[];
}

@Injectable()
export class DrawOrderRepository {
  /** The version in force, which is the newest. */
  async inForce(tx: EntityManager): Promise<DrawOrder> {
    const [row] = await tx.query<DrawOrder[]>('select version, prefers from draw_order order by version desc limit 1');
    if (row === undefined) throw new Error('there is no draw order');
    return row;
  }

  /** Adds a version; the content of the newest is that version again. */
  async set(tx: EntityManager, prefers: readonly string[]): Promise<DrawOrder> {
    const [row] = await tx.query<DrawOrder[]>('select version, prefers from ledger_draw_by_v1($1)', [prefers]);
    if (row === undefined) throw new Error('ledger_draw_by_v1 gave no answer');
    return row;
  }
}
