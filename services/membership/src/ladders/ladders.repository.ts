import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { storedTerms, termsFromStored } from './ladder-document.js';
import type { Ladder } from './ladder.js';
import { LADDERS } from './ladders.tables.js';

/** Decisions on ranks take this lock shared, changes of the rules take it exclusively. */
const RULES_LOCK = 4_204_001;

@Injectable()
export class LaddersRepository {
  async all(tx: EntityManager): Promise<Ladder[]> {
    const stored = await tx.find(LADDERS, { order: { validFrom: 'asc' } });
    return stored.map(({ version, name, validFrom, validTo, terms }) => {
      return { ...termsFromStored(terms), version, name, validFrom, validTo };
    });
  }

  async lockAlone(tx: EntityManager): Promise<void> {
    await tx.query('select pg_advisory_xact_lock($1)', [RULES_LOCK]);
  }

  async lockShared(tx: EntityManager): Promise<void> {
    await tx.query('select pg_advisory_xact_lock_shared($1)', [RULES_LOCK]);
  }

  async insert(tx: EntityManager, ladder: Ladder, createdBy: string, createdAt: Date): Promise<void> {
    await LADDERS.insert(tx, [{ ...ladder, terms: storedTerms(ladder), createdBy, createdAt }]);
  }

  async end(tx: EntityManager, version: number, validTo: Date): Promise<void> {
    await tx.query('update ladder set valid_to = $2 where version = $1', [version, validTo]);
  }
}
