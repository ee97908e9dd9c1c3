import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { callerName } from '#libs/auth';
import type { BrandCaller } from '#libs/auth';
import { idempotent } from '#libs/http';
import { AllianceClock, Decimal, fail, formatInstant, idFromUuid, MICRO_SCALE, uuidFromId, uuidv7 } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import { MemberLinks } from '../links/member-links.service.js';
import { KnownOperations } from '../replies/known-operations.service.js';
import type { Reply } from '../replies/reply.js';
import { checkFacts, redeemerContract, Trading } from '../trading/trading.service.js';
import { QUOTE_MINUTES, quoteTerms } from './quote.js';
import type { QuoteDto } from './quotes.dto.js';
import { QuotesRepository } from './quotes.repository.js';
import type { Quote } from './quotes.repository.js';

/** Prices points for a basket and keeps the promise for a few minutes, whatever the contract says meanwhile. */
@Injectable()
export class Quotes {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly trading: Trading,
    private readonly links: MemberLinks,
    private readonly repository: QuotesRepository,
    private readonly known: KnownOperations,
  ) {}

  async ask(caller: BrandCaller, body: QuoteDto, key: string | undefined): Promise<Reply> {
    const call = { caller: callerName(caller), brand: caller.brand, route: 'quotes.create', key, body };
    return idempotent(this.dataSource, call, async (tx) => {
      const quote = await this.price(caller.brand, body);
      await this.repository.add(tx, quote.kept);
      return { status: 201, body: quote.answer };
    });
  }

  /**
   * A quote of the brand that still holds, or any that a known authorization was made by.
   * @throws DomainError `not_found`, `quote_expired`
   */
  async take(brand: string, id: string, authorization: string): Promise<Quote> {
    const uuid = uuidFromId('qt', id) ?? fail('not_found');
    const quote = await runInTransaction(this.dataSource, { brand }, (tx) => this.repository.find(tx, uuid));
    if (quote === null) return fail('not_found');
    if (quote.expiresAt > this.clock.now()) return quote;
    return (await this.known.isKnown('authorization', brand, authorization)) ? quote : fail('quote_expired');
  }

  private async price(slug: string, body: QuoteDto): Promise<{ kept: Quote; answer: Record<string, unknown> }> {
    const now = this.clock.now();
    const brand = await this.trading.redeeming(slug);
    const contract = redeemerContract(brand, now);
    checkFacts(brand, body, now);
    const link = await this.links.ofBrand(slug, body.memberRef);
    const points = BigInt(body.points);
    const terms = quoteTerms(points, BigInt(body.basketTotal), contract);
    const kept: Quote = {
      id: uuidv7(),
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
      id: idFromUuid('qt', kept.id),
      points: body.points,
      value: Number(terms.value),
      currency: body.currency,
      reimbursement: terms.reimbursement,
      expiresAt: formatInstant(kept.expiresAt),
    };
    return { kept, answer };
  }
}
