import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { toString } from 'qrcode';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { CONFIG, idempotent } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import {
  AllianceClock,
  decodeCursor,
  fail,
  formatInstant,
  idFromUuid,
  pageOf,
  pointsToJson,
  uuidFromId,
  uuidv7,
} from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { DistributorsService } from '../distributors/distributors.service.js';
import { OffersService } from '../offers/offers.service.js';
import type { ReferralsConfig } from '../referrals.config.js';
import { codeFrom, readCode } from './code.js';
import type { LinkDto } from './links.dto.js';
import { LinksRepository } from './links.repository.js';
import type { Link } from './links.tables.js';
import { allowedTarget } from './target.js';
import type { LinkView } from './links.answers.js';

const CODE_BYTES = 8;

@Injectable()
export class LinksService {
  constructor(
    @Inject(CONFIG) private readonly config: ReferralsConfig,
    private readonly dataSource: DataSource,
    private readonly repository: LinksRepository,
    private readonly offers: OffersService,
    private readonly distributors: DistributorsService,
    private readonly clock: AllianceClock,
  ) {}

  async make(call: KeyedCall, body: LinkDto): Promise<Reply<LinkView>> {
    const { brand } = call;
    const owner = await this.distributors.resolve(brand, body.owner, '/owner');
    return idempotent(this.dataSource, { ...call, route: 'links.make', body }, async (tx) => {
      const offer = await this.offers.requirePicked(tx, body.offerId, brand, body.campaign);
      const target = allowedTarget(body.target, offer.hosts) ?? fail('target_refused');
      const distributor = await this.distributors.ensure(tx, brand, owner);
      const link: Link = {
        id: uuidv7(),
        code: codeFrom(randomBytes(CODE_BYTES)),
        brand,
        seller: offer.seller,
        offerId: offer.id,
        campaign: body.campaign,
        ownerKind: owner.kind,
        ownerRef: owner.ref,
        owner: owner.owner,
        walletId: distributor.walletId,
        target,
        createdAt: this.clock.now(),
      };
      await this.repository.insert(tx, link);
      return { status: 201, body: this.document(link, 0n) };
    });
  }

  async one(brand: string, id: string): Promise<LinkView> {
    const link = await this.require(brand, id);
    const clicks = await runInTransaction(this.dataSource, { brand }, (tx) => this.repository.clicks(tx, [link.id]));
    return this.document(link, clicks.get(link.id) ?? 0n);
  }

  async list(brand: string, limit: number, after?: string): Promise<Page<LinkView>> {
    const position = after === undefined ? null : uuidFromId('lk', String(decodeCursor(after, 1)[0]));
    if (after !== undefined && position === null) fail('cursor_invalid');
    return runInTransaction(this.dataSource, { brand }, async (tx) => {
      const rows = await this.repository.page(tx, brand, position, limit + 1);
      const page = pageOf(rows, limit, (row) => [idFromUuid('lk', row.id)]);
      const clicks = await this.repository.clicks(
        tx,
        page.data.map(({ id }) => id),
      );
      return { ...page, data: page.data.map((link) => this.document(link, clicks.get(link.id) ?? 0n)) };
    });
  }

  async qr(brand: string, id: string): Promise<string> {
    const link = await this.require(brand, id);
    return toString(this.addressOf(link), { type: 'svg', errorCorrectionLevel: 'M', margin: 4 });
  }

  /** Finds a link of any brand by its code as typed; null if there is none. */
  async byCode(tx: EntityManager, text: string): Promise<Link | null> {
    const code = readCode(text);
    if (code === null) return null;
    return (await this.repository.byCodes(tx, [code]))[0] ?? null;
  }

  /** Finds several links, by code in the stored spelling. */
  async byCodes(tx: EntityManager, codes: readonly string[]): Promise<Map<string, Link>> {
    const links = codes.length === 0 ? [] : await this.repository.byCodes(tx, [...new Set(codes)]);
    return new Map(links.map((link) => [link.code, link]));
  }

  async byIds(tx: EntityManager, ids: readonly string[]): Promise<Map<string, Link>> {
    const links = ids.length === 0 ? [] : await this.repository.byIds(tx, [...new Set(ids)]);
    return new Map(links.map((link) => [link.id, link]));
  }

  private async require(brand: string, id: string): Promise<Link> {
    const uuid = uuidFromId('lk', id);
    if (uuid === null) return fail('not_found');
    const [link] = await runInTransaction(this.dataSource, { brand }, (tx) => this.repository.byIds(tx, [uuid]));
    return link ?? fail('not_found');
  }

  private addressOf(link: Link): string {
    return `${this.config.issuer.replace(/\/$/, '')}/l/${link.code}`;
  }

  private document(link: Link, clicks: bigint): LinkView {
    return {
      id: idFromUuid('lk', link.id),
      code: link.code,
      url: this.addressOf(link),
      offerId: idFromUuid('of', link.offerId),
      seller: link.seller,
      campaign: link.campaign,
      owner: { kind: link.ownerKind, ref: link.ownerRef },
      target: link.target,
      clicks: pointsToJson(clicks),
      createdAt: formatInstant(link.createdAt),
    };
  }
}
