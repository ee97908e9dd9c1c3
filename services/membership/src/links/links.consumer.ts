import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { LAST_VERSION, MemberLinkChangedSchema, TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import { MapSources } from '../maps/map-sources.service.js';
import { Standings } from '../standing/standings.service.js';
import type { MemberLink } from './link.js';
import { LinksRepository } from './links.repository.js';

/** Keeps who is whose member. A brand's own tier lasts no longer than the member's link with it. */
@Controller()
export class LinksConsumer {
  constructor(
    private readonly links: LinksRepository,
    private readonly maps: MapSources,
    private readonly standings: Standings,
  ) {}

  @OnEvents(TOPICS.links, { group: 'membership.links', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const newest = new Map<string, MemberLink & { at: Date }>();
    const over = new Map<string, Date>();
    for (const event of batch.events) {
      if (event.isTombstone) over.set(event.key, event.time);
      if (!event.is(MemberLinkChangedSchema)) continue;
      const { brand, memberRef, walletId, status, version, changedAt } = event.body;
      if ((newest.get(memberRef)?.version ?? -1n) >= version) continue;
      const at = changedAt === undefined ? event.time : timestampDate(changedAt);
      newest.set(memberRef, { brand, memberRef, walletId, active: status === 'active', version, at });
    }
    const unnamed = [...over.keys()].filter((memberRef) => !newest.has(memberRef));
    for (const link of await this.links.findAll(batch.tx, unnamed))
      newest.set(link.memberRef, { ...link, at: new Date(0) });
    for (const [memberRef, at] of over) {
      const link = newest.get(memberRef);
      if (link === undefined) continue;
      newest.set(memberRef, { ...link, active: false, version: LAST_VERSION, at: link.active ? at : link.at });
    }
    if (newest.size === 0) return;
    const links = [...newest.values()];
    await this.links.upsert(batch.tx, links);
    const ended = links.filter(({ active }) => !active);
    if (ended.length === 0) return;
    // the member may have come back under another reference before this end was heard of
    const live = await this.links.live(batch.tx, ended);
    const gone = ended.filter(({ brand, walletId }) => !live.has(`${brand} ${walletId}`));
    await this.standings.evaluate(batch.tx, await this.maps.forget(batch.tx, gone));
  }
}
