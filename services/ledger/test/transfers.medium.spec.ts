import { fromBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';

import { PostingKind, PostingRecordedSchema } from '#libs/contracts';
import type { PostingRecorded } from '#libs/contracts';
import { uuidv7, uuidv7For } from '#libs/kernel';

import { PostingEventsSource } from '../src/postings/posting-events.source.js';
import type { PostingOutcome } from '../src/postings/posting.js';
import { PostingsService } from '../src/postings/postings.service.js';
import { aLot, anAccrual, anAuthorization, aTransfer, day, LedgerFixture, someTerms } from './ledger-fixture.js';
import { readAll } from './ledger-under-test.js';

interface LotRow {
  issuer: string;
  remaining: bigint;
  expires_at: Date | null;
  earned_at: Date;
  places: string[] | null;
  debt: boolean;
  reference: string | null;
  member_ref: string | null;
  price: bigint;
}

describe('points transferred from one wallet to another', () => {
  let ledger: LedgerFixture;
  beforeAll(async () => {
    ledger = await LedgerFixture.open();
  }, 120_000);
  afterAll(() => ledger.close());

  const lotsOf = async (wallet: string): Promise<LotRow[]> => {
    const { rows } = await ledger.owner.query<LotRow>(
      `select issuer, remaining, expires_at, earned_at, places, debt, reference, member_ref, accrual_micro as price
       from lot l join contract_terms t on t.id = l.terms_id where wallet_id = $1 and open order by expires_at, issuer`,
      [wallet],
    );
    return rows;
  };
  const eventsOf = async (wallet: string): Promise<PostingRecorded[]> =>
    (await readAll(ledger.db.databaseUrl, new PostingEventsSource()))
      .filter(({ key }) => key === wallet)
      .map(({ value }) => fromBinary(PostingRecordedSchema, value ?? new Uint8Array()));
  const balance = async (wallet: string): Promise<number> =>
    Number(await ledger.value<bigint>('select posted from wallet where wallet_id = $1', [wallet]));

  it('keep issuer, terms, date of issue, expiry and places, in the order a spend would take them', async () => {
    const [from, to] = [uuidv7(), uuidv7()];
    const dear = someTerms('aurora', { version: 2, accrualPrice: '1.30' });
    await ledger.postings.accrue(
      anAccrual(from, 'aurora', [
        aLot(40, { expiresAt: day(20), terms: dear, campaign: 'spring' }),
        aLot(50, { expiresAt: day(10), issuer: 'birch', places: [{ brand: 'crest', store: null }] }),
        aLot(30, { expiresAt: null }),
      ]),
    );
    const op = aTransfer(from, to, 75, day(3));
    const outcome = await ledger.postings.transfer(op);
    expect(outcome).toMatchObject({
      verdict: 'created',
      replayed: false,
      numbers: { available: 45n, balance: 45n },
      detail: { points: 75n },
      subjectId: op.id,
    });
    expect(await ledger.postings.transfer(op)).toEqual({ ...outcome, replayed: true });
    expect(await lotsOf(from)).toMatchObject([
      { issuer: 'aurora', remaining: 15n, expires_at: day(20) },
      { issuer: 'aurora', remaining: 30n, expires_at: null },
    ]);
    expect(await lotsOf(to)).toMatchObject([
      { issuer: 'birch', remaining: 50n, expires_at: day(10), earned_at: day(0), places: ['crest'], price: 1_050_000n },
      { issuer: 'aurora', remaining: 25n, expires_at: day(20), earned_at: day(0), places: null, price: 1_300_000n },
    ]);
  });

  it('show both sides in the events of both', async () => {
    const [from, to] = [uuidv7(), uuidv7()];
    const lot = aLot(40, {
      expiresAt: day(20),
      campaign: 'spring',
      terms: someTerms('aurora', { accrualPrice: '1.30' }),
    });
    await ledger.postings.accrue(anAccrual(from, 'aurora', [lot]));
    const op = aTransfer(from, to, 15, day(3));
    await ledger.postings.transfer(op);
    const [, out] = await eventsOf(from);
    const [into] = await eventsOf(to);
    expect(out).toMatchObject({ kind: PostingKind.TRANSFER_OUT, points: 15n, otherWalletId: to, orderId: op.id });
    expect(into).toMatchObject({ kind: PostingKind.TRANSFER_IN, points: 15n, otherWalletId: from, orderId: op.id });
    const [gone] = out?.movements ?? [];
    const [come] = into?.movements ?? [];
    expect(gone).toMatchObject({ points: -15n, issuer: 'aurora', otherLotId: come?.lotId });
    expect(come).toMatchObject({ points: 15n, issuer: 'aurora', otherLotId: gone?.lotId, campaign: 'spring' });
    expect(come?.terms).toEqual(gone?.terms);
    expect(come?.terms?.accrualPrice).toBe('1.30');
    expect([come?.earnedAt, come?.expiresAt].map((at) => at && timestampDate(at))).toEqual([day(0), day(20)]);
  });

  it('show no issuer another brand’s memberRef or reference of the transfer', async () => {
    const [from, to] = [uuidv7(), uuidv7()];
    await ledger.postings.accrue(
      anAccrual(from, 'aurora', [aLot(10, { expiresAt: day(10) }), aLot(10, { expiresAt: day(20), issuer: 'birch' })]),
    );
    const op = aTransfer(from, to, 20, day(1));
    await ledger.postings.transfer(op);
    expect(await lotsOf(to)).toMatchObject([
      { issuer: 'aurora', reference: op.externalId, member_ref: 'mb_to' },
      { issuer: 'birch', reference: null, member_ref: null },
    ]);
  });

  it('meet the debts of the receiving wallet', async () => {
    const [from, to] = [uuidv7(), uuidv7()];
    const bought = anAccrual(to, 'aurora', [aLot(30)]);
    await ledger.postings.accrue(bought);
    await ledger.postings.authorize(anAuthorization(to, 'crest', 30, day(0), { captureAtOnce: true }));
    await ledger.postings.reverse({
      ...aTransfer(to, from, 1),
      id: uuidv7For(to),
      purchaseId: bought.id,
      store: null,
      expectedReturnVersion: 0,
      returned: {},
      points: 30n,
    });
    expect(await balance(to)).toBe(-30);
    await ledger.postings.accrue(anAccrual(from, 'aurora', [aLot(50)]));
    await ledger.postings.transfer(aTransfer(from, to, 50, day(1)));
    expect(await balance(to)).toBe(20);
    expect(await lotsOf(to)).toMatchObject([{ issuer: 'aurora', remaining: 20n, debt: false }]);
  });

  it('are limited to what can be spent and what the other wallet can hold', async () => {
    const [from, to] = [uuidv7(), uuidv7()];
    const whole = Number.MAX_SAFE_INTEGER;
    await ledger.postings.accrue(anAccrual(from, 'aurora', [aLot(50), aLot(50, { availableFrom: day(9) })]));
    await ledger.postings.authorize(anAuthorization(from, 'crest', 20));
    const short = aTransfer(from, to, 31, day(1));
    const refused = await ledger.postings.transfer(short);
    expect(refused).toMatchObject({ verdict: 'declined', code: 'points_insufficient', limit: 30n });
    expect(await ledger.postings.transfer(short)).toEqual({ ...refused, replayed: true });
    await ledger.postings.accrue(anAccrual(to, 'birch', [aLot(whole - 10)]));
    expect(await ledger.postings.transfer(aTransfer(from, to, 11, day(1)))).toMatchObject({
      verdict: 'declined',
      code: 'wallet_limit_exceeded',
      limit: 10n,
    });
    expect(await ledger.postings.transfer(aTransfer(from, to, 10, day(1)))).toMatchObject({ verdict: 'created' });
    expect([await balance(from), await balance(to)]).toEqual([40, whole]);
  });

  it('are refused for a key used for something else, and within one wallet', async () => {
    const [from, to, third] = [uuidv7(), uuidv7(), uuidv7()];
    await ledger.postings.accrue(anAccrual(from, 'aurora', [aLot(50)]));
    const op = aTransfer(from, to, 5);
    await ledger.postings.transfer(op);
    await expect(ledger.postings.transfer({ ...op, requestHash: Buffer.alloc(16) })).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
    await expect(
      ledger.postings.transfer({ ...op, walletId: third, id: uuidv7For(third), toWalletId: to }),
    ).rejects.toMatchObject({ code: 'idempotency_conflict' });
    await expect(ledger.postings.transfer(aTransfer(from, from, 5))).rejects.toThrow('two wallets');
  });

  it('move among many wallets in parallel, from two processes, and none is lost, created or locked', async () => {
    const wallets = Array.from({ length: 6 }, () => uuidv7());
    const at = (n: number): string => wallets[n % wallets.length] ?? '';
    await Promise.all(wallets.map((wallet) => ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(100)]))));
    const second = new PostingsService({ databaseUrl: ledger.db.databaseUrl, instance: 1, lanes: 2 });
    const outcomes: PostingOutcome[] = await Promise.all(
      Array.from({ length: 240 }, (_, n) => {
        const postings = n % 2 === 0 ? ledger.postings : second;
        const [from, to] = [at(n * 5), at(n * 5 + 1 + (n % 5))];
        return n % 8 === 7
          ? postings.authorize(anAuthorization(from, 'crest', 1, day(1), { captureAtOnce: true }))
          : postings.transfer(aTransfer(from, to, 1 + (n % 30), day(1)));
      }),
    );
    await second.onApplicationShutdown();
    expect(new Set(outcomes.map(({ verdict, code }) => code ?? verdict))).toEqual(
      new Set(['created', 'points_insufficient']),
    );
    const spent = outcomes.filter(
      ({ verdict, detail }) => verdict === 'created' && detail.status === 'captured',
    ).length;
    let left = 0;
    for (const wallet of wallets) left += await balance(wallet);
    expect(left).toBe(600 - spent);
    expect(
      await ledger.value<bigint>('select deadlocks from pg_stat_database where datname = current_database()'),
    ).toBe(0n);
    await ledger.expectInvariants();
  }, 60_000);
});
