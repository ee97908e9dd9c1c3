import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { claimKey } from '../postings/claim-key.js';
import type { OperationKind } from '../postings/claim-key.js';
import type { OutcomeRow } from '../postings/item.js';

/** Requests and answers stored under business keys. */
@Injectable()
export class KnownOperationsRepository {
  /** The first answer to a key; a conflict if the key, or the `Idempotency-Key` sent with it, was used for something else. */
  async find(
    tx: EntityManager,
    kind: OperationKind,
    brand: string,
    externalId: string,
    transportKey: string | null,
    requestHash: Buffer,
  ): Promise<OutcomeRow | null> {
    const rows: OutcomeRow[] = await tx.query(
      `select 0 as n, case when a.request_hash is distinct from $3 or t.operation_id <> c.operation_id then 'conflict'
           when a.decline is null then 'created' else 'declined' end as verdict,
         true as replayed, a.decline, a.decline_limit, a.result::text as result, a.balance, a.held, a.pending, a.debt,
         a.detail::text as detail, a.id as subject_id, a.posting_id, a.posted_at
       from (select $1::uuid as key, $4::uuid as transport_key) k
       left join lateral (select * from claim where cell = ledger_cell(k.key) and key = k.key offset 0) c on true
       left join lateral (select * from claim where cell = ledger_cell(k.transport_key) and key = k.transport_key offset 0) t on true
       left join lateral (select * from first_answer where cell = ledger_cell(c.wallet_id) and id = c.operation_id and brand = $2 offset 0) a on true
       where c.key is not null or t.key is not null`,
      [
        claimKey(kind, brand, externalId),
        brand,
        requestHash,
        transportKey === null ? null : claimKey('idempotency_key', brand, transportKey),
      ],
    );
    return rows[0] ?? null;
  }

  /** Binds an `Idempotency-Key` to the operation of the business key. Fails if another call claimed it in the meantime. */
  async bind(
    tx: EntityManager,
    kind: OperationKind,
    brand: string,
    externalId: string,
    transportKey: string,
  ): Promise<void> {
    await tx.query('select ledger_bind_v1(array[$1::uuid], array[$2::uuid])', [
      claimKey(kind, brand, externalId),
      claimKey('idempotency_key', brand, transportKey),
    ]);
  }
}
