import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { isDomainError } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import type { OperationKind } from '../postings/claim-key.js';
import type { OutcomeRow } from '../postings/item.js';
import { isBeaten } from '../postings/lane.js';
import { outcomeOf } from '../postings/outcome.js';
import type { PostingOutcome } from '../postings/posting.js';
import { KnownOperationsRepository } from './known-operations.repository.js';

/** Refusals that do not depend on the content of the call: the books gave them, or a service could not be reached. */
const NOT_ABOUT_THE_CALL: readonly ErrorCode[] = [
  'idempotency_in_progress',
  'queue_full',
  'unavailable',
  'outcome_unknown',
];

export interface AskedOperation {
  kind: OperationKind;
  brand: string;
  externalId: string;
  /** The `Idempotency-Key` sent with it, if any. */
  transportKey: string | null;
  /** Hash of the content; null if it can no longer be determined. Computed only when needed. */
  requestHash: () => Buffer | null | Promise<Buffer | null>;
}

/**
 * Distinguishes repeats from new calls when a check before the ledger core refuses: an answer once given is given again, even if the
 * same call would now be refused.
 */
@Injectable()
export class KnownOperationsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: KnownOperationsRepository,
  ) {}

  /**
   * Does the work. If a check refuses it (the brand has been suspended, the member has left or has another wallet, the quote has
   * expired) but the same call was answered before, returns that answer; if the key was used for another call, reports the conflict.
   * Costs one look-up of the key, and only on such a refusal. An `Idempotency-Key` that came with a repeat is bound to it.
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
    const find = (): Promise<OutcomeRow | null> =>
      runInTransaction(this.dataSource, { brand }, async (tx) => {
        const row = await this.repository.find(tx, kind, brand, externalId, transportKey, hash);
        if (row !== null && row.verdict !== 'conflict' && transportKey !== null)
          await this.repository.bind(tx, kind, brand, externalId, transportKey);
        return row;
      });
    // if another call claimed the Idempotency-Key in between, a second look finds what for
    const row = await find().catch((error: unknown) => (isBeaten(error) ? find() : Promise.reject(error as Error)));
    return row === null ? null : outcomeOf(row, { result: null });
  }
}
