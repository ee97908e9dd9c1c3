import { NetworkProbe } from '#libs/http';
import { uuidv7 } from '#libs/kernel';

import type { Answer } from '#libs/testing';
import type { Place } from '../src/postings/place.js';
import { aCapture, aGiveBack, aLot, anAccrual, anAuthorization, aVoid, day, LedgerFixture } from './ledger-fixture.js';
import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

const at = (brand: string, store: string | null = null): Place => ({ brand, store });

describe('points limited to places', () => {
  let ledger: LedgerFixture;
  beforeAll(async () => {
    ledger = await LedgerFixture.open();
  }, 120_000);
  afterAll(() => ledger.close());

  const leftOf = async (wallet: string): Promise<[places: string | null, remaining: number][]> => {
    const { rows } = await ledger.owner.query<{ places: string | null; remaining: bigint }>(
      `select array_to_string(places, ' ') as places, remaining from lot where wallet_id = $1 and open order by expires_at`,
      [wallet],
    );
    return rows.map(({ places, remaining }) => [places, Number(remaining)]);
  };

  it('can be spent only there; a decline states how much can be spent at the place', async () => {
    const wallet = uuidv7();
    await ledger.postings.accrue(
      anAccrual(wallet, 'aurora', [
        aLot(60, { expiresAt: day(1), places: [at('birch')] }),
        aLot(40, { expiresAt: day(2), places: [at('crest', 'c-1'), at('aurora', 'a-9')] }),
        aLot(100, { expiresAt: day(3) }),
      ]),
    );
    const most = async (brand: string, store: string | null): Promise<number> => {
      const outcome = await ledger.postings.authorize(anAuthorization(wallet, brand, 1_000, day(0), { store }));
      expect(outcome).toMatchObject({ verdict: 'declined', code: 'points_insufficient', numbers: { available: 200n } });
      return Number(outcome.limit);
    };
    expect(await most('birch', null)).toBe(160);
    expect(await most('birch', 'b-7')).toBe(160);
    expect(await most('crest', 'c-1')).toBe(140);
    expect(await most('crest', 'c-2')).toBe(100);
    expect(await most('crest', null)).toBe(100);
    expect(await most('aurora', 'a-9')).toBe(140);
    // a store of the same name at another brand is a different store
    expect(await most('dune', 'c-1')).toBe(100);

    // the points that expire first are not taken, because they are limited to birch
    const hold = anAuthorization(wallet, 'crest', 120, day(0), { store: 'c-1' });
    expect(await ledger.postings.authorize(hold)).toMatchObject({ verdict: 'created', numbers: { available: 80n } });
    expect(await leftOf(wallet)).toEqual([
      ['birch', 60],
      ['crest/c-1 aurora/a-9', 0],
      [null, 20],
    ]);
    expect(await most2(wallet, 'dune')).toBe(20);
    await ledger.postings.capture(aCapture(hold, 100, true));
    await ledger.postings.returnRedemption(aGiveBack(hold, 90));
    expect(await leftOf(wallet)).toEqual([
      ['birch', 60],
      ['crest/c-1 aurora/a-9', 30],
      [null, 100],
    ]);
    expect(await most2(wallet, 'dune')).toBe(100);
  });

  /** The largest amount that an authorization would be granted. */
  const most2 = async (wallet: string, brand: string): Promise<number> =>
    Number((await ledger.postings.authorize(anAuthorization(wallet, brand, 1_000_000))).limit);

  it('cover a debt before points that can be spent', async () => {
    const wallet = uuidv7();
    const bought = anAccrual(wallet, 'aurora', [aLot(50)]);
    await ledger.postings.accrue(bought);
    await ledger.postings.authorize(anAuthorization(wallet, 'crest', 50, day(0), { captureAtOnce: true }));
    const { purchase: _, kind: __, ...back } = bought;
    await ledger.postings.reverse({
      ...back,
      id: anAuthorization(wallet, 'aurora', 1).id,
      externalId: uuidv7(),
      purchaseId: bought.id,
      expectedReturnVersion: 0,
      returned: {},
      points: 50n,
    });
    await ledger.postings.accrue(
      anAccrual(wallet, 'birch', [aLot(30, { places: [at('birch')] }), aLot(45, { expiresAt: day(9) })]),
    );
    // 75 points, 50 owed: 25 are spendable, even where only 45 of the 75 are usable
    expect([await most2(wallet, 'crest'), await most2(wallet, 'birch')]).toEqual([25, 25]);
    await ledger.postings.accrue(anAccrual(wallet, 'birch', [aLot(40, { places: [at('birch')] })]));
    expect([await most2(wallet, 'crest'), await most2(wallet, 'birch')]).toEqual([45, 65]);
    expect(
      await ledger.postings.authorize(anAuthorization(wallet, 'crest', 45, day(0), { captureAtOnce: true })),
    ).toMatchObject({ verdict: 'created', numbers: { available: 20n, debt: 50n } });
  });

  it('remain limited while they wait, are held and come back', async () => {
    const wallet = uuidv7();
    await ledger.postings.accrue(
      anAccrual(wallet, 'aurora', [aLot(70, { places: [at('birch', 'b-1')], availableFrom: day(2) })]),
    );
    const later = (brand: string, store: string): Promise<{ verdict: string; limit: bigint | null }> =>
      ledger.postings.authorize(anAuthorization(wallet, brand, 70, day(3), { store }));
    await ledger.postings.settle(wallet, day(3));
    expect(await later('crest', 'b-1')).toMatchObject({ verdict: 'declined', limit: 0n });
    const hold = anAuthorization(wallet, 'birch', 70, day(3), { store: 'b-1' });
    await ledger.postings.authorize(hold);
    await ledger.postings.voidHold(aVoid(hold, day(3)));
    expect(await later('birch', 'b-2')).toMatchObject({ verdict: 'declined', limit: 0n });
    expect(await later('birch', 'b-1')).toMatchObject({ verdict: 'created' });
  });
});

