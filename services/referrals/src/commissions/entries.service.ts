import { createHash } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CommissionPostedSchema, RebateDueSchema, TOPICS } from '#libs/contracts';
import { CONFIG } from '#libs/http';
import { dayKey, monthKey, uuidFromDigest } from '#libs/kernel';
import { Outbox } from '#libs/messaging';
import { isPerson } from '../distributors/owner.js';
import { usageScope } from '../offers/offer.js';
import type { Offer } from '../offers/offer.js';
import { OffersService } from '../offers/offers.service.js';
import type { ReferralsConfig } from '../referrals.config.js';
import { assuredOf, sumOf } from '../splits/split.js';
import type { Amounts } from '../splits/split.js';
import { basesOf, byParty, offeredIn, targetOf } from './commission.js';
import type { Commission, Share } from './commission.js';
import { CommissionsRepository } from './commissions.repository.js';
import { LegsRepository } from './legs.repository.js';
import type { Leg } from './legs.repository.js';

interface Entry {
  readonly id: string;
  readonly occurredAt: Date;
  readonly postedAt: Date;
}

/** The id of an entry follows from what caused it, so nothing is ever posted twice. */
function entryId(cause: 'order' | 'return' | 'binding', id: string): string {
  return uuidFromDigest(createHash('sha256').update(`commission ${cause} ${id}`).digest());
}

/** Posts splits and their differences: legs, and the events that settlement and ledger live on. */
@Injectable()
export class EntriesService {
  constructor(
    @Inject(CONFIG) private readonly config: ReferralsConfig,
    private readonly repository: CommissionsRepository,
    private readonly legs: LegsRepository,
    private readonly offers: OffersService,
    private readonly outbox: Outbox,
  ) {}

  /** The first entry of commissions that hold nothing yet. Caps cut here, against what their offers have used by now. */
  async open(tx: EntityManager, commissions: readonly Commission[], now?: Date): Promise<Commission[]> {
    if (commissions.length === 0) return [];
    const capped = await this.withCaps(tx, commissions);
    const opened = capped.map((commission) => {
      const target = targetOf(commission);
      const entry = {
        id: entryId('order', commission.orderId),
        occurredAt: commission.occurredAt,
        postedAt: now ?? commission.postedAt,
      };
      return {
        commission: { ...commission, used: sumOf(target) },
        legs: this.legsOf(commission, target, entry, []),
        entry,
      };
    });
    await this.repository.posted(
      tx,
      opened.map(({ commission }) => commission),
    );
    await this.write(tx, opened);
    return opened.map(({ commission }) => commission);
  }

  /** Posts what a refund takes back: the difference of what the parties hold before and after. */
  async reduce(
    tx: EntityManager,
    before: Commission,
    after: Commission,
    cause: { returnId: string; occurredAt: Date; postedAt: Date },
  ): Promise<void> {
    const back: Amounts = new Map(
      after.shares.map(({ party, held }, i) => [party, held - (before.shares[i]?.held ?? 0n)]),
    );
    if (sumOf(back) === 0n) return;
    const entry = { id: entryId('return', cause.returnId), occurredAt: cause.occurredAt, postedAt: cause.postedAt };
    const earlier = await this.legs.ofCommissions(tx, [before.id]);
    await this.write(tx, [{ commission: after, legs: this.legsOf(after, back, entry, earlier), entry }]);
    if (after.offerId === null) return;
    // what the contributor was assured of never counted
    const assured = back.has('contributor')
      ? assuredOf(basesOf(before), before.plan) - assuredOf(basesOf(after), after.plan)
      : 0n;
    const contributor = -(back.get('contributor') ?? 0n);
    const offered = -sumOf(back) - least([contributor, assured]);
    const month = monthKey(after.postedAt, this.config.zone);
    // only offers with limits are counted; adding to a name that isn't kept does nothing
    const scopes = [usageScope.total(after.offerId), usageScope.month(after.offerId, month)];
    await this.offers.addUsage(tx, new Map(scopes.map((scope) => [scope, -offered])));
  }

