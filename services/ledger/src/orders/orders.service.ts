import { Inject, Injectable } from '@nestjs/common';

import { limitsAt, MemberLinks } from '#libs/directory';
import type { Brand, MemberLink } from '#libs/directory';
import { AllianceClock, fail, formatInstant, listHash, MAX_WIRE_INTEGER, pointsToJson, uuidv7For } from '#libs/kernel';

import { AuthorizationsReaderService } from '../authorizations/authorizations-reader.service.js';
import { CONFIG } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import type { LedgerConfig } from '../ledger.config.js';
import { WireIdsService } from '../ids/wire-ids.service.js';
import { IssuanceService } from '../limits/issuance.service.js';
import type { Issuance } from '../limits/issuance.service.js';
import type { ContractTerms } from '../postings/contract-terms.js';
import { OPERATOR } from '../postings/issuer.js';
import type { Accrual, AccrualDay, NewLot, PostingOutcome } from '../postings/posting.js';
import { PostingsService } from '../postings/postings.service.js';
import { replyTo } from '../replies/reply.js';
import { KnownOperationsService } from '../replies/known-operations.service.js';
import { RuleBookService } from '../rules/rule-book.service.js';
import { MemberTiersService } from '../tiers/member-tiers.service.js';
import { checkFacts, issuingTerms, requireIssuer, TradingService } from '../trading/trading.service.js';
import { WalletReaderService } from '../wallet/wallet-reader.service.js';
import { documentOf, planOrder } from './order.js';
import type { Order, OrderDocument, OrderPlan } from './order.js';
import type { OrderAnswer } from './orders.answers.js';

/** An order with the data loaded for it. */
interface Prepared {
  brand: Brand;
  link: MemberLink;
  plan: OrderPlan;
  authorizationId: string | null;
  now: Date;
}

/**
 * Records purchases. This is the network's busiest path: members, brands and rules come from memory, and one call of the ledger core
 * is the only database work.
 */
@Injectable()
export class OrdersService {
  constructor(
    @Inject(CONFIG) private readonly config: LedgerConfig,
    private readonly clock: AllianceClock,
    private readonly trading: TradingService,
    private readonly links: MemberLinks,
    private readonly rules: RuleBookService,
    private readonly postings: PostingsService,
    private readonly authorizations: AuthorizationsReaderService,
    private readonly wallets: WalletReaderService,
    private readonly tiers: MemberTiersService,
    private readonly known: KnownOperationsService,
    private readonly ids: WireIdsService,
    private readonly issuances: IssuanceService,
  ) {}

  /** Posts an order's points and returns the answer. */
  async accept(call: KeyedCall, order: Order): Promise<Reply<OrderAnswer>> {
    const asked = {
      kind: 'order' as const,
      brand: call.brand,
      externalId: order.externalId,
      transportKey: call.key ?? null,
      requestHash: () => contentOf(order),
    };
    const outcome = await this.known.orFirstAnswer(asked, () => this.post(call, order));
    return replyTo(outcome, 201, () =>
      answer(order, this.ids.out('od', outcome.subjectId), outcome.result as OrderDocument, outcome.numbers.available),
    );
  }

  private async post(call: KeyedCall, order: Order): Promise<PostingOutcome> {
    const { brand: slug, client } = call;
    const prepared = await this.prepare(slug, order, this.clock.now());
    const lots = lotsOf(order, prepared, this.trading.operator);
    const { externalId, memberRef } = order;
    const { brand, plan, now } = prepared;
    const issuance: Issuance = {
      kind: 'order',
      brand: slug,
      client,
      externalId,
      memberRef,
      points: plan.points,
      operatorPoints: plan.bonus > 0n ? operatorPointsOf(plan) : 0n,
      limits: limitsAt(brand, now),
      now,
      figures: () => figuresOf(order, plan),
      content: () => contentOf(order),
    };
    return this.issuances.within(issuance, (day) =>
      this.postings.accrue(accrual(order, prepared, lots, call.key, day)),
    );
  }

  /** Returns the answer that the order would get, without posting. It has no id because no order is made. */
  async simulate(slug: string, order: Order): Promise<OrderAnswer> {
    const { link, plan, authorizationId } = await this.prepare(slug, order, this.clock.now());
    const numbers = await this.wallets.numbers(link.walletId);
    const balance = numbers.balance + plan.earned;
    return answer(order, null, documentOf(order, plan, authorizationId), balance > 0n ? balance : 0n);
  }

