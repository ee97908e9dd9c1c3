import fc from 'fast-check';

import { requestHash, uuidv7, uuidv7For } from '#libs/kernel';

import type { Place } from '../src/postings/place.js';
import type { Accrual, Authorization, PostingOutcome } from '../src/postings/posting.js';
import type { PostingsService } from '../src/postings/postings.service.js';
import { DEBT_WRITE_OFF } from '../src/write-offs/debt-write-off.js';
import {
  aCapture,
  aDelivery,
  aGiveBack,
  aLot,
  anAccrual,
  anAuthorization,
  aReversal,
  aTakeBack,
  aTransfer,
  aVoid,
  day,
} from './ledger-fixture.js';
import type { LedgerFixture } from './ledger-fixture.js';
import { ModelWallet } from './ledger-model.js';
import type { ModelAnswer, ModelPart } from './ledger-model.js';

const BRANDS = ['aurora', 'birch', 'crest'];
/** Places by their names in the books. */
const PLACES: Record<string, Place[]> = {
  everywhere: [],
  crest: [{ brand: 'crest', store: null }],
  'birch/s-1 aurora': [
    { brand: 'birch', store: 's-1' },
    { brand: 'aurora', store: null },
  ],
};
const wallet = fc.nat(1);
const brand = fc.constantFrom(...BRANDS);
const points = fc.integer({ min: 1, max: 60 });
const lot = fc.record({
  points,
  /** -1: until the order is delivered. */
  pendingDays: fc.constantFrom(0, 0, 0, 0, 2, 3, -1),
  expiryDays: fc.constantFrom(null, 1, 3, 5, 9, 0),
  campaign: fc.constantFrom(null, 'spring'),
  issuer: fc.option(fc.constantFrom(...BRANDS, 'operator'), { freq: 3 }),
  places: fc.constantFrom('everywhere', 'everywhere', 'everywhere', 'crest', 'birch/s-1 aurora'),
});
const weighted = <T>(weight: number, arbitrary: fc.Arbitrary<T>): { weight: number; arbitrary: fc.Arbitrary<T> } => ({
  weight,
  arbitrary,
});

/** Requests on a wallet; `which` selects among what exists by then. */
export const ask = fc.oneof(
  weighted(
    6,
    fc.record({
      do: fc.constant('order' as const),
      wallet,
      brand,
      lots: fc.array(lot, { minLength: 1, maxLength: 3 }),
      stale: fc.constantFrom(false, false, false, false, true),
    }),
  ),
  weighted(
    2,
    fc.record({
      do: fc.constant('grant' as const),
      wallet,
      brand,
      lots: fc.array(lot, { minLength: 1, maxLength: 1 }),
      stale: fc.constant(false),
    }),
  ),
  weighted(
    6,
    fc.record({
      do: fc.constant('authorize' as const),
      wallet,
      brand,
      store: fc.constantFrom(null, 's-1', 's-2'),
      points,
      ttlDays: fc.integer({ min: 1, max: 4 }),
      atOnce: fc.boolean(),
    }),
  ),
  weighted(
    6,
    fc.record({ do: fc.constant('capture' as const), which: fc.nat(), points: fc.option(points), final: fc.boolean() }),
  ),
  weighted(2, fc.record({ do: fc.constant('void' as const), which: fc.nat() })),
  weighted(4, fc.record({ do: fc.constant('giveBack' as const), which: fc.nat(), points })),
  weighted(
    4,
    fc.record({
      do: fc.constant('reverse' as const),
      which: fc.nat(),
      share: fc.integer({ min: 1, max: 4 }),
      stale: fc.constantFrom(false, false, false, true),
    }),
  ),
  weighted(2, fc.record({ do: fc.constant('takeBack' as const), which: fc.nat(), points })),
  weighted(4, fc.record({ do: fc.constant('transfer' as const), wallet, brand, points })),
);
/** Criteria that come before the expiry of points in a spend. */
export const prefers = fc.constantFrom([], ['limited'], ['own'], ['limited', 'own'], ['own', 'limited']);
export const deliver = fc.record({
  do: fc.constant('deliver' as const),
  which: fc.nat(),
  lateDays: fc.constantFrom(0, 0, 1, 4),
});
export const writeOff = fc.record({ do: fc.constant('writeOff' as const), wallet, brand });
type Step = typeof ask | typeof deliver | typeof writeOff extends fc.Arbitrary<infer T> ? T : never;

