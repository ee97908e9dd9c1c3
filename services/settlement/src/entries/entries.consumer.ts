import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { PostingKind, PostingRecordedSchema, TOPICS } from '#libs/contracts';
import type { PostingRecorded } from '#libs/contracts';
import { Decimal, MICRO_SCALE } from '#libs/kernel';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import { EntriesService } from './entries.service.js';
import type { PostingFact, PricedKind } from './posting-fact.js';

/** Kinds that make lines. Pending points are given when they are posted; maturing, holding and releasing change nothing here. */
const KINDS: Partial<Record<PostingKind, PricedKind>> = {
  [PostingKind.ACCRUAL]: 'accrual',
  [PostingKind.ACCRUAL_PENDING]: 'accrual',
  [PostingKind.ACCRUAL_REVERSAL]: 'accrual_reversal',
  [PostingKind.CAPTURE]: 'capture',
  [PostingKind.REDEMPTION_RETURN]: 'redemption_return',
  [PostingKind.EXPIRY]: 'expiry',
};

function instant(timestamp: Timestamp | undefined, field: string): Date {
  if (timestamp === undefined) throw new Error(`posting without ${field}`);
  return timestampDate(timestamp);
}

/** A posting as far as prices are concerned; null when it makes no line. */
export function postingFact(posting: PostingRecorded): PostingFact | null {
  const kind = KINDS[posting.kind];
  if (kind === undefined) return null;
  const quoted = posting.quotedReimbursement;
  return {
    postingId: posting.postingId,
    kind,
    walletId: posting.walletId,
    actor: posting.brand,
    actorMemberRef: posting.memberRef,
    store: posting.store,
    occurredAt: instant(posting.occurredAt, 'occurred_at'),
    postedAt: instant(posting.postedAt, 'posted_at'),
    reference: posting.reference,
    quotedReimbursementMicro: quoted === '' ? null : Decimal.parse(quoted).toScaled(MICRO_SCALE),
    movements: posting.movements,
  };
}

/** Reads the ledger's postings, many at a time. */
@Controller()
export class EntriesConsumer {
  constructor(private readonly entries: EntriesService) {}

  @OnEvents(TOPICS.postings, { group: 'settlement.ledger', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const facts: PostingFact[] = [];
    for (const event of batch.events) {
      if (!event.is(PostingRecordedSchema)) continue;
      const fact = postingFact(event.body);
      if (fact !== null) facts.push(fact);
    }
    if (facts.length > 0) await this.entries.record(batch.tx, facts);
  }
}