  private async prepare(slug: string, order: Order, now: Date): Promise<Prepared> {
    const brand = await this.trading.earning(slug);
    checkFacts(brand, order, now);
    const link = await this.links.ofBrand(slug, order.memberRef);
    const rules = await this.rules.inForce(slug, order.occurredAt);
    const tier = await this.tiers.at(link.walletId, order.occurredAt);
    const plan = planOrder(order, rules, now, this.config.zone, tier);
    if (plan.points > 0n) requireIssuer(brand, order.occurredAt);
    if (plan.points > MAX_WIRE_INTEGER) fail('amount_out_of_range');
    const authorizationId =
      order.authorizationId === null ? null : await this.ownAuthorization(brand, order.authorizationId);
    return { brand, link, plan, authorizationId, now };
  }

  private async ownAuthorization(brand: Brand, id: string): Promise<string> {
    const uuid = await this.authorizations.own(brand.slug, id);
    if (uuid !== null) return uuid;
    const detail = 'names no authorization of this brand';
    return fail('validation_failed', { errors: [{ pointer: '/authorizationId', code: 'not_found', detail }] });
  }
}

/** The content of an order, as a list in a fixed order: this path is too busy for sorting names. */
function contentOf(order: Order): Buffer {
  const { referral } = order;
  return listHash([
    'order',
    order.externalId,
    order.memberRef,
    order.storeRef,
    order.occurredAt.getTime(),
    order.currency,
    order.campaign,
    order.authorizationId,
    order.fulfilment,
    referral === null ? null : [referral.code, referral.guide, referral.click],
    order.lines.map(({ lineId, sku, category, quantity, net }) => [lineId, sku, category, `${quantity}`, `${net}`]),
  ]);
}

/** Details for the approver of the order. */
function figuresOf(order: Order, { bonus }: OrderPlan): Record<string, string | number | null> {
  return {
    net: pointsToJson(order.lines.reduce((sum, { net }) => sum + net, 0n)),
    currency: order.currency,
    lines: order.lines.length,
    rankBonus: pointsToJson(bonus),
    storeRef: order.storeRef,
    occurredAt: formatInstant(order.occurredAt),
    campaign: order.campaign,
  };
}

function operatorPointsOf({ lots }: OrderPlan): bigint {
  return lots.reduce((sum, { issuer, points }) => (issuer === OPERATOR ? sum + points : sum), 0n);
}

function lotsOf(order: Order, { brand, link, plan, now }: Prepared, operator: ContractTerms): NewLot[] {
  // an order that earns nothing needs no contract
  if (plan.lots.length === 0) return [];
  const own = issuingTerms(brand, order.occurredAt, now);
  return plan.lots.map(({ issuer, ...lot }) => ({
    ...lot,
    id: uuidv7For(link.walletId),
    terms: issuer === OPERATOR ? operator : own,
    campaign: order.campaign,
  }));
}

function accrual(
  order: Order,
  { brand: { slug }, link, plan, authorizationId, now: postedAt }: Prepared,
  lots: readonly NewLot[],
  transportKey: string | undefined,
  day: AccrualDay,
): Accrual {
  return {
    kind: 'order',
    id: uuidv7For(link.walletId),
    brand: slug,
    issuer: slug,
    externalId: order.externalId,
    requestHash: contentOf(order),
    transportKey: transportKey ?? null,
    result: documentOf(order, plan, authorizationId),
    walletId: link.walletId,
    memberRef: order.memberRef,
    store: order.storeRef,
    occurredAt: order.occurredAt,
    postedAt,
    lots,
    day,
    purchase: { currency: order.currency, campaign: order.campaign },
  };
}

/** Builds the answer from the order as stored, so that a repeat gets the same. */
function answer(order: Order, id: string | null, document: OrderDocument, available: bigint): OrderAnswer {
  const { lines, pending, availableAt, trace } = document;
  const total = lines.reduce((sum, { points }) => sum + points, document.bonus ?? 0);
  return {
    id,
    externalId: order.externalId,
    memberRef: order.memberRef,
    points: { earned: total - pending, pending, availableAt },
    lines: lines.map(({ lineId, points }) => ({ lineId, points })),
    trace,
    wallet: { available: pointsToJson(available) },
  };
}
