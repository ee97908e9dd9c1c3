import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { storedTerms, termsFromStored } from './ladder-document.js';
import type { StoredTerms } from './ladder-document.js';
import type { Ladder } from './ladder.js';

interface Row {
  version: number;
  name: string;
  valid_from: Date;
  valid_to: Date | null;
  terms: StoredTerms;
}

/** Whoever decides ranks holds this shared, whoever changes the rules holds it alone. */
const RULES_LOCK = 4_204_001;

@Injectable()
export class LaddersRepository {
  async all(tx: EntityManager): Promise<Ladder[]> {
    const rows: Row[] = await tx.query(
      'select version, name, valid_from, valid_to, terms from ladder order by valid_from',
    );
    return rows.map((row) => ({
      ...termsFromStored(row.terms),
      version: row.version,
      name: row.name,
      validFrom: row.valid_from,
      validTo: row.valid_to,
    }));
  }

  async lockAlone(tx: EntityManager): Promise<void> {
    await tx.query('select pg_advisory_xact_lock($1)', [RULES_LOCK]);
  }

  async lockShared(tx: EntityManager): Promise<void> {
    await tx.query('select pg_advisory_xact_lock_shared($1)', [RULES_LOCK]);
  }

  async insert(tx: EntityManager, ladder: Ladder, by: string, now: Date): Promise<void> {
    await tx.query(
      'insert into ladder (version, name, valid_from, valid_to, terms, created_by, created_at) values ($1, $2, $3, $4, $5, $6, $7)',
      [ladder.version, ladder.name, ladder.validFrom, ladder.validTo, JSON.stringify(storedTerms(ladder)), by, now],
    );
  }

  async end(tx: EntityManager, version: number, validTo: Date): Promise<void> {
    await tx.query('update ladder set valid_to = $2 where version = $1', [version, validTo]);
  }
}
