import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { fromBinary } from '@bufbuild/protobuf';
import { PostingKind, PostingRecordedSchema } from '#libs/contracts';
import { requestHash, uuidv7 } from '#libs/kernel';
import { RELAY_START } from '#libs/messaging';
import { createPool } from '#libs/postgres';
import {
  aCapture,
  aGiveBack,
  aLot,
  anAccrual,
  anAuthorization,
  aVoid,
  day,
  LedgerFixture,
  START,
} from '../../test/ledger-fixture.js';
import { PostingEventsSource } from './posting-events.source.js';

describe('postings', () => {
  let ledger: LedgerFixture;
  beforeAll(async () => {
    ledger = await LedgerFixture.open();
  }, 120_000);
  afterAll(() => ledger.close());

  it('answer a repeat with the first answer, and refuse the key for anything else', async () => {
    const op = anAccrual(uuidv7(), 'aurora', [aLot(100)]);
    const first = await ledger.postings.accrue(op);
    expect(first).toMatchObject({
      verdict: 'created',
      replayed: false,
      result: op.result,
      numbers: { available: 100n },
    });
    await ledger.postings.accrue(anAccrual(op.walletId, 'birch', [aLot(7)]));
    expect(await ledger.postings.accrue({ ...op, result: 'another template' })).toEqual({ ...first, replayed: true });
    await expect(ledger.postings.accrue({ ...op, requestHash: requestHash('other') })).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
  });

  it('keep a decline: the same key gets it again although points have come since', async () => {
    const wallet = uuidv7();
    const hold = anAuthorization(wallet, 'crest', 50);
    const declined = await ledger.postings.authorize(hold);
    expect(declined).toMatchObject({ verdict: 'declined', code: 'points_insufficient', limit: 0n });
    await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(100)]));
    expect(await ledger.postings.authorize(hold)).toEqual({ ...declined, replayed: true });
  });

  it('recognise an Idempotency-Key, and refuse it for another call', async () => {
    const op = { ...anAccrual(uuidv7(), 'aurora', [aLot(5)]), transportKey: uuidv7() };
    const first = await ledger.postings.accrue(op);
    expect(await ledger.postings.accrue(op)).toEqual({ ...first, replayed: true });
    const other = { ...anAccrual(op.walletId, 'aurora', [aLot(5)]), transportKey: op.transportKey };
    await expect(ledger.postings.accrue(other)).rejects.toMatchObject({ code: 'idempotency_conflict' });
    await expect(
      ledger.postings.authorize({ ...anAuthorization(op.walletId, 'aurora', 1), transportKey: op.transportKey }),
    ).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
  });

  it('give one key one effect, however many callers send it in parallel', async () => {
    const op = anAccrual(uuidv7(), 'aurora', [aLot(11)]);
    const second = ledger.process(1);
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? ledger.postings : second).accrue(op)),
    );
    expect(outcomes.filter((outcome) => !outcome.replayed)).toHaveLength(1);
    expect(new Set(outcomes.map((outcome) => outcome.postingId)).size).toBe(1);
    await second.onApplicationShutdown();
  });

  it('never overspend: 200 parallel captures against one wallet, from two processes', async () => {
    const wallet = uuidv7();
    await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(300), aLot(700, { expiresAt: day(10) })]));
    const hold = anAuthorization(wallet, 'crest', 600);
    await ledger.postings.authorize(hold);
    const second = ledger.process(1);
    const spends = Array.from({ length: 200 }, (_, n) => {
      const postings = n % 2 === 0 ? ledger.postings : second;
      return n % 4 < 2
        ? postings.capture(aCapture(hold, 10, false))
        : postings.authorize(anAuthorization(wallet, 'birch', 10, START, { captureAtOnce: true }));
    });
    const outcomes = await Promise.all(spends);
    expect(outcomes.filter((outcome) => outcome.verdict === 'created')).toHaveLength(100);
    expect(
      outcomes.filter(
        (outcome) => outcome.code === 'authorization_closed' || outcome.code === 'capture_exceeds_authorization',
      ),
    ).toHaveLength(40);
    expect(outcomes.filter((outcome) => outcome.code === 'points_insufficient')).toHaveLength(60);
    await second.onApplicationShutdown();
  });

  it('have one winner when a capture, a void and a second capture race for one hold', async () => {
    for (let round = 0; round < 20; round += 1) {
      const wallet = uuidv7();
      await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(10)]));
      const hold = anAuthorization(wallet, 'crest', 10);
      await ledger.postings.authorize(hold);
      const outcomes = await Promise.all([
        ledger.postings.capture(aCapture(hold, null)),
        ledger.postings.voidHold(aVoid(hold)),
        ledger.postings.capture(aCapture(hold, null)),
      ]);
      expect(outcomes.filter((outcome) => outcome.verdict === 'created')).toHaveLength(1);
    }
  });

  it('open many new brands in parallel, from two processes, without a deadlock', async () => {
    const second = ledger.process(1);
    const brands = Array.from({ length: 60 }, (_, n) => `new-${(n * 37) % 60}`);
    await Promise.all(
      brands.flatMap((brand) =>
        [ledger.postings, second].map((postings) => postings.accrue(anAccrual(uuidv7(), brand, [aLot(5)]))),
      ),
    );
    await second.onApplicationShutdown();
    const deadlocks = await ledger.value<bigint>(
      'select deadlocks from pg_stat_database where datname = current_database()',
    );
    expect(Number(deadlocks)).toBe(0);
    expect(Number(await ledger.value(`select count(*) from brand_account where owner like 'new-%'`))).toBe(180);
  });

  it('let only one authorization use a quote', async () => {
    const wallet = uuidv7();
    const quoteId = uuidv7();
    await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(100)]));
    const outcomes = await Promise.all(
      [1, 2].map(() => ledger.postings.authorize(anAuthorization(wallet, 'crest', 10, START, { quoteId }))),
    );
    expect(outcomes.map((outcome) => outcome.code).sort()).toEqual(['quote_used', null].sort());
  });

  it('refuse amounts that are not points, and a wallet beyond 2^53 − 1', async () => {
    const wallet = uuidv7();
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    await expect(
      ledger.postings.authorize({ ...anAuthorization(wallet, 'crest', 1), points: 0n }),
    ).rejects.toMatchObject({ code: 'amount_out_of_range' });
    const full = await ledger.postings.accrue(anAccrual(wallet, 'aurora', [{ ...aLot(1), points: most }]));
    expect(full.numbers.available).toBe(most);
    const more = await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(1)]));
    expect(more).toMatchObject({ verdict: 'declined', code: 'wallet_limit_exceeded', limit: 0n });
  });

  it('do not find a hold of another wallet', async () => {
    const hold = anAuthorization(uuidv7(), 'crest', 1);
    await expect(ledger.postings.capture(aCapture(hold, 1))).rejects.toMatchObject({ code: 'not_found' });
    await expect(ledger.postings.returnRedemption(aGiveBack(hold, 1))).rejects.toMatchObject({ code: 'not_found' });
  });

  it('keep the times of a wallet in order although clocks differ', async () => {
    const wallet = uuidv7();
    await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(1)], day(2)));
    const earlier = await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(1)], day(1)));
    expect(earlier.postedAt).toEqual(day(2));
  });

  it('are each published once, in the order of their wallet, with the lots they moved', async () => {
    const wallet = uuidv7();
    const lots = [aLot(30, { expiresAt: day(5) }), aLot(70), aLot(9, { availableFrom: day(3) })];
    const order = anAccrual(wallet, 'aurora', lots);
    await ledger.postings.accrue(order);
    const hold = anAuthorization(wallet, 'crest', 40, START, { quotedReimbursement: '0.90' });
    await ledger.postings.authorize(hold);
    const captured = await ledger.postings.capture(aCapture(hold, null));
    await ledger.postings.returnRedemption(aGiveBack(hold, 15));

    const pool = createPool(ledger.db.databaseUrl, 'events', 1);
    const client = await pool.connect();
    await client.query(`set hezong.brand = '*'`);
    const source = new PostingEventsSource();
    const events = [];
    let after = RELAY_START;
    // a transaction elsewhere on the server may delay the newest rows for a moment: they come late, never out of order
    for (let waited = 0; (await source.backlog(client, after)) > 0 && waited < 20_000; waited += 50) {
      const { records, next } = await source.read(client, after, 100);
      events.push(...records);
      after = next;
      if (records.length === 0) await sleep(50);
    }
    expect(await source.backlog(client, RELAY_START)).toBe(events.length);
    client.release();
    await pool.end();
    expect(new Set(events.map((event) => event.id)).size).toBe(events.length);

    const mine = events
      .filter((event) => event.key === wallet)
      .map((event) => fromBinary(PostingRecordedSchema, event.value ?? new Uint8Array()));
    expect(mine.map((event) => [event.kind, event.points, event.walletVersion])).toEqual([
      [PostingKind.ACCRUAL, 100n, 1n],
      [PostingKind.ACCRUAL_PENDING, 9n, 2n],
      [PostingKind.AUTHORIZATION, 40n, 3n],
      [PostingKind.CAPTURE, 40n, 4n],
      [PostingKind.REDEMPTION_RETURN, 15n, 5n],
    ]);
    expect(mine[0]).toMatchObject({ brand: 'aurora', orderId: order.id, reference: order.externalId });
    expect(mine[3]).toMatchObject({ brand: 'crest', authorizationId: hold.id, quotedReimbursement: '0.90' });
    expect(mine[3]?.movements.map((m) => [m.lotId, m.points])).toEqual([
      [order.lots[0]?.id, -30n],
      [order.lots[1]?.id, -10n],
    ]);
    expect(mine[4]?.movements.map((m) => [m.lotId, m.points, m.originalPostingId])).toEqual([
      [order.lots[1]?.id, 10n, captured.postingId],
      [order.lots[0]?.id, 5n, captured.postingId],
    ]);
  });

  describe('the application role', () => {
    it.each([
      'insert into claim values (1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid())',
      'update wallet set posted = posted + 1',
      'update brand_balance set credits = credits + 1',
      'delete from node',
      'update lot set remaining = remaining + 1',
      'delete from operation',
      'truncate posting',
      'update purchase set points_earned = 0',
      'delete from hold',
      `select nextval('event_seq')`,
      `select ledger_uuidv7(gen_random_uuid())`,
      `select ledger_sweep_wallets(array[gen_random_uuid()], now())`,
    ])('may not: %s', async (sql) => {
      const client = new pg.Client({ connectionString: ledger.db.databaseUrl });
      await client.connect();
      await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
      await client.end();
    });

    it('sees no brand’s rows without naming the brand', async () => {
      const client = new pg.Client({ connectionString: ledger.db.databaseUrl });
      await client.connect();
      for (const table of ['posting', 'operation', 'hold', 'purchase']) {
        expect((await client.query(`select from ${table}`)).rowCount).toBe(0);
      }
      await client.query(`set hezong.brand = 'crest'`);
      expect((await client.query(`select distinct brand from posting`)).rows).toEqual([{ brand: 'crest' }]);
      await client.end();
    });
  });

  it.each(['posting', 'allocation', 'operation', 'claim'])(
    'like the owner, cannot change or remove a row of %s',
    async (table) => {
      await expect(ledger.owner.query(`delete from ${table}`)).rejects.toMatchObject({ code: '23001' });
      await expect(ledger.owner.query(`truncate ${table}`)).rejects.toMatchObject({ code: '23001' });
      const column = table === 'claim' ? 'cell' : table === 'operation' ? 'balance' : 'points';
      await expect(ledger.owner.query(`update ${table} set ${column} = ${column} + 1`)).rejects.toMatchObject({
        code: '23001',
      });
    },
  );

  it('cannot post legs that do not sum to zero', async () => {
    const unbalanced = (legs: string, values: string): string => `
      insert into posting (cell, epoch, xid, wallet_id, wallet_version, id, kind, brand, points, occurred_at, posted_at, balance_after,
        held_after, pending_after, debt_after, ${legs})
      select 1, 1, '1', gen_random_uuid(), 1, gen_random_uuid(), 'accrual', 'aurora', 5, now(), now(), 5, 0, 0, 0, ${values}`;
    for (const [legs, values] of [
      ['spendable, pending', '5, 0'],
      ['spendable, pending, brand_account, brand_points', '5, 0, 1, -4'],
      ['spendable, pending, brand_account, brand_points, other_accounts, other_points', `5, 0, 1, -3, '{2}', '{-1}'`],
    ] as const) {
      await expect(ledger.owner.query(unbalanced(legs, values))).rejects.toThrow('posting_sums_to_zero');
    }
  });
});
