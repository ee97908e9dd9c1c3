import { Injectable } from '@nestjs/common';
import type {
  Accrual,
  AccrualReversal,
  Authorization,
  Capture,
  Expiration,
  PostingOutcome,
  RedemptionReturn,
  SweepResult,
  Void,
} from './posting.js';

/**
 * The only way to move points. Every method resolves after its transaction committed, never before.
 * Throws DomainErrors: `idempotency_conflict`, `queue_full`, `unavailable`, `outcome_unknown`. Declines are outcomes, not errors.
 */
@Injectable()
export class Postings {
  accrue(_op: Accrual): Promise<PostingOutcome> {
    throw new Error('not built yet');
  }
  reverse(_op: AccrualReversal): Promise<PostingOutcome> {
    throw new Error('not built yet');
  }
  authorize(_op: Authorization): Promise<PostingOutcome> {
    throw new Error('not built yet');
  }
  capture(_op: Capture): Promise<PostingOutcome> {
    throw new Error('not built yet');
  }
  voidHold(_op: Void): Promise<PostingOutcome> {
    throw new Error('not built yet');
  }
  returnRedemption(_op: RedemptionReturn): Promise<PostingOutcome> {
    throw new Error('not built yet');
  }
  expire(_op: Expiration): Promise<PostingOutcome> {
    throw new Error('not built yet');
  }
  /** Makes due pending lots spendable; call again while `postings` reaches the limit. */
  releasePending(_now: Date, _limit: number): Promise<SweepResult> {
    throw new Error('not built yet');
  }
  expireHolds(_now: Date, _limit: number): Promise<SweepResult> {
    throw new Error('not built yet');
  }
  sweepExpired(_now: Date, _limit: number): Promise<SweepResult> {
    throw new Error('not built yet');
  }
}
