import { Injectable } from '@nestjs/common';

import { Approvals } from '#libs/http';
import { pointsToJson } from '#libs/kernel';
import { counter } from '#libs/observability';

import type { PostingOutcome } from '../posting/posting.js';
import { LIMITS } from './limits.js';

const given = counter('hezong_points_given_total', 'Points given by orders and grants.', ['brand', 'kind']);

/** An order or grant that is about to give points, and whose client reports it. */
export interface Issuance {
  readonly kind: 'order' | 'grant';
  readonly brand: string;
  readonly client: string;
  readonly externalId: string;
  readonly memberRef: string;
  readonly points: bigint;
  /** Stands for all that the call says. */
  readonly content: () => Buffer;
}

/** Lets no client give more points at once than the limit, unless the operator agrees. */
@Injectable()
export class Issuances {
  constructor(private readonly approvals: Approvals) {}

  /** The external id is good once, so an approval of it is too. @throws DomainError `second_person_needed` */
  async within(issuance: Issuance, post: () => Promise<PostingOutcome>): Promise<PostingOutcome> {
    const { kind, brand, client, externalId, memberRef, points, content } = issuance;
    const approval =
      points <= LIMITS[kind]
        ? null
        : await this.approvals.given({
            act: `${kind}.large`,
            maker: client,
            payload: { brand, externalId, memberRef, points: pointsToJson(points), content: content().toString('hex') },
          });
    const outcome = await post();
    if (outcome.verdict === 'created' && !outcome.replayed) given.inc({ brand, kind }, Number(points));
    if (approval !== null) await this.approvals.tell(approval.id);
    return outcome;
  }
}
