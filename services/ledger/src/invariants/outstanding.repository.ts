import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

@Injectable()
export class OutstandingRepository {
  /** What each issuer still has to honour: its open lots, held and pending ones too, less what members owe it. */
  async byIssuer(tx: EntityManager): Promise<{ brand: string; points: string }[]> {
    return tx.query(
      `SELECT issuer AS brand, sum(CASE WHEN debt THEN -remaining ELSE remaining + held END)::text AS points
       FROM lot WHERE open GROUP BY issuer ORDER BY issuer`,
    );
  }
}
