import fc from 'fast-check';
import { requestHash, uuidv7, uuidv7For } from '#libs/kernel';
import {
  aCapture,
  aGiveBack,
  aLot,
  anAccrual,
  anAuthorization,
  aVoid,
  day,
  LedgerFixture,
} from '../../test/ledger-fixture.js';
import { ModelWallet } from '../../test/ledger-model.js';
import type { ModelAnswer } from '../../test/ledger-model.js';
import type { Accrual, Authorization, PostingOutcome } from './posting.js';

const BRANDS = ['aurora', 'birch', 'crest'];
const wallet = fc.nat(1);
const brand = fc.constantFrom(...BRANDS);
const points = fc.integer({ min: 1, max: 60 });
const lot = fc.record({
  points,
  pendingDays: fc.constantFrom(0, 0, 0, 2),
  expiryDays: fc.constantFrom(null, 1, 3, 5, 9, 0),
  campaign: fc.constantFrom(null, 'spring'),
});

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('accrue' as const), wallet, brand, lots: fc.array(lot, { maxLength: 3 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('authorize' as const),
      wallet,
      brand,
      points,
      ttlDays: fc.integer({ min: 1, max: 4 }),
      atOnce: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('capture' as const),
      which: fc.nat(),
      points: fc.option(points),
      final: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('void' as const), which: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('giveBack' as const), which: fc.nat(), points }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('reverse' as const),
      which: fc.nat(),
      share: fc.integer({ min: 0, max: 4 }),
      stale: fc.constantFrom(false, false, false, true),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('tick' as const), days: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('due' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('close' as const),
      wallet,
      brand,
      campaign: fc.constantFrom(null, 'spring'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('again' as const), which: fc.nat() }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function plain(outcome: PostingOutcome): ModelAnswer {
  const { numbers } = outcome;
  return {
    verdict: outcome.verdict,
    code: outcome.code,
    limit: outcome.limit === null ? null : Number(outcome.limit),
    numbers: {
      available: Number(numbers.available),
      held: Number(numbers.held),
      pending: Number(numbers.pending),
      debt: Number(numbers.debt),
      balance: Number(numbers.balance),
    },
  };
}

/** One run: the same steps against the model and the database, answer by answer, then lot by lot. */
class Run {
  private today = 0;
  private readonly wallets = [uuidv7(), uuidv7()].map((id) => ({ id, model: new ModelWallet() }));
  private readonly orders: { op: Accrual; wallet: number; left: number; version: number }[] = [];
  private readonly holds: { op: Authorization; wallet: number }[] = [];
  private readonly done: { repeat: () => Promise<PostingOutcome>; first: PostingOutcome }[] = [];

  constructor(private readonly ledger: LedgerFixture) {}

  async take(s: Step): Promise<void> {
    const { postings } = this.ledger;
    const now = day(this.today);
    const ms = now.getTime();
    switch (s.do) {
      case 'tick':
        this.today += s.days;
        return;
      case 'accrue': {
        const lots = s.lots.map((l) =>
          aLot(l.points, {
            availableFrom: l.pendingDays === 0 ? null : day(this.today + l.pendingDays),
            expiresAt: l.expiryDays === null ? null : day(this.today + l.expiryDays),
            campaign: l.campaign,
          }),
        );
        const { id, model } = this.wallet(s.wallet);
        const op = anAccrual(id, s.brand, lots, now);
        await this.same(
          () => postings.accrue(op),
          model.accrue(
            ms,
            op.id,
            s.brand,
            op.lots.map((l) => ({
              ...l,
              points: Number(l.points),
              availableFrom: l.availableFrom?.getTime() ?? null,
              expiresAt: l.expiresAt?.getTime() ?? null,
            })),
          ),
        );
        this.orders.push({ op, wallet: s.wallet, left: s.lots.reduce((sum, l) => sum + l.points, 0), version: 0 });
        return;
      }
      case 'authorize': {
        const { id, model } = this.wallet(s.wallet);
        const op = anAuthorization(id, s.brand, s.points, now, {
          expiresAt: day(this.today + s.ttlDays),
          captureAtOnce: s.atOnce,
        });
        const answer = model.authorize(ms, op.id, s.points, op.expiresAt.getTime(), s.atOnce);
        await this.same(() => postings.authorize(op), answer);
        if (answer.verdict === 'created') this.holds.push({ op, wallet: s.wallet });
        return;
      }
      case 'capture': {
        const hold = this.pick(this.holds, s.which);
        if (hold === undefined) return;
        const op = aCapture(hold.op, s.points, s.final, now);
        await this.same(
          () => postings.capture(op),
          this.wallet(hold.wallet).model.capture(ms, hold.op.id, s.points, s.final),
        );
        return;
      }
      case 'void': {
        const hold = this.pick(this.holds, s.which);
        if (hold === undefined) return;
        const op = aVoid(hold.op, now);
        await this.same(() => postings.voidHold(op), this.wallet(hold.wallet).model.void(ms, hold.op.id));
        return;
      }
      case 'giveBack': {
        const hold = this.pick(this.holds, s.which);
        if (hold === undefined) return;
        const op = aGiveBack(hold.op, s.points, now);
        await this.same(
          () => postings.returnRedemption(op),
          this.wallet(hold.wallet).model.giveBack(ms, hold.op.id, s.points),
        );
        return;
      }
      case 'reverse': {
        const order = this.pick(this.orders, s.which);
        if (order === undefined) return;
        await this.reverse(order, Math.floor((order.left * s.share) / 4), order.version + (s.stale ? 1 : 0));
        return;
      }
      case 'due':
        await this.due(now);
        return;
      case 'close': {
        const { id, model } = this.wallet(s.wallet);
        const op = {
          id: uuidv7For(id),
          brand: '*',
          externalId: uuidv7(),
          requestHash: requestHash('x'),
          result: {},
          reason: 'closed',
          now,
        };
        const first = await postings.expire({ ...op, issuer: s.brand, campaign: s.campaign, walletId: id });
        expect(Number(first.detail.points)).toBe(model.close(ms, s.brand, s.campaign));
        return;
      }
      case 'again': {
        const known = this.pick(this.done, s.which);
        if (known === undefined) return;
        const again = await known.repeat();
        expect(again).toEqual({ ...known.first, replayed: true });
        return;
      }
    }
  }

  /** Lots and numbers as stored, against the model. */
  async compare(): Promise<void> {
    await this.due(day(this.today));
    for (const { id, model } of this.wallets) {
      const { rows } = await this.ledger.owner.query<{ id: string; remaining: bigint; held: bigint; pending: boolean }>(
        'select l.id, remaining, held, pending from lot l join account a on a.id = l.wallet_account where a.wallet_id = $1',
        [id],
      );
      const stored = rows
        .filter((r) => r.remaining + r.held > 0n)
        .map((r) => [r.id, Number(r.remaining), Number(r.held), r.pending]);
      const expected = model.lots
        .filter((l) => l.remaining + l.held > 0)
        .map((l) => [l.id, l.remaining, l.held, l.pending]);
      expect(stored.sort()).toEqual(expected.sort());
    }
  }

  private async reverse(order: Run['orders'][number], amount: number, version: number): Promise<void> {
    const { op } = order;
    const now = day(this.today);
    const { model } = this.wallet(order.wallet);
    const externalId = uuidv7();
    const reversal = {
      brand: op.brand,
      externalId,
      requestHash: requestHash(externalId),
      result: {},
      walletId: op.walletId,
      postedAt: now,
      occurredAt: now,
      id: uuidv7For(op.walletId),
      purchaseId: op.id,
      memberRef: op.memberRef,
      store: null,
      expectedReturnVersion: version,
      returned: {},
      points: BigInt(amount),
    };
    const first = await this.ledger.postings.reverse(reversal);
    const debtLot = await this.ledger.value<string | undefined>(
      `select l.id from lot l where l.debt and l.posting_id = $1`,
      [first.postingId],
    );
    const expected = model.reverse(now.getTime(), op.id, op.issuer, version, amount, debtLot ?? 'no debt');
    expect(plain(first)).toEqual(expected);
    if (first.verdict === 'stale') return;
    order.left -= amount;
    order.version += 1;
    this.done.push({ repeat: () => this.ledger.postings.reverse(reversal), first });
  }

  private async due(now: Date): Promise<void> {
    const { postings } = this.ledger;
    while ((await postings.releasePending(now, 50)).postings > 0);
    while ((await postings.expireHolds(now, 50)).postings > 0);
    while ((await postings.sweepExpired(now, 50)).postings > 0);
    for (const { model } of this.wallets) {
      model.releasePending(now.getTime());
      model.expireHolds(now.getTime());
      model.sweep(now.getTime());
    }
  }

  private async same(post: () => Promise<PostingOutcome>, expected: ModelAnswer): Promise<void> {
    const first = await post();
    expect(plain(first)).toEqual(expected);
    expect(first.replayed).toBe(false);
    this.done.push({ repeat: post, first });
  }

  private wallet(n: number): Run['wallets'][number] {
    const found = this.wallets[n];
    if (found === undefined) throw new Error(`no wallet ${n}`);
    return found;
  }

  private pick<T>(list: readonly T[], n: number): T | undefined {
    return list.length === 0 ? undefined : list[n % list.length];
  }
}

describe('the ledger core against a model', () => {
  let ledger: LedgerFixture;
  beforeAll(async () => {
    ledger = await LedgerFixture.open();
  }, 120_000);
  afterAll(() => ledger.close());

  it('answers and keeps the books as the model does, whatever is asked in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const run = new Run(ledger);
        for (const s of steps) await run.take(s);
        await run.compare();
        await ledger.expectInvariants();
      }),
      {
        numRuns: Number(process.env['LEDGER_RUNS'] ?? 40),
        interruptAfterTimeLimit: 100_000,
        markInterruptAsFailure: false,
      },
    );
  }, 150_000);
});
