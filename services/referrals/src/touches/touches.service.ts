import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { MemberLinks } from '#libs/directory';
import { CONFIG, idempotent } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { AllianceClock, dayKey, fail, formatInstant, idFromUuid, instantFrom, uuidFromId, uuidv7 } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import type { BuyerReach } from '../attribution/attribution.js';
import { LinksService } from '../links/links.service.js';
import { withClick } from '../links/target.js';
import type { ReferralsConfig } from '../referrals.config.js';
import { ClicksService } from './clicks.service.js';
import type { TouchDto } from './touches.dto.js';
import { TouchesRepository } from './touches.repository.js';
import type { Touch } from './touches.tables.js';
import type { TouchView } from './touches.answers.js';

/** How far a brand's clock may run ahead. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Stores touches of members permanently and counts anonymous clicks. The winner is decided when the order arrives. */
@Injectable()
export class TouchesService {
  constructor(
    @Inject(CONFIG) private readonly config: ReferralsConfig,
    private readonly dataSource: DataSource,
    private readonly repository: TouchesRepository,
    private readonly clicks: ClicksService,
    private readonly links: LinksService,
    private readonly memberLinks: MemberLinks,
    private readonly clock: AllianceClock,
  ) {}

  /**
   * Records a touch reported by the promoting or the selling brand; for others the code does not exist. The promoter's report about
   * its own members proves nothing and does not count for orders.
   */
  async record(call: KeyedCall, body: TouchDto): Promise<Reply<TouchView>> {
    const { brand } = call;
    const at = instantFrom(body.at);
    if (at.getTime() > this.clock.now().getTime() + CLOCK_SKEW_MS) fail('occurred_in_future');
    const memberRef = body.memberRef ?? null;
    const walletId = memberRef === null ? null : (await this.memberLinks.ofBrand(brand, memberRef)).walletId;
    return idempotent(
      this.dataSource,
      { ...call, brand: '*', caller: `${brand} ${call.caller}`, route: 'touches.record', body },
      async (tx) => {
        const link = await this.links.byCode(tx, body.code);
        if (link === null || (link.brand !== brand && link.seller !== brand)) return fail('code_unknown');
        if ((body.campaign ?? link.campaign) !== link.campaign) fail('code_of_other_campaign');
        const touch = this.touch(link, brand, body.kind, walletId, at);
        await this.repository.insert(tx, touch);
        return {
          status: 201,
          body: {
            id: idFromUuid('tc', touch.id),
            // the promoter may have made the link for a single member, so only it sees the id
            linkId: link.brand === brand ? idFromUuid('lk', link.id) : null,
            kind: touch.kind,
            at: formatInstant(at),
            recordedAt: formatInstant(touch.recordedAt),
          },
        };
      },
    );
  }

  /** Returns the target address of a link with a click in it. The click is counted unless the call is a HEAD, as of a link preview. */
  async follow(code: string, isCounted: boolean): Promise<string> {
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const link = await this.links.byCode(tx, code);
      if (link === null) return fail('not_found');
      const at = this.clock.now();
      if (isCounted) await this.repository.count(tx, link, dayKey(at, this.config.zone));
      return withClick(link.target, this.clicks.idOf({ linkId: link.id, at }));
    });
  }

  /** Resolves the clicks named by orders, by id: anonymous clicks, or stored touches. */
  async clicked(tx: EntityManager, ids: readonly string[]): Promise<Map<string, Pick<Touch, 'linkId' | 'recordedAt'>>> {
    const found = new Map<string, Pick<Touch, 'linkId' | 'recordedAt'>>();
    const recorded = new Map<string, string>();
    for (const id of ids) {
      const click = this.clicks.of(id);
      const uuid = uuidFromId('tc', id);
      if (click !== null) found.set(id, { linkId: click.linkId, recordedAt: click.at });
      if (uuid !== null) recorded.set(uuid, id);
    }
    const touches = recorded.size === 0 ? [] : await this.repository.byIds(tx, [...recorded.keys()]);
    for (const touch of touches) found.set(recorded.get(touch.id) ?? '', touch);
    return found;
  }

  ofBuyers(tx: EntityManager, reaches: readonly BuyerReach[]): Promise<Touch[]> {
    return this.repository.ofBuyers(tx, reaches);
  }

  private touch(
    link: { id: string; brand: string; seller: string },
    toldBy: string,
    kind: Touch['kind'],
    walletId: string | null,
    at: Date,
  ): Touch {
    return {
      id: uuidv7(),
      brand: link.brand,
      seller: link.seller,
      toldBy,
      linkId: link.id,
      kind,
      walletId,
      at,
      recordedAt: this.clock.now(),
    };
  }
}
