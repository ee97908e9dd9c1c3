import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { Place } from '../postings/place.js';
import type { WalletNumbers } from '../postings/posting.js';

/** The wallet as stored, and whether it has work due at the given instant. */
export interface StoredWallet {
  numbers: WalletNumbers;
  due: boolean;
}

export interface Expiration {
  points: bigint;
  at: Date;
}

export interface StoredEntry {
  id: string;
  walletVersion: bigint;
  kind: string;
  /** Signed change to the points that can be spent or are held. */
  spendable: bigint;
  /** Signed change to the points that wait. */
  pending: bigint;
  occurredAt: Date;
  postedAt: Date;
  reference: string | null;
  orderExternalId: string | null;
  trace: string[] | null;
  /** The reason its lot was given; null for entries without a lot of their own. */
  reason: string | null;
}

export interface StoredLot {
  id: string;
  issuer: string;
  points: bigint;
  remaining: bigint;
  held: bigint;
  pending: boolean;
  debt: boolean;
  availableFrom: Date | null;
  expiresAt: Date | null;
  earnedAt: Date;
  campaign: string | null;
  reason: string;
}

/** Reads of one wallet; nothing here writes. */
@Injectable()
export class WalletRepository {
  /** A wallet that never had a posting is empty. */
  async wallet(tx: EntityManager, walletId: string, now: Date): Promise<StoredWallet> {
    const rows: { balance: bigint; held: bigint; pending: bigint; debt: bigint; due: boolean }[] = await tx.query(
      `select b.posted - b.held as balance, b.held, b.pending, b.debt, coalesce(b.next_due <= $2, false) as due
       from wallet b where b.cell = ledger_cell($1) and b.wallet_id = $1`,
      [walletId, now],
    );
    const row = rows[0];
    if (row === undefined) {
      return { numbers: { available: 0n, held: 0n, pending: 0n, debt: 0n, balance: 0n }, due: false };
    }
    const { due, ...numbers } = row;
    return { numbers: { ...numbers, available: numbers.balance > 0n ? numbers.balance : 0n }, due };
  }

  async spendableAt(
    tx: EntityManager,
    walletId: string,
    { balance }: WalletNumbers,
    now: Date,
    { brand, store }: Place,
  ): Promise<bigint> {
    const rows: { points: bigint }[] = await tx.query(
      'select greatest(0, ledger_spendable_v1($1, $2, $3, $4, $5)) as points',
      [walletId, balance, now, brand, store],
    );
    return rows[0]?.points ?? 0n;
  }

  /** Spendable points by expiry, nearest first. Held points do not expire. */
  async expirations(tx: EntityManager, walletId: string, after: Date | null, limit: number): Promise<Expiration[]> {
    return tx.query(
      `select sum(l.remaining)::bigint as points, l.expires_at as at
       from lot l where l.cell = ledger_cell($1) and l.wallet_id = $1 and l.open and not l.debt and not l.pending and l.remaining > 0
         and l.expires_at is not null and ($2::timestamptz is null or l.expires_at > $2)
       group by l.expires_at order by l.expires_at limit $3`,
      [walletId, after, limit],
    );
  }

  /**
   * The brand's own postings that moved points, newest first. Row security hides all others. An expiry that names a hold is of points
   * which that hold freed after their end: it is shown only to the brand of the hold, as it has the amount of that brand's act. The key
   * holds the brand, so other brands' postings are passed over in the index.
   */
  async entries(
    tx: EntityManager,
    walletId: string,
    brand: string,
    before: bigint | null,
    limit: number,
  ): Promise<StoredEntry[]> {
    return tx.query(
      `select p.id, p.wallet_version as "walletVersion", p.kind::text as kind, p.spendable, p.pending, p.occurred_at as "occurredAt",
         p.posted_at as "postedAt", p.reference, o.external_id as "orderExternalId", o.document->'trace' as trace,
         coalesce((select l.reason from lot l where l.cell = p.cell and l.wallet_id = p.wallet_id and l.id = p.lot_id),
           case when o.id is not null then 'purchase' end,
           (select l.reason from allocation a join lot l on l.cell = a.cell and l.wallet_id = a.wallet_id and l.id = a.lot_id
            where a.cell = p.cell and a.wallet_id = p.wallet_id and a.wallet_version = p.wallet_version
              and l.origin_id = p.order_id and not l.debt limit 1)) as reason
       from (select wallet_version from posting where cell = ledger_cell($1) and wallet_id = $1 and brand = $2
           and ($3::bigint is null or wallet_version < $3) order by wallet_version desc offset 0) v
         join posting p on p.cell = ledger_cell($1) and p.wallet_id = $1 and p.wallet_version = v.wallet_version
         left join purchase o on o.cell = p.cell and o.id = p.order_id
       where p.kind not in ('authorization', 'void', 'authorization_expired')
         and (p.kind <> 'expiry' or p.hold_id is null or exists (select from hold h where h.cell = p.cell and h.id = p.hold_id))
       order by v.wallet_version desc limit $4`,
      [walletId, brand, before, limit],
    );
  }

  /** All lots of a wallet in the order earned, including spent ones and debts. */
  async lots(tx: EntityManager, walletId: string, after: [Date, string] | null, limit: number): Promise<StoredLot[]> {
    return tx.query(
      `select l.id, l.issuer, l.points, l.remaining, l.held, l.pending, l.debt, l.available_from as "availableFrom",
         l.expires_at as "expiresAt", l.earned_at as "earnedAt", l.campaign, l.reason
       from lot l where l.cell = ledger_cell($1) and l.wallet_id = $1 and ($2::timestamptz is null or (l.earned_at, l.id) > ($2, $3::uuid))
       order by l.earned_at, l.id limit $4`,
      [walletId, after?.[0] ?? null, after?.[1] ?? null, limit],
    );
  }
}
