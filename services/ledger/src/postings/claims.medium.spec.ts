import { requestHash, uuidv7, uuidv7For } from '#libs/kernel';
import { aLot, anAccrual, anAuthorization, LedgerFixture } from '../../test/ledger-fixture.js';
import type { Accrual } from './posting.js';
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