/** One call of the ledger core, and the same call of the model. */
export interface Call {
  readonly wallet: number;
  /** The other wallet, for a call on two. */
  readonly other?: number;
  /** The origin of the points it takes back. */
  readonly takes?: string;
  send(postings: PostingsService): Promise<PostingOutcome>;
  /** Reads what only the books decide, before the model plays. */
  learn?(): Promise<void>;
  play(model: ModelWallet): ModelAnswer;
  /** Records what later steps may refer to. */
  done?(): void;
}

interface Given {
  readonly op: Accrual;
  readonly wallet: number;
  version: number;
  readonly left: Map<string, number>;
}

/** Two wallets, in the database and in the model, and the history of their operations. */
export class Script {
  today = 0;
  readonly wallets = [uuidv7(), uuidv7()].map((id) => ({ id, model: new ModelWallet() }));
  private readonly orders: Given[] = [];
  private readonly grants: Given[] = [];
  private readonly holds: { op: Authorization; wallet: number }[] = [];

  constructor(
    private readonly ledger: LedgerFixture,
    private readonly prefers: readonly string[],
  ) {}

  model(wallet: number): ModelWallet {
    return this.at(this.wallets, wallet).model;
  }

  /** Whether points of the origin have expired. Taking them back may then move nothing, and no posting shows its position. */
  ended({ wallet, takes }: Call): boolean {
    const now = day(this.today).getTime();
    return this.model(wallet).lots.some((l) => l.origin === takes && l.expiresAt !== null && l.expiresAt <= now);
  }

