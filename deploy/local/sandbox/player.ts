import type { Api } from '../replay/api.js';
import { baseOf, bonusOf, type OrderAnswer } from '../replay/order-answer.js';
import { orderBody } from '../replay/order-body.js';
import type { Credentials } from '../network/sandbox-file.js';
import type { Members } from './members.js';
import type { GoodsReturn, PointsReturn, Step, Visit } from './story.js';

export interface Tally {
  orders: number;
  returns: number;
  redemptions: number;
  voids: number;
  givenBack: number;
  /** Orders with a referral code. */
  referred: number;
  /** Points added by ranks. */
  bonus: number;
  /** Points earned by brand under its rules, as the network answered. */
  earned: Map<string, number>;
  /** Answers that differ from the values computed from the file. */
  mismatches: string[];
}

export function emptyTally(): Tally {
  return {
    orders: 0,
    returns: 0,
    redemptions: 0,
    voids: 0,
    givenBack: 0,
    referred: 0,
    bonus: 0,
    earned: new Map(),
    mismatches: [],
  };
}

/** Sends the steps of the story through the public API. Every call has a key that depends only on the file. */
export class Player {
  /** Authorizations by order, for giving points back the day after. */
  private readonly authorizations = new Map<string, string>();

  constructor(
    private readonly api: Api,
    private readonly credentials: (brand: string) => Credentials,
    private readonly members: Members,
    /** When each household first bought at each brand: `brand household`. */
    private readonly since: ReadonlyMap<string, Date>,
    readonly tally: Tally,
    /** The referral code that an order names. */
    private readonly codeOf: (visit: Visit) => string | null = () => null,
  ) {}

  play(step: Step): Promise<void> {
    switch (step.kind) {
      case 'visit':
        return this.visit(step);
      case 'return':
        return this.returnGoods(step);
      case 'give-back':
        return this.giveBack(step);
    }
  }

  private member(brand: string, household: string): Promise<string> {
    return this.members.ref(brand, household, this.since.get(`${brand} ${household}`) ?? new Date(0));
  }

  private async visit(visit: Visit): Promise<void> {
    const { order, externalId } = visit;
    const as = this.credentials(order.brand);
    const memberRef = await this.member(order.brand, order.household);
    const authorizationId = visit.redemption === null ? null : await this.redeem(visit, memberRef);
    const code = this.codeOf(visit);
    const body = orderBody({
      externalId,
      memberRef,
      store: order.store,
      at: visit.at,
      lines: order.lines,
      authorizationId,
      code,
    });
    const answer = await this.api.need<OrderAnswer>(as, 'POST', '/v1/orders', body);
    const earned = baseOf(answer);
    this.tally.orders += 1;
    this.tally.bonus += bonusOf(answer);
    if (code !== null) this.tally.referred += 1;
    this.tally.earned.set(order.brand, (this.tally.earned.get(order.brand) ?? 0) + earned);
    if (earned !== visit.points)
      this.tally.mismatches.push(`order ${externalId}: earned ${earned}, the file says ${visit.points}`);
  }

  /** Requests a quote and a hold, then captures all, captures some and releases the rest, or voids. */
  private async redeem(visit: Visit, memberRef: string): Promise<string> {
    const { order, externalId, redemption } = visit;
    const as = this.credentials(order.brand);
    const points = redemption?.points ?? 0;
    const captured = redemption?.captured ?? 0;
    const authorization = await this.authorize(visit, memberRef, points);
    const path = `/v1/authorizations/${authorization}`;
    if (captured === 0) {
      await this.api.need(as, 'POST', `${path}/void`, { externalId: `${externalId}-v` });
      this.tally.voids += 1;
    } else {
      await this.api.need(as, 'POST', `${path}/captures`, {
        externalId: `${externalId}-c`,
        points: captured,
        final: true,
      });
      this.authorizations.set(order.id, authorization);
      this.tally.redemptions += 1;
    }
    return authorization;
  }

  private async authorize(visit: Visit, memberRef: string, points: number): Promise<string> {
    const { order, externalId } = visit;
    const as = this.credentials(order.brand);
    const basketTotal = order.lines.reduce((sum, line) => sum + line.net, points);
    const quote = { memberRef, storeRef: order.store, currency: 'CNY', basketTotal, points };
    const { id: quoteId } = await this.api.need<{ id: string }>(as, 'POST', '/v1/quotes', quote, `${externalId}-q`);
    return (
      await this.api.need<{ id: string }>(as, 'POST', '/v1/authorizations', { externalId: `${externalId}-a`, quoteId })
    ).id;
  }

  private async returnGoods(step: GoodsReturn): Promise<void> {
    const { visit, line } = step;
    const as = this.credentials(visit.order.brand);
    const body = {
      externalId: `${visit.externalId}-r`,
      occurredAt: step.at.toISOString(),
      lines: [{ lineId: line.lineId, quantity: line.quantity, net: line.net }],
    };
    const answer = await this.api.need<{ points: { reversed: number } }>(
      as,
      'POST',
      `/v1/orders/${visit.externalId}/returns`,
      body,
    );
    this.tally.returns += 1;
    const { reversed } = answer.points;
    if (reversed === step.points) return;
    // A rank's bonus is returned with the goods, by the ledger's own rounding: never more than there was.
    const order = await this.api.need<OrderAnswer>(as, 'GET', `/v1/orders/${visit.externalId}`);
    const bonus = bonusOf(order);
    if (bonus === 0 || reversed > step.points + bonus)
      this.tally.mismatches.push(`return of ${visit.externalId}: took back ${reversed}, the file says ${step.points}`);
  }

  private async giveBack(step: PointsReturn): Promise<void> {
    const { visit } = step;
    const as = this.credentials(visit.order.brand);
    // After a restart the hold is not in memory; repeating its call gives the same answer.
    const known = this.authorizations.get(visit.order.id);
    const authorization =
      known ??
      (await this.authorize(
        visit,
        await this.member(visit.order.brand, visit.household),
        visit.redemption?.points ?? 0,
      ));
    const body = { externalId: `${visit.externalId}-g`, points: step.points, occurredAt: step.at.toISOString() };
    await this.api.need(as, 'POST', `/v1/authorizations/${authorization}/returns`, body);
    this.tally.givenBack += 1;
  }
}
