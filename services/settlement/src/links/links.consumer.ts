import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { LAST_VERSION, MemberLinkChangedSchema, TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import { LinksRepository } from './links.repository.js';
import type { MemberLink } from './links.repository.js';

/** Keeps who is whose member, so that a line can show each brand its own memberRef and no other. */
@Controller()
export class LinksConsumer {
  constructor(private readonly links: LinksRepository) {}

  @OnEvents(TOPICS.links, { group: 'settlement.links', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const newest = new Map<string, MemberLink>();
    const over = new Map<string, Date>();
    for (const event of batch.events) {
      if (event.isTombstone) over.set(event.key, event.time);
      if (!event.is(MemberLinkChangedSchema)) continue;
      const { brand, memberRef, walletId, status, version, changedAt } = event.body;
      const known = newest.get(memberRef);
      if (known !== undefined && known.version >= version) continue;
      newest.set(memberRef, {
        brand,
        memberRef,
        walletId,
        active: status === 'active',
        version,
        changedAt: changedAt === undefined ? event.time : timestampDate(changedAt),
      });
    }
    if (newest.size > 0) await this.links.upsert(batch.tx, [...newest.values()]);
    if (over.size > 0) await this.links.end(batch.tx, over, LAST_VERSION);
  }
}
