import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CommissionPostedSchema, RebateDueSchema, TOPICS } from '#libs/contracts';
import { CONFIG } from '#libs/http';
import { dayKey, uuidFromDigest, uuidFromText } from '#libs/kernel';
import { Outbox } from '#libs/messaging';
import { ReaderKey } from '#libs/postgres';
import type { ReferralsConfig } from '../referrals.config.js';
import { sumOf } from '../splits/split.js';
import type { Amounts } from '../splits/split.js';
import { PROMOTED, settledAtOnce, targetOf } from '../commissions/commission.js';
import type { Commission, Share } from '../commissions/commission.js';
import { LimitsService } from './limits.service.js';
import { PostingsRepository } from './postings.repository.js';
import type { Leg } from './postings.tables.js';

interface Entry {
  readonly id: string;
  readonly occurredAt: Date;
  readonly postedAt: Date;
}

/** Posts splits and their differences: legs, and the events for settlement and ledger. */
@Injectable()
export class PostingsService {
  constructor(
    @Inject(CONFIG) private readonly config: ReferralsConfig,
    private readonly repository: PostingsRepository,
    private readonly limits: LimitsService,
    private readonly outbox: Outbox,
    private readonly key: ReaderKey,
  ) {}

  /** Legs of these commissions, in the order in which they were posted. */
  legsOf(tx: EntityManager, ids: readonly string[]): Promise<Leg[]> {
    return this.repository.legsOf(tx, ids);
  }