  /** Adds the contributor of whom the word came late: the share of what remains, within what the limits of the offer left. */
  async join(tx: EntityManager, commission: Commission, contributor: Share, now: Date): Promise<void> {
    const offer =
      commission.offerId === null
        ? undefined
        : (await this.offers.byIds(tx, [commission.offerId])).get(commission.offerId);
    const others = sumOf(offeredIn(commission));
    const cap = limited(offer) ? await this.roomFor(tx, commission, offer, others) : null;
    const share = { ...contributor, cap };
    const joined = { ...commission, shares: [...commission.shares, share].sort(byParty) };
    const amount = targetOf(joined).get('contributor') ?? 0n;
    const entry = { id: entryId('binding', commission.orderId), occurredAt: commission.occurredAt, postedAt: now };
    const legs = this.legsOf(joined, new Map([['contributor', amount]]), entry, []);
    if (limited(offer)) {
      const added = sumOf(offeredIn(joined)) - others;
      const scopes = this.scopesOf(commission, offer).filter(({ owner }) => owner === null);
      await this.offers.addUsage(tx, new Map(scopes.map(({ scope }) => [scope, added])));
    }
    await this.repository.joined(tx, { ...joined, used: commission.used + amount }, share);
    await this.write(tx, [{ commission: joined, legs, entry }]);
  }

  private async roomFor(
    tx: EntityManager,
    commission: Commission,
    offer: Offer,
    others: bigint,
  ): Promise<bigint | null> {
    const scopes = this.scopesOf(commission, offer).filter(({ owner }) => owner === null);
    const usage = await this.offers.lockUsage(
      tx,
      scopes.map(({ scope }) => scope),
    );
    const rooms = scopes.flatMap(({ scope, limit }) =>
      limit === null ? [] : [clamp(limit - (usage.get(scope) ?? 0n))],
    );
    return smallest([...rooms, ...(offer.capOrder === null ? [] : [clamp(offer.capOrder - others)])]);
  }

  private legsOf(commission: Commission, amounts: Amounts, entry: Entry, earlier: readonly Leg[]): Leg[] {
    return commission.shares.flatMap(({ party, owner, payee }): Leg[] => {
      const amount = amounts.get(party) ?? 0n;
      if (amount === 0n) return [];
      const id = uuidFromDigest(createHash('sha256').update(`leg ${entry.id} ${party}`).digest());
      const original = earlier.find((leg) => leg.party === party && leg.amount > 0n);
      return [
        {
          id,
          entryId: entry.id,
          commissionId: commission.id,
          brand: commission.brand,
          party,
          owner,
          payee,
          amount,
          currency: commission.currency,
          reversesLegId: amount < 0n ? (original?.id ?? null) : null,
          postedAt: entry.postedAt,
          day: dayKey(entry.postedAt, this.config.zone),
        },
      ];
    });
  }

  private async write(
    tx: EntityManager,
    posted: readonly { commission: Commission; legs: readonly Leg[]; entry: Entry }[],
  ): Promise<void> {
    await this.legs.insert(
      tx,
      posted.flatMap(({ legs }) => legs),
    );
    await this.outbox.addAll<typeof CommissionPostedSchema | typeof RebateDueSchema>(
      tx,
      posted.flatMap(({ commission, legs, entry }) => {
        if (legs.length === 0) return [];
        const common = {
          entryId: entry.id,
          orderId: commission.orderId,
          orderExternalId: commission.orderExternalId,
          seller: commission.brand,
          walletId: commission.walletId,
          occurredAt: timestampFromDate(entry.occurredAt),
        };
        const rebate = legs.find(({ party }) => party === 'member_rebate');
        return [
          {
            id: entry.id,
            topic: TOPICS.commissions,
            key: commission.orderId,
            schema: CommissionPostedSchema,
            body: {
              ...common,
              commissionId: commission.id,
              offerId: commission.offerId ?? '',
              store: commission.store,
              currency: commission.currency,
              postedAt: timestampFromDate(entry.postedAt),
              legs: legs.map(({ id, party, payee, amount, reversesLegId }) => ({
                legId: id,
                party,
                payee,
                amount,
                reversesLegId: reversesLegId ?? '',
              })),
            },
          },
          // a point of rebate is worth one minor unit
          ...(rebate === undefined
            ? []
            : [
                {
                  id: rebate.id,
                  topic: TOPICS.rewards,
                  key: commission.walletId,
                  schema: RebateDueSchema,
                  body: { ...common, points: rebate.amount },
                },
              ]),
        ];
      }),
    );
  }

