import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import type { Check, Invariants } from '#libs/http';
import { runAudit } from '#libs/postgres';

import { ledgerInvariants } from './ledger-invariants.js';

/** Proves on demand that the books balance. All checks read the same snapshot. */
@Injectable()
export class BooksService implements Invariants {
  constructor(private readonly dataSource: DataSource) {}

  check(): Promise<Check[]> {
    return runAudit(this.dataSource, (tx) => ledgerInvariants((sql) => tx.query(sql)));
  }
}
