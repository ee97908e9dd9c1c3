import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

@Injectable()
export class OutstandingRepository {
  /** Outstanding points of each issuer: its open lots, including held and pending ones, less what members owe it. */
  async byIssuer(tx: EntityManager): Promise<{ brand: string; points: string }[]> {
    return tx.query(
      `select issuer as brand, sum(case when debt then -remaining else remaining + held end)::text as points
       from lot where open group by issuer order by issuer`,
    );
  }
}