  /** Null if nothing exists yet that the step could refer to. */
  call(s: Step): Call | null {
    const now = day(this.today);
    const ms = now.getTime();
    switch (s.do) {
      case 'order':
      case 'grant': {
        const lots = s.lots.map((l) =>
          aLot(l.points, {
            availableFrom: l.pendingDays > 0 ? day(this.today + l.pendingDays) : null,
            untilDelivered: l.pendingDays < 0 && s.do === 'order',
            expiresAt: l.expiryDays === null ? null : day(this.today + l.expiryDays),
            campaign: l.campaign,
            ...(l.places === 'everywhere' ? {} : { places: PLACES[l.places] ?? [] }),
            ...(l.issuer === null || s.do === 'grant' ? {} : { issuer: l.issuer }),
          }),
        );
        const order = anAccrual(this.at(this.wallets, s.wallet).id, s.brand, lots, now);
        const op: Accrual =
          s.do === 'order'
            ? { ...order, ...(s.stale ? { expectedWalletVersion: 1_000_000n } : {}) }
            : { ...order, kind: 'grant', purchase: undefined, originId: undefined };
        const modelLots = order.lots.map((l, n) => ({
          id: l.id,
          issuer: l.terms.brand,
          points: Number(l.points),
          availableFrom: l.availableFrom?.getTime() ?? null,
          untilDelivered: l.untilDelivered ?? false,
          expiresAt: l.expiresAt?.getTime() ?? null,
          campaign: l.campaign,
          places: l.places === undefined ? null : (s.lots[n]?.places.split(' ') ?? []),
        }));
        const left = new Map<string, number>();
        for (const l of modelLots) left.set(l.issuer, (left.get(l.issuer) ?? 0) + l.points);
        return {
          wallet: s.wallet,
          send: (postings) => postings.accrue(op),
          play: (model) => model.accrue(ms, op.id, modelLots, s.stale),
          done: () => (s.do === 'order' ? this.orders : this.grants).push({ op, wallet: s.wallet, version: 0, left }),
        };
      }
      case 'authorize': {
        const op = anAuthorization(this.at(this.wallets, s.wallet).id, s.brand, s.points, now, {
          expiresAt: day(this.today + s.ttlDays),
          captureAtOnce: s.atOnce,
          store: s.store,
        });
        return {
          wallet: s.wallet,
          send: (postings) => postings.authorize(op),
          play: (model) =>
            model.authorize(ms, op.id, s.points, op.expiresAt.getTime(), s.atOnce, {
              brand: s.brand,
              store: s.store,
              prefers: this.prefers,
            }),
          done: () => this.holds.push({ op, wallet: s.wallet }),
        };
      }
      case 'capture': {
        const hold = this.pick(this.holds, s.which);
        if (hold === null) return null;
        const op = aCapture(hold.op, s.points, s.final, now);
        return {
          wallet: hold.wallet,
          send: (postings) => postings.capture(op),
          play: (model) => model.capture(ms, hold.op.id, s.points, s.final),
        };
      }
      case 'void': {
        const hold = this.pick(this.holds, s.which);
        if (hold === null) return null;
        const op = aVoid(hold.op, now);
        return {
          wallet: hold.wallet,
          send: (postings) => postings.voidHold(op),
          play: (model) => model.void(ms, hold.op.id),
        };
      }
      case 'giveBack': {
        const hold = this.pick(this.holds, s.which);
        if (hold === null) return null;
        const op = aGiveBack(hold.op, s.points, now);
        return {
          wallet: hold.wallet,
          send: (postings) => postings.returnRedemption(op),
          play: (model) => model.giveBack(ms, hold.op.id, s.points),
        };
      }
      case 'reverse': {
        const order = this.pick(this.orders, s.which);
        if (order === null) return null;
        // a version that no return of the script reaches
        const version = s.stale ? 1_000 : order.version;
        const parts: ModelPart[] = [...order.left]
          .map(([issuer, left]) => ({ issuer, points: Math.floor((left * s.share) / 4) }))
          .filter((part) => part.points > 0);
        if (parts.length === 0) return null;
        const op = aReversal(order.op, version, parts, now);
        return {
          wallet: order.wallet,
          takes: order.op.id,
          send: (postings) => postings.reverse(op),
          play: (model) => model.reverse(ms, order.op.id, version, parts),
          done: () => {
            order.version += 1;
            for (const part of parts) order.left.set(part.issuer, (order.left.get(part.issuer) ?? 0) - part.points);
          },
        };
      }
      case 'takeBack': {
        const grant = this.pick(this.grants, s.which);
        if (grant === null) return null;
        const op = aTakeBack(grant.op, s.points, now);
        return {
          wallet: grant.wallet,
          takes: grant.op.id,
          send: (postings) => postings.takeBack(op),
          play: (model) => model.takeBack(ms, grant.op.id, { issuer: grant.op.issuer, points: s.points }),
        };
      }
      case 'writeOff': {
        const { id, model } = this.at(this.wallets, s.wallet);
        model.settle(ms);
        const owed = model.debts.filter(({ issuer }) => issuer === s.brand).reduce((sum, debt) => sum + debt.points, 0);
        if (owed === 0) return null;
        const lots = [aLot(owed, { reason: DEBT_WRITE_OFF, expiresAt: null })];
        const op: Accrual = {
          ...anAccrual(id, s.brand, lots, now),
          kind: 'grant',
          purchase: undefined,
          originId: undefined,
        };
        return {
          wallet: s.wallet,
          send: (postings) => postings.accrue(op),
          play: (played) => played.writeOff(ms, s.brand),
        };
      }
      case 'transfer': {
        const [from, to] = [this.at(this.wallets, s.wallet), this.at(this.wallets, 1 - s.wallet)];
        const op = aTransfer(from.id, to.id, s.points, now, { brand: s.brand });
        const names = new Map<string, string>();
        return {
          wallet: s.wallet,
          other: 1 - s.wallet,
          send: (postings) => postings.transfer(op),
          learn: async () => {
            const { rows } = await this.ledger.owner.query<{ old: string; new: string }>(
              `select a.lot_id as old, a.other_lot_id as new from allocation a join posting p using (wallet_id, wallet_version)
               where p.wallet_id = $1 and p.order_id = $2`,
              [from.id, op.id],
            );
            for (const row of rows) names.set(row.old, row.new);
          },
          play: (model) => model.transfer(ms, op.id, s.points, to.model, this.prefers, names),
        };
      }
      case 'deliver': {
        const order = this.pick(this.orders, s.which);
        if (order === null) return null;
        const op = aDelivery(order.op, now, s.lateDays);
        return {
          wallet: order.wallet,
          send: (postings) => postings.deliver(op),
          play: (model) => model.deliver(ms, order.op.id, s.lateDays),
        };
      }
    }
  }

