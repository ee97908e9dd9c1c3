import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { uuidv7 } from '#libs/kernel';
import { AttributionService } from '../attribution/attribution.service.js';
import type { Decided } from '../attribution/attribution.service.js';
import { DistributorsService } from '../distributors/distributors.service.js';
import { brandOf, earnerKey, OPERATOR, payeeOf, rebateOwner, walletIn } from '../distributors/owner.js';
import type { Earner } from '../distributors/owner.js';
import { MembersService } from '../members/members.service.js';
import { pays } from '../offers/offer.js';
import type { Offer } from '../offers/offers.tables.js';
import { programmeAt } from '../programmes/programme.js';
import type { Programme } from '../programmes/programmes.tables.js';
import { ProgrammesService } from '../programmes/programmes.service.js';
import { PARTIES, poolOfOrder, SPLIT_RULE } from '../splits/split.js';
import type { Party, Plan } from '../splits/split.js';
import { contributorShare, holdUntil, PROMOTED, toldAtOnce } from '../commissions/commission.js';
import type { Commission, Share } from '../commissions/commission.js';
import type { Sale } from './order-fact.js';

/** An order that pays under some plan, before its parties are known. */
interface Due {
  readonly sale: Sale;
  readonly decided: Decided;
  readonly programme: Programme;
  readonly offer: Offer | null;
  readonly plan: Plan;
  readonly lines: Commission['lines'];
}

export interface NewCommissions {
  readonly commissions: Commission[];
  /** Orders whose contributor is not known yet. */
  readonly waiting: Sale[];
}

/** Builds commissions of orders: winner, plan, present parties, and suspicion of fraud. Posts nothing. */
@Injectable()
export class NewCommissionsService {
  constructor(
    private readonly attribution: AttributionService,
    private readonly programmes: ProgrammesService,
    private readonly members: MembersService,
    private readonly distributors: DistributorsService,
  ) {}

  /** Builds commissions of a batch. `final`: do not wait for contributors that are not known now. */
  async of(tx: EntityManager, sales: readonly Sale[], final: boolean): Promise<NewCommissions> {
    const programmes = await this.programmes.all(tx);
    const decided = await this.attribution.decideAll(tx, sales);
    const judged = sales.flatMap((sale, index) => {
      const outcome = decided[index];
      return outcome === undefined
        ? []
        : [{ sale, decided: outcome, due: dueOf(sale, outcome, programmeAt(programmes, sale.occurredAt)) }];
    });
    const dues = judged.flatMap(({ due }) => (due === null ? [] : [due]));
    const contributors = await this.contributors(tx, dues);
    const waiting = dues
      .filter(({ sale, plan }) => !final && needsContributor(plan) && !contributors.has(sale.walletId))
      .map(({ sale }) => sale);
    const late = new Set(waiting.map(({ orderId }) => orderId));
    const kept = judged.filter(
      ({ sale, decided: outcome, due }) => !late.has(sale.orderId) && (outcome.claimed || due !== null),
    );
    if (kept.length > 0)
      await this.attribution.keep(
        tx,
        kept.map(({ sale, decided: outcome }) => ({ order: sale, outcome })),
      );
    const ready = dues.filter(({ sale }) => !late.has(sale.orderId));
    if (ready.length === 0) return { commissions: [], waiting };

    const promoters = ready.flatMap(({ decided }) => promoterOf(decided) ?? []);
    const introductions =
      promoters.length === 0 ? new Map<string, never>() : await this.distributors.introductions(tx, promoters);
    const owners = [
      ...promoters.map(({ owner }) => owner),
      ...[...introductions.values()].map(({ introducer }) => introducer),
      ...ready.flatMap(({ sale }) => (sale.guide === '' ? [] : [`guide:${sale.brand}/${sale.guide}`])),
    ];
    const persons = owners.length === 0 ? new Map<string, string>() : await this.distributors.wallets(tx, owners);
    const commissions: Commission[] = [];
    for (const due of ready) {
      const promoter = promoterOf(due.decided);
      const introduction = promoter === null ? undefined : introductions.get(earnerKey(promoter));
      const at = due.sale.occurredAt;
      const introducer =
        introduction !== undefined &&
        due.programme.maxDepth === 2 &&
        introduction.since <= at &&
        at < introduction.until
          ? introduction.introducer
          : null;
      const contributor = await this.members.present(contributors.get(due.sale.walletId));
      const rebate =
        (due.plan.shares.memberRebate ?? 0) > 0 && (await this.members.givesPoints(due.sale.brand, due.sale.postedAt))
          ? rebateOwner(due.sale.walletId)
          : null;
      commissions.push(
        commissionOf(
          due,
          sharesOf(due, { contributor, introducer, memberRebate: rebate }),
          needsContributor(due.plan) && !contributors.has(due.sale.walletId),
          (owner) => walletIn(owner) ?? persons.get(owner) ?? null,
        ),
      );
    }
    return { commissions, waiting };
  }

  private async contributors(tx: EntityManager, dues: readonly Due[]): Promise<Map<string, string>> {
    const wallets = [...new Set(dues.filter(({ plan }) => needsContributor(plan)).map(({ sale }) => sale.walletId))];
    if (wallets.length === 0) return new Map();
    const known = await this.members.contributors(tx, wallets);
    const missing = wallets.filter((wallet) => !known.has(wallet));
    if (missing.length === 0) return known;
    await this.members.expect(tx, missing);
    // a binding may have arrived between the two looks; a later one finds what this transaction leaves
    for (const [wallet, brand] of await this.members.contributors(tx, missing)) known.set(wallet, brand);
    return known;
  }
}

