import { Injectable } from '@nestjs/common';

import { MemberLinks } from '#libs/directory';
import type { Reply } from '#libs/http';
import { AllianceClock, fail, monotonicMs, pointsToJson, requestHash, uuidv7For } from '#libs/kernel';

import { WireIdsService } from '../ids/wire-ids.service.js';
import { toldOf } from '../links/wallet-told.js';
import type { WalletTold } from '../links/wallet-told.js';
import type { AccrualReversal, PostingOutcome } from '../postings/posting.js';
import { PostingsService } from '../postings/postings.service.js';
import { KnownOperationsService } from '../replies/known-operations.service.js';
import { replyTo, walletOf } from '../replies/reply.js';
import { RuleBookService } from '../rules/rule-book.service.js';
import { checkFacts, TradingService } from '../trading/trading.service.js';
import { InTurn } from './in-turn.js';
import { linesOf, returnedOf } from './order.js';
import { applyReturn, partsOf, reversedParts } from './order-returns.js';
import type { OrderReturn } from './order-returns.js';
import type { OrderReturnAnswer } from './orders.answers.js';
import type { Purchase } from './purchases.repository.js';
import { PurchasesService } from './purchases.service.js';

/** Attempts to recompute a return after another instance posted a return of the same order; then the caller is asked to repeat. */
const ATTEMPTS = 10;

/** How long a return waits for others of its order, ms. */
const PATIENCE_MS = 8_000;

/** Stored with the return's key for replays. */
interface ReturnTemplate extends WalletTold {
  reversed: number;
}

/** Takes back what returned goods had earned, by the rule of returns. */
@Injectable()
export class OrderReturnsService {
  /** Returns of one order run in turn: each depends on what the previous ones left, so of concurrent ones all but one would fail. */
  private readonly orders = new InTurn();

  constructor(
    private readonly clock: AllianceClock,
    private readonly trading: TradingService,
    private readonly rules: RuleBookService,
    private readonly postings: PostingsService,
    private readonly purchases: PurchasesService,
    private readonly links: MemberLinks,
    private readonly known: KnownOperationsService,
    private readonly ids: WireIdsService,
  ) {}

  async accept(
    brand: string,
    orderExternalId: string,
    back: OrderReturn,
    transportKey: string | undefined,
  ): Promise<Reply<OrderReturnAnswer>> {
    const content = requestHash(['order_return', orderExternalId, back]);
    const asked = {
      kind: 'order_return' as const,
      brand,
      externalId: back.externalId,
      transportKey: transportKey ?? null,
      requestHash: () => content,
    };
    const until = monotonicMs() + PATIENCE_MS;
    const outcome = await this.orders.take(JSON.stringify([brand, orderExternalId]), () =>
      monotonicMs() > until
        ? fail('queue_full', { detail: 'Other returns of this order are under way.', retryAfter: 1 })
        : this.known.orFirstAnswer(asked, () => this.post(brand, orderExternalId, back, content, transportKey)),
    );
    const { detail, subjectId } = outcome;
    return replyTo(outcome, 201, () => ({
      id: this.ids.out('rt', subjectId),
      points: {
        reversed: (outcome.result as ReturnTemplate).reversed,
        fromPending: pointsToJson(detail.fromPending ?? 0n),
        expired: pointsToJson(detail.expired ?? 0n),
        toDebt: pointsToJson(detail.toDebt ?? 0n),
      },
      wallet: walletOf(outcome, ({ available }) => ({ available: pointsToJson(available) })),
    }));
  }

  private async post(
    brand: string,
    orderExternalId: string,
    back: OrderReturn,
    content: Buffer,
    transportKey: string | undefined,
  ): Promise<PostingOutcome> {
    const now = this.clock.now();
    const seller = await this.trading.redeeming(brand);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const purchase = await this.purchases.find(brand, orderExternalId);
      checkFacts(seller, { occurredAt: back.occurredAt, follows: purchase.occurredAt }, now);
      const outcome = await this.postings.reverse(await this.reversal(purchase, back, now, content, transportKey));
      // another return of this order was posted first, so the points to take back must be recomputed
      if (outcome.verdict !== 'stale') return outcome;
    }
    return fail('queue_full', { detail: 'Other returns of this order are under way.', retryAfter: 1 });
  }

  private async reversal(
    purchase: Purchase,
    back: OrderReturn,
    now: Date,
    content: Buffer,
    transportKey: string | undefined,
  ): Promise<AccrualReversal> {
    const { brand, document } = purchase;
    const before = linesOf(document, purchase.returned);
    // a repeat is refused here, because its goods are already returned; its first answer is then looked up
    const after = applyReturn(before, back.lines);
    const byId = await this.rules.byId(
      brand,
      before.flatMap(({ ruleId }) => ruleId ?? []),
    );
    const tier = document.tier ?? null;
    const parts = reversedParts(partsOf(before, byId, brand, tier), partsOf(after, byId, brand, tier));
    const points = parts.reduce((sum, part) => sum + part.points, 0n);
    return {
      id: uuidv7For(purchase.walletId),
      purchaseId: purchase.id,
      brand,
      externalId: back.externalId,
      requestHash: content,
      transportKey: transportKey ?? null,
      result: {
        reversed: pointsToJson(points),
        ...(await toldOf(this.links, purchase)),
      } satisfies ReturnTemplate,
      walletId: purchase.walletId,
      memberRef: purchase.memberRef,
      store: purchase.store,
      occurredAt: back.occurredAt,
      postedAt: now,
      expectedReturnVersion: purchase.returnVersion,
      returned: returnedOf(after),
      points,
      parts,
      lines: back.lines.map(({ lineId, quantity, net }) => [lineId, Number(quantity), Number(net)]),
    };
  }
}
