import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { LAST_VERSION, MemberLinkChangedSchema, TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';

import type { MemberLink } from './link.js';
import { LinksRepository } from './links.repository.js';
import { MemberLinks } from './member-links.service.js';

/** Keeps the ledger's copy of crm's links. */
@Controller()
export class LinksConsumer {
  constructor(
    private readonly repository: LinksRepository,
    private readonly links: MemberLinks,
  ) {}

  @OnEvents(TOPICS.links, { group: 'ledger.links', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const changed: MemberLink[] = [];
    const ended: string[] = [];
    for (const event of batch.events) {
      if (event.isTombstone) ended.push(event.key);
      if (!event.is(MemberLinkChangedSchema)) continue;
      const { memberRef, brand, walletId, status, version } = event.body;
      changed.push({
        memberRef,
        brand,
        walletId,
        status: status === 'deleted' ? 'deleted' : 'active',
        version: Number(version),
      });
    }
    if (changed.length > 0) await this.repository.put(batch.tx, changed);
    const known = ended.length > 0 ? await this.repository.find(batch.tx, ended) : [];
    // the row stays, ended: postings name its wallet
    const over = known.map((link): MemberLink => ({ ...link, status: 'deleted', version: Number(LAST_VERSION) }));
    if (over.length > 0) await this.repository.put(batch.tx, over);
    batch.afterCommit(() => {
      for (const link of [...changed, ...over]) this.links.remember(link);
    });
  }
}