  /** Posts the first entry of commissions that hold nothing yet. Caps cut here, given the current usage of their offers. */
  async open(tx: EntityManager, commissions: readonly Commission[]): Promise<Commission[]> {
    if (commissions.length === 0) return [];
    const capped = await this.limits.cut(tx, commissions);
    const opened = capped.map((commission) => {
      const target = targetOf(commission);
      const entry = {
        id: this.entryId('order', commission.orderId),
        occurredAt: commission.occurredAt,
        postedAt: commission.postedAt,
      };
      return {
        commission: { ...commission, used: sumOf(target) },
        legs: this.newLegs(commission, target, entry, []),
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

  /** Posts the reversal of a refund: the difference between holdings before and after. */
  reduce(
    tx: EntityManager,
    before: Commission,
    after: Commission,
    { returnId, ...times }: { returnId: string; occurredAt: Date; postedAt: Date },
  ): Promise<void> {
    return this.takeBack(tx, before, after, { id: this.entryId('return', returnId), ...times });
  }

  /** Reverses all postings of a suspected commission. Nobody can have taken anything from it. */
  cancel(tx: EntityManager, commission: Commission, now: Date): Promise<void> {
    const shares = commission.shares.map((share) => ({ ...share, held: 0n }));
    const nothing = { ...commission, remaining: 0n, restRemaining: 0n, shares };
    const entry = { id: this.entryId('verdict', commission.id), occurredAt: commission.occurredAt, postedAt: now };
    return this.takeBack(tx, commission, nothing, entry);
  }

  /**
   * Derives the id of an entry from its cause, so nothing is posted twice. The id is keyed: sellers see it, and it contains internal
   * ids that brands must not be able to compute.
   */
  private entryId(cause: 'order' | 'return' | 'binding' | 'verdict' | 'told', id: string): string {
    return uuidFromDigest(this.key.of(`commission ${cause} ${id}`));
  }

  private async takeBack(tx: EntityManager, before: Commission, after: Commission, entry: Entry): Promise<void> {
    const back: Amounts = new Map(
      after.shares.map(({ party, held }, i) => [party, held - (before.shares[i]?.held ?? 0n)]),
    );
    if (sumOf(back) === 0n) return;
    const earlier = await this.repository.legsOf(tx, [before.id]);
    await this.write(tx, [{ commission: after, legs: this.newLegs(after, back, entry, earlier), entry }]);
    await this.limits.free(tx, before, after);
  }

  /** Adds a late contributor: the share of what remains, within the limits of the offer. */
  async join(tx: EntityManager, commission: Commission, contributor: Share, now: Date): Promise<void> {
    const joined = await this.limits.join(tx, commission, contributor);
    const share = targetOf(joined).get('contributor') ?? 0n;
    // largest remainders can give a party a fen more of less: cap at what the first split left of the pool
    const left = commission.pool - commission.used;
    const amount = share < left ? share : left;
    const entry = { id: this.entryId('binding', commission.orderId), occurredAt: commission.occurredAt, postedAt: now };
    const legs = this.newLegs(joined, new Map([['contributor', amount]]), entry, []);
    await this.repository.joined(tx, { ...joined, used: commission.used + amount });
    await this.write(tx, [{ commission: joined, legs, entry }]);
  }

  /**
   * Sends settlement a promoting brand's holdings of these orders, all as of one time; it has received none of them before. Later
   * refunds are sent immediately.
   */
  async settle(tx: EntityManager, orderIds: readonly string[], owner: string, at: Date): Promise<void> {
    const commissions = await this.repository.lockByOrder(tx, orderIds);
    const legs = await this.repository.legsOf(
      tx,
      commissions.map(({ id }) => id),
    );
    const first = new Map(
      legs.filter(({ amount }) => amount > 0n).map((leg) => [`${leg.commissionId} ${leg.party}`, leg]),
    );
    const told = commissions.flatMap((commission) =>
      commission.shares.flatMap(({ party, owner: of, held }) => {
        const name = `${commission.id} ${party}`;
        const leg = first.get(name);
        if (of !== owner || !PROMOTED.has(party) || leg === undefined || held === 0n) return [];
        const entry = { id: this.entryId('told', name), occurredAt: commission.occurredAt, postedAt: at };
        return [{ commission, entry, leg: { ...leg, amount: held } }];
      }),
    );
    await this.repository.insertTold(
      tx,
      told.map(({ entry, leg }) => ({ ...leg, entryId: entry.id, postedAt: entry.postedAt })),
    );
    await this.outbox.addAll<typeof CommissionPostedSchema>(
      tx,
      told.map(({ commission, entry, leg }) => postedEvent(commission, [leg], entry)),
    );
  }

  private newLegs(commission: Commission, amounts: Amounts, entry: Entry, earlier: readonly Leg[]): Leg[] {
    return commission.shares.flatMap(({ party, owner, payee, told }): Leg[] => {
      const amount = amounts.get(party) ?? 0n;
      if (amount === 0n) return [];
      const id = uuidFromText(`leg ${entry.id} ${party}`);
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
          settled: settledAtOnce({ payee, told }),
        },
      ];
    });
  }

  private async write(
    tx: EntityManager,
    posted: readonly { commission: Commission; legs: readonly Leg[]; entry: Entry }[],
  ): Promise<void> {
    await this.repository.insert(
      tx,
      posted.flatMap(({ legs }) => legs),
    );
    await this.outbox.addAll<typeof CommissionPostedSchema | typeof RebateDueSchema>(
      tx,
      posted.flatMap(({ commission, legs, entry }) => {
        const rebate = legs.find(({ party }) => party === 'memberRebate');
        const settled = legs.filter((leg) => leg.settled);
        return [
          ...(settled.length === 0 ? [] : [postedEvent(commission, settled, entry)]),
          // a point of rebate is worth one minor unit
          ...(rebate === undefined
            ? []
            : [
                {
                  id: rebate.id,
                  topic: TOPICS.rewards,
                  key: commission.walletId,
                  schema: RebateDueSchema,
                  body: { ...commonOf(commission, entry), points: rebate.amount },
                },
              ]),
        ];
      }),
    );
  }
}

function commonOf(commission: Commission, entry: Entry) {
  return {
    entryId: entry.id,
    orderId: commission.orderId,
    orderExternalId: commission.orderExternalId,
    seller: commission.brand,
    walletId: commission.walletId,
    occurredAt: timestampFromDate(entry.occurredAt),
  };
}

function postedEvent(commission: Commission, legs: readonly Leg[], entry: Entry) {
  return {
    id: entry.id,
    topic: TOPICS.commissions,
    key: commission.orderId,
    schema: CommissionPostedSchema,
    body: {
      ...commonOf(commission, entry),
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
  };
}
