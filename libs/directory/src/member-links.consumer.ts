import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Controller, Optional } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { LAST_VERSION, MemberLinkChangedSchema, TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import type { MemberLink } from './member-link.js';
import { MemberLinks } from './member-links.js';
import { findLinks, storeLinks } from './member-links.repository.js';

/**
 * Stores a batch of link events in the service's copy. A tombstone ends a link permanently; its row stays, because the books name its
 * wallet.
 * @returns the newest state of each link in the batch, whether or not the copy had it
 */
export async function takeLinks(batch: EventBatch, memory?: MemberLinks): Promise<MemberLink[]> {
  const newest = new Map<string, MemberLink>();
  const over = new Map<string, Date>();
  for (const event of batch.events) {
    if (event.isTombstone) over.set(event.key, event.time);
    if (!event.is(MemberLinkChangedSchema)) continue;
    const { brand, memberRef, walletId, status, version: told, changedAt: at } = event.body;
    const version = Number(told);
    if ((newest.get(memberRef)?.version ?? -1) >= version) continue;
    const changedAt = at === undefined ? event.time : timestampDate(at);
    newest.set(memberRef, { memberRef, brand, walletId, active: status === 'active', version, changedAt });
  }
  const unnamed = [...over.keys()].filter((memberRef) => !newest.has(memberRef));
  for (const link of await findLinks(batch.tx, unnamed)) newest.set(link.memberRef, link);
  for (const [memberRef, at] of over) {
    const link = newest.get(memberRef);
    if (link === undefined) continue;
    const changedAt = link.active ? at : link.changedAt;
    newest.set(memberRef, { ...link, active: false, version: Number(LAST_VERSION), changedAt });
  }
  const links = [...newest.values()];
  const stored = await storeLinks(batch.tx, links);
  batch.afterCommit(() => {
    for (const link of stored) memory?.remember(link);
  });
  return links;
}

/** Consumer of link events in a service's own group, for services that only update their copy. */
export function memberLinksConsumer(group: string): Type<unknown> {
  @Controller()
  class MemberLinksConsumer {
    constructor(@Optional() private readonly links?: MemberLinks) {}

    @OnEvents(TOPICS.links, { group, ordered: true })
    async handle(@Payload() batch: EventBatch): Promise<void> {
      await takeLinks(batch, this.links);
    }
  }
  return MemberLinksConsumer;
}
