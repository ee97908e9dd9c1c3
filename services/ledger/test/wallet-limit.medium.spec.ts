import { setTimeout as sleep } from 'node:timers/promises';
import { inCellOf, uuidv7 } from '#libs/kernel';
import { aGiveBack, aLot, anAccrual, anAuthorization, day, LedgerFixture } from './ledger-fixture.js';

const MOST = Number.MAX_SAFE_INTEGER;

/** A wallet holds up to 2^53 − 1 points, including pending ones: it must always be possible to release them. */
describe('the limit of a wallet', () => {
  let ledger: LedgerFixture;

  beforeAll(async () => {
    ledger = await LedgerFixture.open();
  }, 120_000);
  afterAll(() => ledger.close());

  it('leaves room for pending points when points are given back', async () => {
    const { postings } = ledger;
    const wallet = uuidv7();
    const spent = anAuthorization(wallet, 'aurora', MOST, day(0), { captureAtOnce: true });
    await postings.accrue(anAccrual(wallet, 'aurora', [aLot(MOST)]));
    await postings.authorize(spent);
    await postings.accrue(anAccrual(wallet, 'aurora', [aLot(MOST - 5, { availableFrom: day(1) })]));

    const back = await postings.returnRedemption(aGiveBack(spent, 6));
    expect([back.verdict, back.code, back.limit]).toEqual(['declined', 'wallet_limit_exceeded', 5n]);
    expect((await postings.returnRedemption(aGiveBack(spent, 5))).verdict).toBe('created');

    const neighbour = uuidv7();
    await postings.accrue(anAccrual(neighbour, 'birch', [aLot(10, { availableFrom: day(1) })]));
    expect(await postings.settleDue(day(2), 50)).toEqual({ done: 2, failed: [] });
    for (const [id, points] of [
      [wallet, BigInt(MOST)],
      [neighbour, 10n],
    ]) {
      expect(await ledger.value('select posted from wallet where wallet_id = $1', [id])).toBe(points);
    }
  });

  it('applies to the balance, not to everything that ever went through it', async () => {
    const wallet = uuidv7();
    await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(1)]));
    // total inflow and outflow exceed 64 bits, through the function that makes all postings
    await ledger.owner.query('begin');
    await ledger.owner.query(`do $do$
      declare p posting;
      begin
        for n in 1..1030 loop
          p.wallet_id := '${wallet}'; p.brand := 'aurora'; p.points := ${MOST - 1}; p.occurred_at := now(); p.posted_at := now();
          p.id := ledger_uuidv7(p.wallet_id); p.kind := 'accrual';
          perform ledger_post_one(p, p.points, 0, ledger_brand_account('aurora', 'issued'), '{}', '{}', '{}');
          p.id := ledger_uuidv7(p.wallet_id); p.kind := 'expiry';
          perform ledger_post_one(p, -p.points, 0, ledger_brand_account('aurora', 'expired'), '{}', '{}', '{}');
        end loop;
      end $do$`);
    const row = 'select posted, wallet_version from wallet where wallet_id = $1';
    expect((await ledger.owner.query(row, [wallet])).rows).toEqual([{ posted: 1n, wallet_version: 2_061n }]);
    await ledger.owner.query('rollback');
  });

  it('does not apply to its brand: the brand’s points are sealed, however many', async () => {
    const { postings } = ledger;
    const first = uuidv7();
    const wallets = [first, ...Array.from({ length: 1_030 }, () => inCellOf(first, uuidv7()))];
    await Promise.all(wallets.map((wallet) => postings.accrue(anAccrual(wallet, 'dune', [aLot(MOST)]))));
    // a transaction elsewhere on the server may delay the newest rows for a moment
    const unsealed = `select ((select count(*) from posting) - coalesce((select sum(postings) from seal_block), 0))::integer`;
    while ((await ledger.value<number>(unsealed)) > 0) {
      if ((await ledger.value<number>('select ledger_seal_v1(5000)')) === 0) await sleep(50);
    }
    const sealed = `select sum(debits)::text from brand_balance b join brand_account a on a.id = b.account_id
      where (a.owner, a.kind) = ('dune', 'issued')`;
    expect(await ledger.value(sealed)).toBe((BigInt(MOST) * BigInt(wallets.length)).toString());
  });
});
