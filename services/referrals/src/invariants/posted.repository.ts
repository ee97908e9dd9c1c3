import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** Legs of one seller to one payee as sent to settlement; given and taken-back amounts are separate. */
export interface PostedLegs {
  readonly seller: string;
  readonly party: string;
  readonly payee: string;
  readonly currency: string;
  readonly legs: string;
  /** Minor units; negative if taken back. */
  readonly amount: string;
}

/** Conversions that gave points or took them back. */
export interface PostedConversions {
  readonly currency: string;
  readonly conversions: string;
  /** Millionths of a minor unit; negative if taken back. */
  readonly costMicro: string;
}

export interface Posted {
  readonly legs: PostedLegs[];
  readonly conversions: PostedConversions[];
}

export interface Which {
  readonly from: string | null;
  readonly to: string | null;
  /** Ids of entries and conversions; null: all. */
  readonly ids: readonly string[] | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function during(column: string): string {
  return `($1::timestamptz is null or ${column} >= $1) and ($2::timestamptz is null or ${column} < $2)`;
}

@Injectable()
export class PostedRepository {
  /**
   * What settlement was sent of these entries and conversions. A share that its brand was told of later counts at the time of
   * telling.
   */
  async of(tx: EntityManager, { from, to, ids }: Which): Promise<Posted> {
    const named = (column: string): string => (ids === null ? '' : `and ${column} = any ($3::uuid[])`);
    const values = [from, to, ...(ids === null ? [] : [ids.filter((id) => UUID.test(id))])];
    const legs: PostedLegs[] = await tx.query(
      `select brand as seller, party, payee, currency, count(*)::text as legs, sum(amount)::text as amount from (
         select brand, party, payee, currency, amount from leg where settled and ${during('posted_at')} ${named('entry_id')}
         union all select brand, party, payee, currency, amount from told_share where ${during('posted_at')} ${named('entry_id')}) posted
        group by brand, party, payee, currency, amount < 0`,
      values,
    );
    const conversions: PostedConversions[] = await tx.query(
      `select currency, count(*)::text as conversions, sum(cost_micro)::text as "costMicro" from conversion
        where points <> 0 and ${during('at')} ${named('id')} group by currency, points < 0`,
      values,
    );
    return { legs, conversions };
  }
}
