import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ContactParcel, ParcelHash } from '../vault/contact-parcel.js';

/** A contribution as passed to the database: sealed contact points, and ids for rows that may have to be created. */
export interface ContributionItem {
  readonly brand: string;
  readonly external_id: string;
  /** The time of the join_pool consent. */
  readonly join_at: Date;
  /** Keyed hashes of the external id, first the one to store. They remain after the member has left. */
  readonly keys: readonly ParcelHash[];
  /** Keyed hashes of the content by version, hex, and the one to store. */
  readonly hashes: Readonly<Record<number, string>>;
  readonly content_v: number;
  readonly content_h: string;
  readonly member_ref: string;
  readonly person_id: string;
  readonly wallet_id: string;
  readonly binding_id: string;
  /** The consent event that is the evidence of the binding. */
  readonly evidence_id: string;
  readonly phone: ContactParcel | null;
  readonly email: ContactParcel | null;
  readonly attributes: Readonly<Record<string, string>>;
  readonly consents: readonly {
    readonly id: string;
    readonly purpose: string;
    readonly granted: boolean;
    readonly policy_version: string;
    readonly channel: string;
    readonly at: Date;
  }[];
}

interface NewLink {
  readonly outcome: 'made';
  readonly member_ref: string;
  readonly external_id: string;
  readonly created_at: Date;
  readonly wallet_id: string;
  readonly contributor: string;
  readonly bound_since: Date;
}

/** The result of an item; `n` is its place in the batch. */
export type ContributionRow = { readonly n: number } & (
  | NewLink
  | {
      readonly outcome: 'repeated';
      readonly member_ref: string;
      readonly external_id: string;
      readonly created_at: Date;
    }
  | { readonly outcome: 'duplicate'; readonly member_ref: string; readonly external_id: string }
  | { readonly outcome: 'conflict' }
  | { readonly outcome: 'erased' }
  | { readonly outcome: 'withdrawn' }
);

/** SQLSTATE of a call with a member that another call created first. */
export const CONCURRENT_DUPLICATE = 'HZ001';

/** Writes contributions through one function. */
@Injectable()
export class ContributionsRepository {
  async contribute(tx: EntityManager, items: readonly ContributionItem[], at: Date): Promise<ContributionRow[]> {
    const rows: ContributionRow[] = await tx.query('select * from contribute($1, $2, $3)', [
      locksOf(items),
      JSON.stringify(items.map((item, n) => ({ n, ...item }))),
      at,
    ]);
    return rows;
  }
}

/** The locks of all contact points, in the fixed order used by all callers. */
function locksOf(items: readonly ContributionItem[]): string[] {
  const locks = new Set<bigint>();
  for (const { phone, email } of items) {
    if (phone !== null) locks.add(BigInt(phone.lock));
    if (email !== null) locks.add(BigInt(email.lock));
  }
  return [...locks].sort((a, b) => (a < b ? -1 : 1)).map(String);
}
