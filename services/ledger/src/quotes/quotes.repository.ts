import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { Quote } from './quote.js';

@Injectable()
export class QuotesRepository {
  async add(tx: EntityManager, quote: Quote): Promise<void> {
    await tx.query(
      `insert into quote (cell, id, brand, member_ref, wallet_id, store, currency, basket_total, points, value,
         reimbursement_price_micro, created_at, expires_at) values (ledger_cell($1), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [
        quote.id,
        quote.brand,
        quote.memberRef,
        quote.walletId,
        quote.store,
        quote.currency,
        quote.basketTotal,
        quote.points,
        quote.value,
        quote.reimbursementMicro,
        quote.createdAt,
        quote.expiresAt,
      ],
    );
  }

  async find(tx: EntityManager, id: string): Promise<Quote | null> {
    const rows: Quote[] = await tx.query(
      `select id, brand, member_ref as "memberRef", wallet_id as "walletId", store, currency, basket_total as "basketTotal",
         points, value, reimbursement_price_micro as "reimbursementMicro", created_at as "createdAt",
         expires_at as "expiresAt" from quote where cell = ledger_cell($1) and id = $1`,
      [id],
    );
    return rows[0] ?? null;
  }
}
