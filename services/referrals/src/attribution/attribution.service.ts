import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { groupBy, idFromUuid } from '#libs/kernel';
import { readCode } from '../links/code.js';
import type { Link } from '../links/links.tables.js';
import { LinksService } from '../links/links.service.js';
import { OffersService } from '../offers/offers.service.js';
import type { Offer } from '../offers/offers.tables.js';
import { TouchesService } from '../touches/touches.service.js';
import { ATTRIBUTION_RULE, decide, offerOpen, reachOf } from './attribution.js';
import type { BuyerReach, ClaimedLink, ClaimedTouch, Verdict } from './attribution.js';
import { DecisionsRepository } from './decisions.repository.js';

/** An order with everything that can claim it for somebody. */
export interface ClaimingOrder {
  readonly orderId: string;
  readonly brand: string;
  readonly walletId: string;
  readonly occurredAt: Date;
  readonly campaign: string;
  readonly code: string;
  readonly guide: string;
  readonly click: string;
  readonly inStore: boolean;
}

export interface Decided {
  readonly verdict: Verdict;
  /** The offer that applies: the winning link's, else the seller's standing offer. */
  readonly offer: Offer | null;
  /** Whether the order had any claim. If so, the decision is stored. */
  readonly claimed: boolean;
}

/** Attributes orders: loads all claims of a batch in one go, then decides each order separately. */
@Injectable()
export class AttributionService {
  constructor(
    private readonly decisions: DecisionsRepository,
    private readonly links: LinksService,
    private readonly touches: TouchesService,
    private readonly offers: OffersService,
  ) {}

  async decideAll(tx: EntityManager, orders: readonly ClaimingOrder[]): Promise<Decided[]> {
    const codes = orders.flatMap(({ code }) => readCode(code) ?? []);
    const reaches = reachesOf(orders);
    const stored = await this.touches.ofBuyers(tx, reaches);
    const clicked = await this.touches.clicked(
      tx,
      orders.flatMap(({ click }) => (click === '' ? [] : [click])),
    );
    const byCode = await this.links.byCodes(tx, codes);
    const linkIds = [...stored, ...clicked.values()].map(({ linkId }) => linkId);
    const byId = await this.links.byIds(tx, linkIds);
    const offerIds = [...byCode.values(), ...byId.values()].map(({ offerId }) => offerId);
    const offers = await this.offers.byIds(tx, offerIds);
    const standing = await this.offers.standing(tx, [...new Set(orders.map(({ brand }) => brand))]);
    const renewals = stored.length === 0 ? [] : await this.decisions.won(tx, reaches);

    const linkOf = (
      link: Pick<Link, 'id' | 'brand' | 'owner' | 'campaign' | 'offerId' | 'createdAt'> | undefined,
    ): ClaimedLink | null => {
      const offer = link === undefined ? undefined : offers.get(link.offerId);
      return link === undefined || offer === undefined
        ? null
        : {
            id: link.id,
            brand: link.brand,
            owner: link.owner,
            campaign: link.campaign,
            createdAt: link.createdAt,
            offer,
          };
    };
    const touchOf = (id: string, touch: { recordedAt: Date; linkId: string } | undefined): ClaimedTouch | null => {
      const link = touch === undefined ? null : linkOf(byId.get(touch.linkId));
      return touch === undefined || link === null ? null : { id, at: touch.recordedAt, link };
    };
    const touchesOf = groupBy(stored, ({ walletId, seller }) => `${walletId} ${seller}`);
    const renewalsOf = groupBy(renewals, ({ walletId, brand }) => `${walletId} ${brand}`);
    const standingOf = groupBy(standing, ({ seller }) => seller);
    return orders.map((order) => {
      const both = `${order.walletId} ${order.brand}`;
      const reach = reachOf(order.occurredAt);
      const touches = (touchesOf.get(both) ?? []).flatMap((touch) =>
        reach.from <= touch.recordedAt && touch.recordedAt <= reach.to
          ? (touchOf(idFromUuid('tc', touch.id), touch) ?? [])
          : [],
      );
      const verdict = decide({
        seller: order.brand,
        at: order.occurredAt,
        campaign: order.campaign,
        guide: order.guide !== '' && order.inStore ? { owner: `guide:${order.brand}/${order.guide}` } : null,
        code: order.code === '' ? null : { text: order.code, link: linkOf(byCode.get(readCode(order.code) ?? '')) },
        click: order.click === '' ? null : { text: order.click, touch: touchOf(order.click, clicked.get(order.click)) },
        touches,
        renewals: (renewalsOf.get(both) ?? []).filter(({ at }) => reach.from <= at),
      });
      if (verdict.promoter !== null && touches.length > 0) {
        const renewal = { walletId: order.walletId, brand: order.brand, owner: verdict.promoter, at: order.occurredAt };
        renewalsOf.set(both, [...(renewalsOf.get(both) ?? []), renewal]);
      }
      const linked = verdict.link === null ? undefined : offers.get(verdict.link.offer.id);
      const open = (standingOf.get(order.brand) ?? []).filter((offer) => offerOpen(offer, order.occurredAt));
      return {
        verdict,
        offer: linked ?? open.at(-1) ?? null,
        claimed: touches.length > 0 || order.code !== '' || order.click !== '' || order.guide !== '',
      };
    });
  }

  keep(tx: EntityManager, decided: readonly { order: ClaimingOrder; outcome: Decided }[]): Promise<void> {
    return this.decisions.insert(
      tx,
      decided.map(({ order, outcome: { verdict, offer } }) => ({
        orderId: order.orderId,
        brand: order.brand,
        walletId: order.walletId,
        occurredAt: order.occurredAt,
        rule: ATTRIBUTION_RULE,
        wonBy: verdict.wonBy,
        promoter: verdict.promoter,
        guide: order.guide === '' ? null : order.guide,
        linkId: verdict.link?.id ?? null,
        offerId: offer?.id ?? null,
        document: { refused: verdict.refused },
      })),
    );
  }

  find(tx: EntityManager, orderId: string): ReturnType<DecisionsRepository['find']> {
    return this.decisions.find(tx, orderId);
  }
}

/** The time span, by buyer and seller of a batch, in which touches and earlier orders count. */
function reachesOf(orders: readonly ClaimingOrder[]): BuyerReach[] {
  return [...groupBy(orders, ({ walletId, brand }) => `${walletId} ${brand}`).values()].map((group) => {
    const times = group.map(({ occurredAt }) => occurredAt.getTime());
    const { walletId = '', brand = '' } = group[0] ?? {};
    const from = reachOf(new Date(Math.min(...times))).from;
    return { walletId, seller: brand, from, to: reachOf(new Date(Math.max(...times))).to };
  });
}
