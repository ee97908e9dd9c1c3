import { requestHash, uuidv7, uuidv7For } from '#libs/kernel';
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
  LedgerFixture,
  START,
} from '../../test/ledger-fixture.js';
import type { Accrual, Expiration, PostingOutcome } from './posting.js';
import { laneOf } from './postings.service.js';

/** Two wallets whose postings use different lanes. */
function strangers(): [string, string] {
  const first = uuidv7();
  for (;;) {
    const second = uuidv7();
    if (laneOf(first, 2) !== laneOf(second, 2)) return [first, second];
  }
}

describe('business keys', () => {
  let ledger: LedgerFixture;
  beforeAll(async () => {
    ledger = await LedgerFixture.open();
  }, 120_000);
  afterAll(() => ledger.close());

  /** The same operation and key for another wallet. */
  const underTheSameKey = (op: Accrual, walletId: string): Accrual => ({
    ...anAccrual(walletId, op.brand, [aLot(7)]),
    externalId: op.externalId,
    requestHash: requestHash(walletId),
  });
  const conflict = { code: 'idempotency_conflict' };

  it('belong to the wallet that used them first, across all wallets', async () => {
    const [mine, other] = strangers();
    const op = anAccrual(mine, 'aurora', [aLot(10)]);
    const first = await ledger.postings.accrue(op);
    await expect(ledger.postings.accrue(underTheSameKey(op, other))).rejects.toMatchObject(conflict);
    // even with the same content, another wallet does not get the first wallet's answer
    await expect(
      ledger.postings.accrue({ ...op, id: uuidv7For(other), walletId: other, lots: [] }),
    ).rejects.toMatchObject(conflict);
    expect(await ledger.postings.accrue(op)).toEqual({ ...first, replayed: true });
    expect(await ledger.value('select count(*) from wallet where wallet_id = $1 and wallet_version > 0', [other])).toBe(
      0n,
    );
  });

  it('used in parallel by two wallets in two lanes and two processes have one winner; all others get a conflict', async () => {
    const second = ledger.process(1);
    for (let round = 0; round < 25; round += 1) {
      const [mine, other] = strangers();
      const op = anAccrual(mine, 'aurora', [aLot(10)]);
      const outcomes = await Promise.allSettled(
        [mine, other, mine, other].map((wallet, n) =>
          (n < 2 ? ledger.postings : second).accrue(wallet === mine ? op : underTheSameKey(op, wallet)),
        ),
      );
      const created = outcomes.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []));
      expect(created.filter(({ replayed }) => !replayed)).toHaveLength(1);
      for (const o of outcomes) if (o.status === 'rejected') expect(o.reason).toMatchObject(conflict);
      expect(await ledger.value(`select count(*) from purchase where external_id = $1`, [op.externalId])).toBe(1n);
    }
    await second.onApplicationShutdown();
  });

  it('do not make batches that share several of them deadlock', async () => {
    const second = ledger.process(1);
    const before = await ledger.value<bigint>(
      'select deadlocks from pg_stat_database where datname = current_database()',
    );
    for (let round = 0; round < 15; round += 1) {
      const ops = Array.from({ length: 12 }, () => anAccrual(uuidv7(), 'aurora', [aLot(1)]));
      const rivals = ops.map((op) => underTheSameKey(op, uuidv7())).reverse();
      const outcomes = await Promise.allSettled([
        ...ops.map((op) => ledger.postings.accrue(op)),
        ...rivals.map((op) => second.accrue(op)),
      ]);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(12);
      for (const o of outcomes) if (o.status === 'rejected') expect(o.reason).toMatchObject(conflict);
    }
    await second.onApplicationShutdown();
    expect(await ledger.value('select deadlocks from pg_stat_database where datname = current_database()')).toBe(
      before,
    );
  });

  it('stay free if nothing was done under them', async () => {
    const wallet = uuidv7();
    const hold = anAuthorization(wallet, 'crest', 5);
    const missing = { ...hold, authorizationId: uuidv7For(wallet), points: null, final: true };
    await expect(ledger.postings.capture({ ...missing, terms: null })).rejects.toMatchObject({ code: 'not_found' });
    const used = { ...anAccrual(wallet, 'crest', [aLot(9)]), transportKey: uuidv7() };
    await ledger.postings.accrue(used);
    // refused for its Idempotency-Key alone: the order's own key remains free
    const order = anAccrual(wallet, 'crest', [aLot(3)]);
    await expect(ledger.postings.accrue({ ...order, transportKey: used.transportKey })).rejects.toMatchObject(conflict);
    expect(await ledger.postings.accrue(order)).toMatchObject({ verdict: 'created', replayed: false });
  });

  /** An early expiry by the operator. */
  function anExpiration(): Expiration {
    const externalId = uuidv7();
    const named = { id: uuidv7(), brand: '*', externalId, requestHash: requestHash(externalId), result: {} };
    return { ...named, issuer: 'aurora', campaign: externalId, reason: 'ended', now: START };
  }

  /** One operation of each kind, by name, as a function of its Idempotency-Key. */
  async function oneOfEach(): Promise<[string, (transportKey: string | null) => Promise<PostingOutcome>][]> {
    const { postings } = ledger;
    const wallet = uuidv7();
    const order = anAccrual(wallet, 'aurora', [aLot(900)]);
    const { purchase: _, ...given } = anAccrual(wallet, 'aurora', [aLot(9)]);
    const grant: Accrual = { ...given, kind: 'grant' };
    const late = anAccrual(wallet, 'aurora', [aLot(8, { untilDelivered: true })]);
    const hold = anAuthorization(wallet, 'aurora', 50);
    const kept = anAuthorization(wallet, 'aurora', 50);
    for (const op of [order, grant, late]) await postings.accrue(op);
    for (const op of [hold, kept]) await postings.authorize(op);
    const reversal = aReversal(order, 0, [{ issuer: 'aurora', points: 10 }]);
    const delivery = aDelivery(late);
    const taken = aTakeBack(grant, 4);
    const refused = anAuthorization(wallet, 'aurora', 100_000);
    const capture = aCapture(hold, 20);
    const released = aVoid(kept);
    const back = aGiveBack(hold, 5);
    const transfer = aTransfer(wallet, uuidv7(), 7);
    const expiration = anExpiration();
    return [
      ['order', (transportKey) => postings.accrue({ ...order, transportKey })],
      ['grant', (transportKey) => postings.accrue({ ...grant, transportKey })],
      ['return', (transportKey) => postings.reverse({ ...reversal, transportKey })],
      ['delivery', (transportKey) => postings.deliver({ ...delivery, transportKey })],
      ['taking back', (transportKey) => postings.takeBack({ ...taken, transportKey })],
      ['authorization', (transportKey) => postings.authorize({ ...hold, transportKey })],
      ['decline', (transportKey) => postings.authorize({ ...refused, transportKey })],
      ['capture', (transportKey) => postings.capture({ ...capture, transportKey })],
      ['void', (transportKey) => postings.voidHold({ ...released, transportKey })],
      ['redemption return', (transportKey) => postings.returnRedemption({ ...back, transportKey })],
      ['transfer', (transportKey) => postings.transfer({ ...transfer, transportKey })],
      ['expiration', (transportKey) => postings.expire({ ...expiration, transportKey })],
    ];
  }

  it('bind the new Idempotency-Key of a repeat to their operation', async () => {
    const operations = await oneOfEach();
    for (const [, call] of operations) await call(null);
    const boundAgain: string[] = [];
    for (const [name, call] of operations) {
      const key = uuidv7();
      const first = await call(key);
      expect([name, first.replayed]).toEqual([name, true]);
      const stranger =
        name === 'expiration'
          ? ledger.postings.expire({ ...anExpiration(), transportKey: key })
          : ledger.postings.accrue({ ...anAccrual(uuidv7(), 'aurora', [aLot(1)]), transportKey: key });
      await stranger.then(
        () => boundAgain.push(name),
        (error: unknown) => expect(error).toMatchObject(conflict),
      );
      expect(await call(key)).toEqual(first);
      // a further key of the same operation does not release the one before
      expect(await call(uuidv7())).toEqual(first);
      expect(await call(key)).toEqual(first);
    }
    expect(boundAgain).toEqual([]);
  });

  it('of a conflict bind no Idempotency-Key', async () => {
    const key = uuidv7();
    const op = anAccrual(uuidv7(), 'aurora', [aLot(10)]);
    await ledger.postings.accrue(op);
    const other = { ...op, requestHash: requestHash('other'), transportKey: key };
    await expect(ledger.postings.accrue(other)).rejects.toMatchObject(conflict);
    const free = { ...anAccrual(uuidv7(), 'aurora', [aLot(1)]), transportKey: key };
    expect(await ledger.postings.accrue(free)).toMatchObject({ verdict: 'created', replayed: false });
  });

  it('repeated in one lane while another lane uses the same new Idempotency-Key leave it to one of both', async () => {
    const second = ledger.process(1);
    const won = { repeat: 0, other: 0 };
    for (let round = 0; round < 25; round += 1) {
      const [mine, other] = strangers();
      const ops = [anAccrual(mine, 'aurora', [aLot(10)]), anAuthorization(mine, 'aurora', 1)] as const;
      await ledger.postings.accrue(ops[0]);
      await ledger.postings.authorize(ops[1]);
      const transportKey = uuidv7();
      const rival = { ...anAccrual(other, 'aurora', [aLot(3)]), transportKey };
      const outcomes = await Promise.allSettled([
        round % 2 === 0
          ? ledger.postings.accrue({ ...ops[0], transportKey })
          : ledger.postings.authorize({ ...ops[1], transportKey }),
        second.accrue(rival),
      ]);
      const [winner, ...more] = outcomes.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []));
      expect(more).toEqual([]);
      won[winner?.replayed === true ? 'repeat' : 'other'] += 1;
      for (const o of outcomes) if (o.status === 'rejected') expect(o.reason).toMatchObject(conflict);
      expect(await ledger.value('select count(*) from purchase where external_id = $1', [rival.externalId])).toBe(
        winner?.replayed === true ? 0n : 1n,
      );
    }
    expect(won.repeat + won.other).toBe(25);
    await second.onApplicationShutdown();
  });

  it('of one kind do not affect another kind', async () => {
    const wallet = uuidv7();
    const order = anAccrual(wallet, 'aurora', [aLot(50)]);
    await ledger.postings.accrue(order);
    const hold = { ...anAuthorization(wallet, 'aurora', 20), externalId: order.externalId };
    expect(await ledger.postings.authorize(hold)).toMatchObject({ verdict: 'created', replayed: false });
    expect(await ledger.postings.authorize(hold)).toMatchObject({
      replayed: true,
      numbers: { available: 30n, held: 20n },
    });
  });
});
