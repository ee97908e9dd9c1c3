import { NetworkProbe } from '#libs/http';
import { uuidv7 } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import type { Answer } from '#libs/testing';
import { PostingsService } from '../src/postings/postings.service.js';
import { aLot, anAccrual, anAuthorization, aTransfer, day } from './ledger-fixture.js';
import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

const FOR_CREST = [{ brand: 'crest', store: null }];
/** Lots by expiry, with issuer and whether they are limited to places. */
const LOTS = [
  aLot(10, { expiresAt: day(31), issuer: 'birch' }),
  aLot(10, { expiresAt: day(32), issuer: 'crest' }),
  aLot(10, { expiresAt: day(33), issuer: 'birch', places: FOR_CREST }),
  aLot(10, { expiresAt: day(34), issuer: 'crest', places: FOR_CREST }),
  aLot(10, { expiresAt: day(35), issuer: 'crest' }),
];

describe('the order in which spends take points', () => {
  let ledger: LedgerUnderTest;
  let postings: PostingsService;
  beforeAll(async () => {
    ledger = await ledgerUnderTest();
    postings = ledger.service.app.get(PostingsService, { strict: false });
  }, 120_000);
  afterAll(async () => {
    const checks = await ledger.service.app.get(NetworkProbe, { strict: false }).invariants();
    await ledger.close();
    expect(checks.filter((check) => !check.ok)).toEqual([]);
  });

  const set = (prefers: unknown): Promise<Answer> => ledger.asOperator('PUT', '/v1/operator/draw-order', { prefers });
  /** The expiry days of the lots that a spend of 35 at crest takes, in draw order, and the version of that order. */
  const taken = async (): Promise<{ version: number; days: number[] }> => {
    const wallet = uuidv7();
    await postings.accrue(anAccrual(wallet, 'aurora', LOTS, day(1)));
    const hold = anAuthorization(wallet, 'crest', 35, day(1));
    await postings.authorize(hold);
    const rows: { version: number; expires_at: Date }[] = await runInTransaction(
      ledger.dataSource,
      { brand: 'crest' },
      (tx) =>
        tx.query(
          `select draw_order as version, l.expires_at from hold h join hold_lot k on k.cell = h.cell and k.hold_id = h.id
           join lot l on l.cell = h.cell and l.wallet_id = h.wallet_id and l.id = k.lot_id
           where h.wallet_id = $1 order by k.ordinal`,
          [wallet],
        ),
    );
    return {
      version: rows[0]?.version ?? 0,
      days: rows.map(({ expires_at }) => (expires_at.getTime() - day(0).getTime()) / 86_400_000),
    };
  };

  it('is by expiry unless the operator sets another', async () => {
    expect((await ledger.asOperator('GET', '/v1/operator/draw-order')).body).toEqual({ version: 1, prefers: [] });
    expect(await taken()).toEqual({ version: 1, days: [31, 32, 33, 34] });
  });

  it('may begin with limited points, with points of the brand where they are spent, or with both', async () => {
    const by = async (prefers: string[]): Promise<unknown> => {
      const answer = await set(prefers);
      expect([answer.status, answer.body.prefers]).toEqual([200, prefers]);
      return taken();
    };
    expect(await by(['limited'])).toEqual({ version: 2, days: [33, 34, 31, 32] });
    expect(await by(['own'])).toEqual({ version: 3, days: [32, 34, 35, 31] });
    expect(await by(['limited', 'own'])).toEqual({ version: 4, days: [34, 33, 32, 35] });
    expect(await by(['own', 'limited'])).toEqual({ version: 5, days: [34, 32, 35, 33] });
    // unchanged content adds no version
    expect((await set(['own', 'limited'])).body).toEqual({ version: 5, prefers: ['own', 'limited'] });
  });

  it('also applies to transfers, where no points are the brand’s own', async () => {
    await set(['own', 'limited']);
    const [from, to] = [uuidv7(), uuidv7()];
    await postings.accrue(anAccrual(from, 'aurora', LOTS, day(1)));
    await postings.transfer(aTransfer(from, to, 25, day(1)));
    const rows: { expires_at: Date; points: bigint }[] = await ledger.dataSource.query(
      'select expires_at, points from lot where wallet_id = $1 order by expires_at',
      [to],
    );
    expect(rows.map((row) => [row.expires_at, row.points])).toEqual([
      [day(31), 5n],
      [day(33), 10n],
      [day(34), 10n],
    ]);
  });

  it('refuses other preferences, and any preference twice', async () => {
    for (const prefers of [['dearest'], ['own', 'own'], 'own', null, ['own', 'limited', 'own']]) {
      expect([prefers, (await set(prefers)).status]).toEqual([prefers, 422]);
    }
    expect((await ledger.asBrand('aurora', 'PUT', '/v1/operator/draw-order', { prefers: [] })).status).toBe(403);
  });

  it('has one newest version under parallel calls', async () => {
    const { body } = await ledger.asOperator('GET', '/v1/operator/draw-order');
    const version = body.version as number;
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => set(n % 2 === 0 ? [] : ['own'])));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    const rows: { version: number; prefers: string[] }[] = await ledger.dataSource.query(
      'select version, prefers from draw_order where version >= $1 order by version',
      [version],
    );
    rows.forEach((row, n) => {
      expect(row.version).toBe(version + n);
      if (n > 0) expect(row.prefers).not.toEqual(rows[n - 1]?.prefers);
    });
  });
});