  /** Works out what budgets and caps leave for each commission, one after the other, and counts it as used. */
  private async withCaps(tx: EntityManager, commissions: readonly Commission[]): Promise<Commission[]> {
    const offers = await this.offers.byIds(
      tx,
      commissions.flatMap(({ offerId }) => offerId ?? []),
    );
    const scopes = commissions.flatMap((commission) => {
      const offer = offers.get(commission.offerId ?? '');
      return limited(offer) ? this.scopesOf(commission, offer).map(({ scope }) => scope) : [];
    });
    if (scopes.length === 0) return [...commissions];
    const usage = await this.offers.lockUsage(tx, scopes);
    const added = new Map<string, bigint>();
    const used = (scope: string): bigint => (usage.get(scope) ?? 0n) + (added.get(scope) ?? 0n);
    const add = (scope: string, amount: bigint): void => void added.set(scope, (added.get(scope) ?? 0n) + amount);
    const cut = commissions.map((commission) => {
      const offer = offers.get(commission.offerId ?? '');
      if (!limited(offer)) return commission;
      const named = this.scopesOf(commission, offer);
      const room = (limit: bigint | null, scope: string): bigint[] =>
        limit === null ? [] : [clamp(limit - used(scope))];
      const total = named.flatMap(({ limit, scope, owner }) => (owner === null ? room(limit, scope) : []));
      const cap = smallest([...total, ...(offer.capOrder === null ? [] : [offer.capOrder])]);
      const shares = commission.shares.map((share): Share => {
        const own = named.find(({ owner }) => owner === share.owner);
        return own === undefined ? share : { ...share, cap: smallest(room(own.limit, own.scope)) };
      });
      const result = { ...commission, cap, shares };
      const target = targetOf(result);
      for (const { scope, owner } of named) {
        const amount =
          owner === null
            ? sumOf(offeredIn(result))
            : sumOf(
                new Map([...target].filter(([party]) => shares.some((s) => s.party === party && s.owner === owner))),
              );
        add(scope, amount);
      }
      return result;
    });
    await this.offers.addUsage(tx, added);
    return cut;
  }

  private scopesOf(
    commission: Commission,
    offer: Offer,
  ): { scope: string; limit: bigint | null; owner: string | null }[] {
    const day = dayKey(commission.postedAt, this.config.zone);
    const persons =
      offer.capBeneficiaryDay === null
        ? []
        : [...new Set(commission.shares.map(({ owner }) => owner).filter(isPerson))];
    return [
      { scope: usageScope.total(offer.id), limit: offer.budget, owner: null },
      {
        scope: usageScope.month(offer.id, monthKey(commission.postedAt, this.config.zone)),
        limit: offer.capMonth,
        owner: null,
      },
      ...persons.map((owner) => ({
        scope: usageScope.day(offer.id, day, owner),
        limit: offer.capBeneficiaryDay,
        owner,
      })),
    ];
  }
}

function clamp(amount: bigint): bigint {
  return amount < 0n ? 0n : amount;
}

function limited(offer: Offer | undefined): offer is Offer {
  if (offer === undefined) return false;
  return [offer.budget, offer.capOrder, offer.capMonth, offer.capBeneficiaryDay].some((limit) => limit !== null);
}

function least(amounts: readonly [bigint, bigint]): bigint {
  return amounts[0] < amounts[1] ? amounts[0] : amounts[1];
}

function smallest(amounts: readonly bigint[]): bigint | null {
  return amounts.reduce<bigint | null>((found, amount) => (found === null || amount < found ? amount : found), null);
}
