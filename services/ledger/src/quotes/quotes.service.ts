import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { MemberLinks } from '#libs/directory';
import { idempotent } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { AllianceClock, Decimal, fail, formatInstant, MICRO_SCALE, uuidv7For } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import { WireIdsService } from '../ids/wire-ids.service.js';
import { checkFacts, redeemerContract, TradingService } from '../trading/trading.service.js';
import { QUOTE_MINUTES, quoteTerms } from './quote.js';
import type { Quote } from './quote.js';
import type { QuoteAnswer } from './quotes.answers.js';
import type { QuoteDto } from './quotes.dto.js';
import { QuotesRepository } from './quotes.repository.js';

/** Most quotes kept in memory: those of a few minutes. */
const RECENT = 10_000;

/** Prices points for a basket and keeps the prices valid for a few minutes, even if the contract changes. */
@Injectable()
export class QuotesService {
  /** Quotes never change, so they are cached for the authorization that follows. */
  private readonly recent = new Map<string, Quote>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly trading: TradingService,
    private readonly links: MemberLinks,
    private readonly repository: QuotesRepository,
    private readonly ids: WireIdsService,
  ) {}

  async ask(call: KeyedCall, body: QuoteDto): Promise<Reply<QuoteAnswer>> {
    let made: Quote | undefined;
    const outcome = await idempotent(this.dataSource, { ...call, route: 'quotes.create', body }, async (tx) => {
      const quote = await this.price(call.brand, body);
      await this.repository.add(tx, quote.kept);
      made = quote.kept;
      return { status: 201, body: quote.answer };
    });
    if (made !== undefined && outcome.status === 201 && !outcome.replayed) this.remember(made);
    return outcome;
  }

  /**
   * Returns a quote of the brand that is still valid.
   * @throws DomainError `not_found`, `quote_expired`
   */
  async take(brand: string, id: string): Promise<Quote> {
    const quote = (await this.find(brand, id)) ?? fail('not_found');
    return quote.expiresAt > this.clock.now() ? quote : fail('quote_expired');
  }

  /** Returns a quote of the brand, valid or expired. */
  async find(brand: string, id: string): Promise<Quote | null> {
    const uuid = this.ids.in('qt', id);
    if (uuid === null) return null;
    const known = this.recent.get(uuid);
    if (known !== undefined) return known.brand === brand ? known : null;
    return runInTransaction(this.dataSource, { brand }, (tx) => this.repository.find(tx, uuid));
  }

  private remember(quote: Quote): void {
    if (this.recent.size >= RECENT) {
      const [oldest] = this.recent.keys();
      if (oldest !== undefined) this.recent.delete(oldest);
    }
    this.recent.set(quote.id, quote);
  }

  private async price(slug: string, body: QuoteDto): Promise<{ kept: Quote; answer: QuoteAnswer }> {
    const now = this.clock.now();
    const brand = await this.trading.redeeming(slug);
    const contract = redeemerContract(brand, now);
    checkFacts(brand, body, now);
    const link = await this.links.ofBrand(slug, body.memberRef);
    const points = BigInt(body.points);
    const terms = quoteTerms(points, BigInt(body.basketTotal), contract);
    const kept: Quote = {
      id: uuidv7For(link.walletId),
      brand: slug,
      memberRef: body.memberRef,
      walletId: link.walletId,
      store: body.storeRef ?? null,
      currency: body.currency,
      basketTotal: BigInt(body.basketTotal),
      points,
      value: terms.value,
      reimbursementMicro: Decimal.parse(contract.reimbursementPrice).toScaled(MICRO_SCALE),
      createdAt: now,
      expiresAt: new Date(now.getTime() + QUOTE_MINUTES * 60_000),
    };
    const answer = {
      id: this.ids.out('qt', kept.id),
      points: body.points,
      value: Number(terms.value),
      currency: body.currency,
      reimbursement: terms.reimbursement,
      expiresAt: formatInstant(kept.expiresAt),
    };
    return { kept, answer };
  }
}
