import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { runInTransaction } from '#libs/postgres';

import { KnownOperationsRepository } from './known-operations.repository.js';
import type { OperationKind } from './known-operations.repository.js';

/**
 * Tells repeats from new calls where a check before the ledger core would refuse: what was answered once is answered
 * again, even when the same call would be refused today.
 */
@Injectable()
export class KnownOperations {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: KnownOperationsRepository,
  ) {}

  async isKnown(kind: OperationKind, brand: string, externalId: string): Promise<boolean> {
    return runInTransaction(this.dataSource, { brand }, (tx) => this.repository.isKnown(tx, kind, brand, externalId));
  }
}