/** The promoter and the brand they promote for. */
function promoterOf({ verdict: { promoter, link } }: Decided): Earner | null {
  return promoter === null || link === null ? null : { brand: link.brand, owner: promoter };
}

function needsContributor(plan: Plan): boolean {
  return (plan.shares.contributor ?? 0) > 0 || plan.restBp > 0;
}

/**
 * The plan that an order pays under. Goods of an offer: the offer's plan, with the floor under the contributor's share, or the
 * default if the offer names none. All other goods, and an order without goods of an offer: the programme's default.
 */
function dueOf(sale: Sale, decided: Decided, programme: Programme): Due | null {
  const { offer } = decided;
  const paid = sale.lines.filter(({ net }) => net > 0n);
  const restBp = programme.contributorBp;
  const isOffered = (line: Sale['lines'][number]): boolean => offer?.currency === sale.currency && pays(offer, line);
  const common = { sale, decided, programme };
  if (offer !== null && paid.some(isOffered)) {
    const floorBp = Math.max(programme.contributorFloorBp, offer.split.contributor === undefined ? restBp : 0);
    const named = offer.split.contributor ?? 0;
    const contributor = Math.max(named, floorBp);
    const shares = contributor === 0 ? offer.split : { ...offer.split, contributor };
    const plan = { rule: offer.rule, poolBp: offer.poolBp + contributor - named, shares, floorBp, restBp };
    const lines = paid.filter((line) => restBp > 0 || isOffered(line)).map((line) => lineOf(line, !isOffered(line)));
    return { ...common, offer, plan, lines };
  }
  if (restBp === 0 || paid.length === 0) return null;
  const plan = { rule: SPLIT_RULE, poolBp: restBp, shares: { contributor: restBp }, floorBp: 0, restBp: 0 };
  return { ...common, offer: null, plan, lines: paid.map((line) => lineOf(line, false)) };
}

function lineOf({ lineId, net }: Sale['lines'][number], rest: boolean): Commission['lines'][number] {
  return { lineId, net, returned: 0n, rest };
}

/** Shares of the present parties. The share of an absent party stays with the seller. */
function sharesOf(
  { sale, decided, plan }: Due,
  { contributor, introducer, memberRebate }: Record<'contributor' | 'introducer' | 'memberRebate', string | null>,
): Share[] {
  const owners: Record<Party, string | null> = {
    memberRebate,
    contributor: contributorShare(contributor, sale.brand)?.owner ?? null,
    distributor: decided.verdict.promoter,
    introducer,
    store: sale.store === '' ? null : `store:${sale.brand}/${sale.store}`,
    guide: sale.guide === '' ? null : `guide:${sale.brand}/${sale.guide}`,
    operator: OPERATOR,
  };
  return PARTIES.flatMap((party): Share[] => {
    const owner = owners[party];
    const earns = party === 'contributor' ? needsContributor(plan) : (plan.shares[party] ?? 0) > 0;
    if (owner === null || !earns) return [];
    const through = brandOf(owner) ?? (PROMOTED.has(party) ? (decided.verdict.link?.brand ?? null) : sale.brand);
    const earned = { party, owner, payee: payeeOf(owner), through: owner === OPERATOR ? null : through };
    return [{ ...earned, cap: null, held: 0n, told: toldAtOnce(earned, sale.brand) }];
  });
}

/** A reason to suspect the commission, or null. Nobody earns on their own purchase; such a commission waits for the operator. */
function suspicionOf(sale: Sale, shares: readonly Share[], personOf: (owner: string) => string | null): string | null {
  const buyer = shares.filter(({ party, owner }) => party !== 'memberRebate' && personOf(owner) === sale.walletId);
  if (buyer.length === 0) return null;
  return buyer.some(({ owner }) => owner.startsWith('guide:')) ? 'guide_is_buyer' : 'self_referral';
}

function commissionOf(
  { sale, decided, plan, offer, programme, lines }: Due,
  shares: readonly Share[],
  unbound: boolean,
  personOf: (owner: string) => string | null,
): Commission {
  const base = sumOfLines(lines, false);
  const rest = sumOfLines(lines, true);
  const returnDays = offer?.returnDays ?? programme.returnDays;
  const reason = suspicionOf(sale, shares, personOf);
  const link = offer === null ? null : decided.verdict.link;
  const receivedAt = sale.inStore ? sale.occurredAt : null;
  return {
    id: uuidv7(),
    orderId: sale.orderId,
    orderExternalId: sale.externalId,
    brand: sale.brand,
    store: sale.store,
    walletId: sale.walletId,
    memberRef: sale.memberRef,
    currency: sale.currency,
    offerId: offer?.id ?? null,
    linkId: link?.id ?? null,
    campaign: link?.campaign ?? null,
    plan,
    lines,
    base,
    remaining: base,
    rest,
    restRemaining: rest,
    pool: poolOfOrder({ base, rest }, plan),
    used: 0n,
    cap: null,
    state: reason !== null ? 'fraud_hold' : sale.inStore ? 'held' : 'pending',
    reason,
    returnDays,
    occurredAt: sale.occurredAt,
    postedAt: sale.postedAt,
    receivedAt,
    holdUntil: receivedAt === null ? null : holdUntil(receivedAt, sale.postedAt, returnDays),
    unbound,
    shares,
  };
}

function sumOfLines(lines: Commission['lines'], rest: boolean): bigint {
  return lines.reduce((sum, line) => (line.rest === rest ? sum + line.net : sum), 0n);
}
