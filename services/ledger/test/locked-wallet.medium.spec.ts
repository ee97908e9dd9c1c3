import { setTimeout as sleep } from 'node:timers/promises';

import { isDomainError, uuidv7 } from '#libs/kernel';

import { aLot, anAccrual, LedgerFixture } from './ledger-fixture.js';

const nowMs = (): number => performance.timeOrigin + performance.now();
const PATIENCE_MS = 3_000;

describe('a wallet locked by another transaction', () => {
  let ledger: LedgerFixture;
  beforeAll(async () => {
    ledger = await LedgerFixture.open(1);
  }, 120_000);
  afterAll(() => ledger.close());

  it('makes no other wallet wait, and its own callers no longer than their deadline', async () => {
    const wallet = uuidv7();
    const earn = (walletId: string): Promise<unknown> =>
      ledger.postings.accrue(anAccrual(walletId, 'aurora', [aLot(1)]));
    await earn(wallet);
    await ledger.owner.query('begin');
    await ledger.owner.query('select from wallet where wallet_id = $1 for update', [wallet]);
    const began = nowMs();
    const took = async (work: Promise<unknown>): Promise<number> => work.then(() => nowMs() - began);
    const stuck = anAccrual(wallet, 'aurora', [aLot(5)]);
    const refused = ledger.postings.accrue({ ...stuck, deadline: began + PATIENCE_MS }).then(
      () => 'done',
      (error: unknown) => (isDomainError(error) ? error.code : String(error)),
    );
    const patient = anAccrual(wallet, 'aurora', [aLot(7)]);
    const served = ledger.postings.accrue({ ...patient, deadline: began + 60_000 });
    const others = await Promise.all(Array.from({ length: 50 }, () => took(earn(uuidv7()))));
    expect(Math.max(...others)).toBeLessThan(PATIENCE_MS);
    // later calls are not delayed at all
    for (let n = 0; n < 5; n += 1) await earn(uuidv7());
    expect(await refused).toBe('unavailable');
    expect(nowMs() - began).toBeGreaterThan(PATIENCE_MS - 100);
    expect(nowMs() - began).toBeLessThan(PATIENCE_MS + 3_000);
    await sleep(50);
    await ledger.owner.query('rollback');
    expect(await served).toMatchObject({ verdict: 'created', replayed: false, numbers: { balance: 8n } });
    expect(await ledger.postings.accrue(stuck)).toMatchObject({ replayed: false, numbers: { balance: 13n } });
  });
});
