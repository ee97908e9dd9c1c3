import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { MemberLinks } from '#libs/directory';
import { AllianceClock, decodeCursor, fail, formatInstant, pageOf, pointsToJson, sumToJson } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import { WireIdsService } from '../ids/wire-ids.service.js';
import { entryPlace, entryPostedAt, entryTrace, versionAt } from './entry.js';
import type { DebtView, EntryView, ExpirationView, LotPage, LotView, WalletView } from './wallet.answers.js';
import { WalletReaderService } from './wallet-reader.service.js';
import { WalletRepository } from './wallet.repository.js';
import type { StoredEntry, StoredLot } from './wallet.repository.js';

interface PageAsk {
  limit: number;
  after?: string | undefined;
}

/** Views of a member's wallet for brands and for the operator. */
@Injectable()
export class WalletViewsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly links: MemberLinks,
    private readonly reader: WalletReaderService,
    private readonly repository: WalletRepository,
    private readonly ids: WireIdsService,
  ) {}

  /** The whole spendable balance: a till needs it, whichever brands issued the points. */
  async wallet(slug: string, memberRef: string, storeRef: string | null): Promise<WalletView> {
    const { walletId } = await this.links.ofBrand(slug, memberRef);
    return this.reader.read(walletId, async (tx, numbers) => {
      const [next] = await this.repository.expirations(tx, walletId, null, 1);
      const here =
        storeRef === null
          ? null
          : await this.repository.spendableAt(tx, walletId, numbers, this.clock.now(), {
              brand: slug,
              store: storeRef,
            });
      return {
        memberRef,
        asOf: formatInstant(this.clock.now()),
        available: pointsToJson(numbers.available),
        pending: pointsToJson(numbers.pending),
        held: pointsToJson(numbers.held),
        debt: sumToJson(numbers.debt),
        balance: sumToJson(numbers.balance),
        nextExpiry: next === undefined ? null : { points: pointsToJson(next.points), at: formatInstant(next.at) },
        ...(here === null ? {} : { availableHere: pointsToJson(here) }),
      };
    });
  }

  /** The brand's own postings, newest first. Postings of other brands leave no trace, not even a gap. */
  async entries(brand: string, memberRef: string, ask: PageAsk): Promise<Page<EntryView>> {
    const { walletId } = await this.links.ofBrand(brand, memberRef);
    await this.doDue(walletId);
    const before = this.position(brand, walletId, ask.after);
    const rows = await runInTransaction(this.dataSource, { brand }, (tx) =>
      this.repository.entries(tx, walletId, brand, before, ask.limit + 1),
    );
    const page = pageOf(rows, ask.limit, (row) => [this.ids.out('po', entryPlace(brand, walletId, row.walletVersion))]);
    return { ...page, data: page.data.map((row) => this.entryView(row)) };
  }

  /** Amounts and times of the wallet's next expiries, nearest first. */
  async expirations(brand: string, memberRef: string, ask: PageAsk): Promise<Page<ExpirationView>> {
    const { walletId } = await this.links.ofBrand(brand, memberRef);
    const after = ask.after === undefined ? null : instantOf(decodeCursor(ask.after, 1)[0]);
    const rows = await this.reader.read(walletId, (tx) =>
      this.repository.expirations(tx, walletId, after, ask.limit + 1),
    );
    const page = pageOf(rows, ask.limit, (row) => [row.at.toISOString()]);
    return {
      ...page,
      data: page.data.map(({ points, at }) => ({ points: pointsToJson(points), at: formatInstant(at) })),
    };
  }

  /** For the operator: every lot with its issuer, in the order earned; debts are listed separately. */
  async lots(memberRef: string, ask: PageAsk): Promise<LotPage> {
    const link = (await this.links.find(memberRef)) ?? fail('not_found');
    const cursor = ask.after === undefined ? null : decodeCursor(ask.after, 2);
    const after: [Date, string] | null =
      cursor === null ? null : [instantOf(cursor[0]), this.ids.in('lt', String(cursor[1])) ?? fail('cursor_invalid')];
    const rows = await this.reader.read(link.walletId, (tx) =>
      this.repository.lots(tx, link.walletId, after, ask.limit + 1),
    );
    const page = pageOf(rows, ask.limit, (row) => [row.earnedAt.toISOString(), this.ids.out('lt', row.id)]);
    return {
      data: page.data.filter(({ debt }) => !debt).map((lot) => this.lotView(lot)),
      debts: page.data.filter(({ debt }) => debt).map((lot) => this.debtView(lot)),
      page: page.page,
    };
  }

  private async doDue(walletId: string): Promise<void> {
    await this.reader.numbers(walletId);
  }

  private position(brand: string, walletId: string, after: string | undefined): bigint | null {
    if (after === undefined) return null;
    const place = this.ids.in('po', String(decodeCursor(after, 1)[0])) ?? fail('cursor_invalid');
    return versionAt(brand, walletId, place) ?? fail('cursor_invalid');
  }

  private entryView(row: StoredEntry): EntryView {
    return {
      id: this.ids.out('po', row.id),
      type: row.kind,
      points: pointsToJson(row.spendable),
      pending: pointsToJson(row.pending),
      occurredAt: formatInstant(row.occurredAt),
      postedAt: formatInstant(entryPostedAt(row.kind, row.occurredAt, row.postedAt)),
      reference: row.reference,
      order: row.orderExternalId === null ? null : { externalId: row.orderExternalId },
      reason: row.reason,
      trace: entryTrace(row.kind, row.trace),
    };
  }

  private lotView(lot: StoredLot): LotView {
    return {
      id: this.ids.out('lt', lot.id),
      issuer: lot.issuer,
      points: pointsToJson(lot.points),
      remaining: pointsToJson(lot.remaining),
      held: pointsToJson(lot.held),
      pending: lot.pending,
      earnedAt: formatInstant(lot.earnedAt),
      availableFrom: lot.availableFrom === null ? null : formatInstant(lot.availableFrom),
      expiresAt: lot.expiresAt === null ? null : formatInstant(lot.expiresAt),
      campaign: lot.campaign,
      reason: lot.reason,
    };
  }

  private debtView(lot: StoredLot): DebtView {
    return {
      id: this.ids.out('lt', lot.id),
      issuer: lot.issuer,
      points: pointsToJson(lot.points),
      remaining: pointsToJson(lot.remaining),
      since: formatInstant(lot.earnedAt),
    };
  }
}

function instantOf(part: string | number | undefined): Date {
  const instant = new Date(part ?? '');
  return Number.isNaN(instant.getTime()) ? fail('cursor_invalid') : instant;
}
