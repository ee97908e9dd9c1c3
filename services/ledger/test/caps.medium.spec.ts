import type { Pool } from 'pg';

import { uuidv7 } from '#libs/kernel';

import { createPool } from '#libs/postgres';

import type { Accrual, PostingOutcome } from '../src/postings/posting.js';
import { PostingsService } from '../src/postings/postings.service.js';
import { aLot, anAccrual, anAuthorization, day, LedgerFixture } from './ledger-fixture.js';

describe('points computed from the contents of a wallet', () => {
  let ledger: LedgerFixture;
  let reads: Pool;
  beforeAll(async () => {
    ledger = await LedgerFixture.open();
    reads = createPool(ledger.db.ownerUrl, 'caps-test', 4);
  }, 120_000);
  afterAll(async () => {
    await reads.end();
    await ledger.close();
  });

  const value = async (sql: string, values: unknown[]): Promise<bigint> =>
    (await reads.query<{ value: bigint }>(`select (${sql}) as value`, values)).rows[0]?.value ?? 0n;
  const versionOf = (wallet: string): Promise<bigint> =>
    value('select coalesce(max(wallet_version), 0) from posting where wallet_id = $1', [wallet]);
  const accrue = (wallet: string, points: number, expectedWalletVersion: bigint, at = day(0)): Accrual => ({
    ...anAccrual(wallet, 'aurora', [aLot(points)], at),
    expectedWalletVersion,
  });

  it('are given if the contents are unchanged; otherwise nothing is done or stored', async () => {
    const wallet = uuidv7();
    const first = await ledger.postings.accrue(accrue(wallet, 10, 0n));
    expect(first).toMatchObject({ verdict: 'created', numbers: { available: 10n } });
    const late = accrue(wallet, 20, 0n);
    for (let n = 0; n < 2; n += 1) {
      expect(await ledger.postings.accrue(late)).toMatchObject({
        verdict: 'stale',
        replayed: false,
        code: null,
        limit: null,
        postingId: null,
        numbers: { available: 10n },
      });
    }
    for (const table of ['claim', 'purchase', 'operation']) {
      const column = table === 'claim' ? 'operation_id' : 'id';
      expect(await ledger.value<bigint>(`select count(*) from ${table} where ${column} = $1`, [late.id])).toBe(0n);
    }
    // the same key with a recomputed request
    const anew = { ...late, expectedWalletVersion: 1n };
    const given = await ledger.postings.accrue(anew);
    expect(given).toMatchObject({ verdict: 'created', replayed: false, numbers: { available: 30n } });
    // a repeat gets the first result, whatever the wallet contains now
    expect(await ledger.postings.accrue(late)).toEqual({ ...given, replayed: true });
  });

  it('are also stale if due work has changed the wallet since', async () => {
    const wallet = uuidv7();
    await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(50, { expiresAt: day(2) })]));
    const seen = await versionOf(wallet);
    expect(await ledger.postings.accrue(accrue(wallet, 10, seen, day(3)))).toMatchObject({
      verdict: 'stale',
      numbers: { available: 0n },
    });
    expect(await versionOf(wallet)).toBe(seen + 1n);
    expect(await ledger.postings.accrue(accrue(wallet, 10, seen + 1n, day(3)))).toMatchObject({ verdict: 'created' });
  });

  it('keep a cap of 100 points under parallel calls from two processes, beside others that check no version', async () => {
    const wallet = uuidv7();
    const second = new PostingsService({ databaseUrl: ledger.db.databaseUrl, instance: 1, lanes: 2 });
    const earned = (version: bigint): Promise<bigint> =>
      value(
        `select coalesce(sum(points), 0)::bigint from posting where wallet_id = $1 and kind = 'accrual' and wallet_version <= $2`,
        [wallet, version],
      );
    const give = async (postings: PostingsService, wanted: number): Promise<PostingOutcome | null> => {
      for (;;) {
        const version = await versionOf(wallet);
        const points = Math.min(wanted, 100 - Number(await earned(version)));
        if (points === 0) return null;
        const outcome = await postings.accrue(accrue(wallet, points, version));
        if (outcome.verdict !== 'stale') return outcome;
      }
    };
    const outcomes = await Promise.all([
      ...Array.from({ length: 16 }, (_, n) => give(n % 2 === 0 ? ledger.postings : second, 9 + n)),
      ...Array.from({ length: 20 }, () =>
        ledger.postings.authorize(anAuthorization(wallet, 'crest', 1, day(0), { captureAtOnce: true })),
      ),
    ]);
    await second.onApplicationShutdown();
    expect(await earned(await versionOf(wallet))).toBe(100n);
    expect(outcomes.slice(0, 16)).toContain(null);
    await ledger.expectInvariants();
  });
});
