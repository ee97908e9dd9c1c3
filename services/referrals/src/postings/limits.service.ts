import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG } from '#libs/http';
import { dayKey, groupBy, largestRemainder, monthKey } from '#libs/kernel';
import { DistributorsService } from '../distributors/distributors.service.js';
import { earnerKey, isPerson } from '../distributors/owner.js';
import type { Earner } from '../distributors/owner.js';
import { usageScope } from '../offers/offer.js';
import type { Offer } from '../offers/offers.tables.js';
import { OffersService } from '../offers/offers.service.js';
import type { ReferralsConfig } from '../referrals.config.js';
import { assuredOf, sumOf } from '../splits/split.js';
import type { Party } from '../splits/split.js';
import { basesOf, byParty, offeredIn } from '../commissions/commission.js';
import type { Commission, Share } from '../commissions/commission.js';

/** Applies budgets and caps of offers, and counts their usage by commissions. */
@Injectable()
export class LimitsService {
  constructor(
    @Inject(CONFIG) private readonly config: ReferralsConfig,
    private readonly offers: OffersService,
    private readonly distributors: DistributorsService,
  ) {}

  /** Computes what budgets and caps leave for each commission, one after the other, and counts it as used. */
  async cut(tx: EntityManager, commissions: readonly Commission[]): Promise<Commission[]> {
    const offers = await this.offers.byIds(
      tx,
      commissions.flatMap(({ offerId }) => offerId ?? []),
    );
    const cuttable = commissions.flatMap((commission) => {
      const offer = offers.get(commission.offerId ?? '');
      return limited(offer) ? [{ commission, offer }] : [];
    });
    if (cuttable.length === 0) return [...commissions];
    const earners = cuttable.flatMap(({ commission, offer }) =>
      offer.capBeneficiaryDay === null ? [] : commission.shares.flatMap((share) => earnerOf(share) ?? []),
    );
    const keys = earners.length === 0 ? new Map<string, string[]>() : await this.distributors.personKeys(tx, earners);
    const usage = await this.offers.lockUsage(
      tx,
      cuttable.flatMap(({ commission, offer }) => [
        ...this.scopesOf(commission, offer).map(({ scope }) => scope),
        ...commission.shares.flatMap((share) => this.personScopes(commission, offer, share, keys)),
      ]),
    );
    const added = new Map<string, bigint>();
    const used = (scope: string): bigint => (usage.get(scope) ?? 0n) + (added.get(scope) ?? 0n);
    const add = (scope: string, amount: bigint): void => void added.set(scope, (added.get(scope) ?? 0n) + amount);
    const cut = commissions.map((commission) => {
      const offer = offers.get(commission.offerId ?? '');
      if (!limited(offer)) return commission;
      const scopes = this.scopesOf(commission, offer);
      const rooms = scopes.flatMap(({ scope, limit }) => (limit === null ? [] : [clamp(limit - used(scope))]));
      const cap = smallest([...rooms, ...(offer.capOrder === null ? [] : [offer.capOrder])]);
      const dayLimit = offer.capBeneficiaryDay;
      const shares =
        dayLimit === null
          ? commission.shares
          : cappedByPerson(
              commission,
              (share) => this.personScopes(commission, offer, share, keys),
              (scopes) => clamp(scopes.reduce((left, scope) => left - used(scope), dayLimit)),
            );
      const result = { ...commission, cap, shares };
      const counted = offeredIn(result);
      for (const { scope } of scopes) add(scope, sumOf(counted));
      for (const share of shares) {
        const earner = earnerOf(share);
        if (earner !== null && keys.has(earnerKey(earner)))
          add(this.dayScope(commission, offer, earner), counted.get(share.party) ?? 0n);
      }
      return result;
    });
    await this.offers.addUsage(tx, added);
    return cut;
  }

  /** Returns to the month and the budget what a refund frees. The assured amount of the contributor never counted. */
  async free(tx: EntityManager, before: Commission, after: Commission): Promise<void> {
    if (after.offerId === null) return;
    const back = (of: readonly Share[]): bigint => of.reduce((sum, { held }) => sum + held, 0n);
    const contributor = (of: readonly Share[]): bigint => back(of.filter(({ party }) => party === 'contributor'));
    const assured = assuredOf(basesOf(before), before.plan) - assuredOf(basesOf(after), after.plan);
    const less = contributor(before.shares) - contributor(after.shares);
    const offered = back(before.shares) - back(after.shares) - (less < assured ? less : assured);
    const month = monthKey(after.postedAt, this.config.zone);
    // only offers with limits are counted; adding to an unknown scope does nothing
    const scopes = [usageScope.total(after.offerId), usageScope.month(after.offerId, month)];
    await this.offers.addUsage(tx, new Map(scopes.map((scope) => [scope, -offered])));
  }