describe('points limited to places, over HTTP', () => {
  let ledger: LedgerUnderTest;
  let wallet: string;
  let aurora: string;
  let birch: string;
  beforeAll(async () => {
    ledger = await ledgerUnderTest();
    for (const brand of ['aurora', 'birch']) await ledger.brand(brand);
    ({ memberRef: aurora, walletId: wallet } = ledger.member('aurora'));
    birch = ledger.member('birch', wallet).memberRef;
  }, 120_000);
  afterAll(async () => {
    const checks = await ledger.service.app.get(NetworkProbe, { strict: false }).invariants();
    await ledger.close();
    expect(checks.filter((check) => !check.ok)).toEqual([]);
  });

  const grant = (points: number, places: unknown, externalId = uuidv7()): Promise<Answer> =>
    ledger.asBrand('aurora', 'POST', '/v1/grants', {
      externalId,
      memberRef: aurora,
      points,
      reason: 'sign_up',
      ...(places === undefined ? {} : { places }),
    });

  it('a grant states where its points can be spent', async () => {
    expect((await grant(30, undefined)).status).toBe(201);
    expect((await grant(50, [{ brand: 'aurora', storeRef: 'aurora-1' }], 'g-1')).status).toBe(201);
    expect((await grant(20, [{ brand: 'birch' }])).status).toBe(201);
    const again = await grant(50, [{ brand: 'aurora', storeRef: 'aurora-1' }], 'g-1');
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect((await grant(50, [{ brand: 'aurora' }], 'g-1')).body.code).toBe('idempotency_conflict');
  });

  it('a wallet shows the whole balance, and on request what can be spent at a store', async () => {
    const read = async (brand: string, memberRef: string, query = ''): Promise<unknown> => {
      const { body } = await ledger.asBrand(brand, 'GET', `/v1/members/${memberRef}/wallet${query}`);
      return [body.available, body.availableHere];
    };
    expect(await read('aurora', aurora)).toEqual([100, undefined]);
    expect(await read('aurora', aurora, '?storeRef=aurora-1')).toEqual([100, 80]);
    expect(await read('aurora', aurora, '?storeRef=aurora-2')).toEqual([100, 30]);
    expect(await read('birch', birch, '?storeRef=birch-1')).toEqual([100, 50]);
  });

  it('an authorization gets what its place allows, and states how much that is', async () => {
    const ask = (storeRef: string | null, points: number): Promise<Answer> =>
      ledger.asBrand('birch', 'POST', '/v1/authorizations', {
        externalId: uuidv7(),
        memberRef: birch,
        points,
        storeRef,
      });
    const refused = await ask('birch-1', 51);
    expect([refused.status, refused.body.code, refused.body.limit]).toEqual([422, 'points_insufficient', 50]);
    const held = await ask(null, 50);
    expect([held.status, held.body.wallet]).toEqual([201, { available: 50, held: 50 }]);
    expect((await ask(null, 1)).body.limit).toBe(0);
  });

  it('invalid places are refused', async () => {
    const refused = await grant(1, [
      { brand: 'aurora', storeRef: 'aurora-9' },
      { brand: 'nobody' },
      { brand: 'birch', storeRef: 'birch-1' },
    ]);
    expect(refused.status).toBe(422);
    expect(refused.body.errors.map((fault: { pointer: string; code: string }) => [fault.pointer, fault.code])).toEqual([
      ['/places/0/storeRef', 'store_unknown'],
      ['/places/1/brand', 'not_found'],
      ['/places/2/storeRef', 'store_unknown'],
    ]);
    expect((await grant(1, [])).status).toBe(422);
  });
});
