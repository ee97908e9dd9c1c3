import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { TOPICS } from '#libs/contracts';
import { MemberLinks, takeLinks } from '#libs/directory';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import { MapSourcesService } from '../maps/map-sources.service.js';
import { StandingsService } from '../standings/standings.service.js';
import { LinksRepository } from './links.repository.js';

/** Stores member links. A brand's own tier ends with the member's link to the brand. */
@Controller()
export class LinksConsumer {
  constructor(
    private readonly links: MemberLinks,
    private readonly repository: LinksRepository,
    private readonly maps: MapSourcesService,
    private readonly standings: StandingsService,
  ) {}

  @OnEvents(TOPICS.links, { group: 'membership.links', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const ended = (await takeLinks(batch, this.links)).filter(({ active }) => !active);
    if (ended.length === 0) return;
    // the member may have returned under another reference before this end arrived
    const live = await this.repository.live(batch.tx, ended);
    const gone = ended.filter(({ brand, walletId }) => !live.has(`${brand} ${walletId}`));
    await this.standings.evaluate(batch.tx, await this.maps.forget(batch.tx, gone));
  }
}