  /** Early expiry by the operator, in the database and in the model. */
  async close(wallet: number, issuer: string, campaign: string | null): Promise<void> {
    const { id, model } = this.at(this.wallets, wallet);
    const now = day(this.today);
    const key = { id: uuidv7For(id), brand: '*', externalId: uuidv7(), requestHash: requestHash('x'), result: {} };
    const first = await this.ledger.postings.expire({ ...key, issuer, campaign, walletId: id, reason: 'closed', now });
    expect(Number(first.detail.points)).toBe(model.close(now.getTime(), issuer, campaign));
  }

  /** Compares the stored lots and debts with the model, once no work is due. */
  async compare(): Promise<void> {
    const now = day(this.today);
    while ((await this.ledger.postings.settleDue(now, 50)).done > 0);
    for (const { id, model } of this.wallets) {
      model.settle(now.getTime());
      const { rows } = await this.ledger.owner.query<StoredLot>(
        `select l.id, l.issuer, remaining, held, pending, debt, earned_at from lot l where l.wallet_id = $1 and open`,
        [id],
      );
      expect(
        sorted(rows.filter((r) => !r.debt).map((r) => [r.id, Number(r.remaining), Number(r.held), r.pending])),
      ).toEqual(
        sorted(model.lots.filter((l) => l.remaining + l.held > 0).map((l) => [l.id, l.remaining, l.held, l.pending])),
      );
      expect(
        totals(rows.filter((r) => r.debt).map((r) => [r.issuer, r.earned_at.getTime(), Number(r.remaining)])),
      ).toEqual(totals(model.debts.map(({ issuer, since, points: owed }) => [issuer, since, owed])));
    }
  }

  private at<T>(list: readonly T[], n: number): T {
    const found = list[n];
    if (found === undefined) throw new Error(`there is no number ${n}`);
    return found;
  }

  private pick<T>(list: readonly T[], n: number): T | null {
    return list[n % list.length] ?? null;
  }
}

interface StoredLot {
  id: string;
  issuer: string;
  remaining: bigint;
  held: bigint;
  pending: boolean;
  debt: boolean;
  earned_at: Date;
}

const sorted = (rows: unknown[][]): unknown[][] => rows.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));

/** Debts to one issuer that arose at the same instant count as one. */
function totals(debts: [issuer: string, since: number, points: number][]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const [issuer, since, owed] of debts) {
    if (owed > 0) all[`${issuer} ${since}`] = (all[`${issuer} ${since}`] ?? 0) + owed;
  }
  return all;
}

/** An outcome in the form of the model. */
export function plain(outcome: PostingOutcome): ModelAnswer {
  const { verdict, code, limit, numbers, detail } = outcome;
  const found =
    detail.expired === undefined
      ? null
      : detail.toDebt === undefined
        ? { points: detail.points, expired: detail.expired }
        : { fromPending: detail.fromPending, expired: detail.expired, toDebt: detail.toDebt };
  return {
    verdict,
    code,
    limit: limit === null ? null : Number(limit),
    numbers: {
      available: Number(numbers.available),
      held: Number(numbers.held),
      pending: Number(numbers.pending),
      debt: Number(numbers.debt),
      balance: Number(numbers.balance),
    },
    found: found && Object.fromEntries(Object.entries(found).map(([what, moved]) => [what, Number(moved)])),
  };
}