  /** The commission with a late contributor, limited to what is left now, so that nobody else loses anything. */
  async join(tx: EntityManager, commission: Commission, contributor: Share): Promise<Commission> {
    const joinedBy = (share: Share): Commission => ({
      ...commission,
      shares: [...commission.shares, share].sort(byParty),
    });
    const { offerId } = commission;
    const offer = offerId === null ? undefined : (await this.offers.byIds(tx, [offerId])).get(offerId);
    if (!limited(offer)) return joinedBy(contributor);
    const others = sumOf(offeredIn(commission));
    const scopes = this.scopesOf(commission, offer);
    const usage = await this.offers.lockUsage(
      tx,
      scopes.map(({ scope }) => scope),
    );
    const rooms = scopes.flatMap(({ scope, limit }) =>
      limit === null ? [] : [clamp(limit - (usage.get(scope) ?? 0n))],
    );
    // more may be left now than when the order was opened; every later split keeps this cap
    const cap = smallest([...rooms, ...(commission.cap === null ? [] : [clamp(commission.cap - others)])]);
    const joined = joinedBy({ ...contributor, cap });
    const added = sumOf(offeredIn(joined)) - others;
    await this.offers.addUsage(tx, new Map(scopes.map(({ scope }) => [scope, added])));
    return joined;
  }

  /** Limits on the sum of all parties. */
  private scopesOf(commission: Commission, offer: Offer): { scope: string; limit: bigint | null }[] {
    const month = monthKey(commission.postedAt, this.config.zone);
    return [
      { scope: usageScope.total(offer.id), limit: offer.budget },
      { scope: usageScope.month(offer.id, month), limit: offer.capMonth },
    ];
  }

  private dayScope(commission: Commission, offer: Offer, { brand, owner }: Earner): string {
    return usageScope.day(offer.id, dayKey(commission.postedAt, this.config.zone), brand, owner);
  }

  /**
   * Scopes that count the day of the person behind a share. The brand that the share is earned through may know the person by
   * several keys.
   */
  private personScopes(
    commission: Commission,
    offer: Offer,
    share: Share,
    keys: ReadonlyMap<string, string[]>,
  ): string[] {
    const earner = earnerOf(share);
    if (earner === null) return [];
    const owners = keys.get(earnerKey(earner)) ?? [];
    return owners.map((owner) => this.dayScope(commission, offer, { ...earner, owner }));
  }
}

function earnerOf({ owner, through }: Share): Earner | null {
  return through !== null && isPerson(owner) ? { brand: through, owner } : null;
}

/** Caps shares by what the day leaves for each person. Several shares of one person are cut in proportion. */
function cappedByPerson(
  commission: Commission,
  scopesOf: (share: Share) => string[],
  roomOf: (scopes: readonly string[]) => bigint,
): Share[] {
  const amounts = offeredIn(commission);
  const caps = new Map<Party, bigint>();
  const persons = commission.shares
    .map((share) => ({ share, scopes: scopesOf(share) }))
    .filter(({ scopes }) => scopes.length > 0);
  for (const own of groupBy(persons, ({ scopes }) => scopes.join()).values()) {
    const wanted = own.map(({ share }) => amounts.get(share.party) ?? 0n);
    const room = roomOf(own[0]?.scopes ?? []);
    if (wanted.reduce((a, b) => a + b, 0n) <= room) continue;
    largestRemainder(room, wanted).forEach((amount, index) => {
      const party = own[index]?.share.party;
      if (party !== undefined) caps.set(party, amount);
    });
  }
  return commission.shares.map((share) => ({ ...share, cap: caps.get(share.party) ?? null }));
}

function clamp(amount: bigint): bigint {
  return amount < 0n ? 0n : amount;
}

function limited(offer: Offer | undefined): offer is Offer {
  if (offer === undefined) return false;
  return [offer.budget, offer.capOrder, offer.capMonth, offer.capBeneficiaryDay].some((limit) => limit !== null);
}

function smallest(amounts: readonly bigint[]): bigint | null {
  return amounts.reduce<bigint | null>((found, amount) => (found === null || amount < found ? amount : found), null);
}
