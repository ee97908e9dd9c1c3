import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { isDomainError } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import type { OperationKind } from '../postings/claim-key.js';
import { outcomeOf } from '../postings/outcome.js';
import type { PostingOutcome } from '../postings/posting.js';
import { KnownOperationsRepository } from './known-operations.repository.js';

/** Refusals that say nothing about the call itself: the books gave them, or nobody could be asked. */
const NOT_ABOUT_THE_CALL: readonly ErrorCode[] = [
  'idempotency_in_progress',
  'queue_full',
  'unavailable',
  'outcome_unknown',
];

/** An operation as far as its key and content go. */
export interface AskedOperation {
  kind: OperationKind;
  brand: string;
  externalId: string;
  /** The `Idempotency-Key` that came with it, if any. */
  transportKey: string | null;
  /** Hash of the content; null when it cannot be told any more. Worked out only when it is needed. */
  requestHash: () => Buffer | null | Promise<Buffer | null>;
}

/**
 * Tells repeats from new calls where a check before the ledger core would refuse: what was answered once is answered
 * again, even when the same call would be refused today.
 */
@Injectable()
export class KnownOperationsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: KnownOperationsRepository,
  ) {}

  /**
   * Does the work; where a check refuses it (the brand is suspended by now, the member left or has another wallet, the quote ran out) but the same call was
   * answered before, gives that answer again, and where the key was used for another one says so. Costs a look at the key on such a refusal only.
   */
  async orFirstAnswer(asked: AskedOperation, work: () => Promise<PostingOutcome>): Promise<PostingOutcome> {
    try {
      return await work();
    } catch (error) {
      if (!isDomainError(error) || NOT_ABOUT_THE_CALL.includes(error.code)) throw error;
      const first = await this.firstAnswer(asked);
      if (first === null) throw error;
      return first;
    }
  }

  private async firstAnswer(asked: AskedOperation): Promise<PostingOutcome | null> {
    const { kind, brand, externalId, transportKey, requestHash } = asked;
    const hash = await requestHash();
    if (hash === null) return null;
    const row = await runInTransaction(this.dataSource, { brand }, (tx) =>
      this.repository.find(tx, kind, brand, externalId, transportKey, hash),
    );
    return row === null ? null : outcomeOf(row, { result: null });
  }
}
