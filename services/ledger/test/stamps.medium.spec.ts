import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import pg from 'pg';

import { PostingKind, RebateDueSchema, TierChangedSchema, TOPICS } from '#libs/contracts';
import type { LotMovement, PostingRecorded } from '#libs/contracts';
import { NetworkProbe } from '#libs/http';
import { uuidv7 } from '#libs/kernel';

import type { Answer } from '#libs/testing';
import { ledgerInvariants } from '../src/invariants/ledger-invariants.js';
import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

const at = (day: number): string => `2026-03-${`${day}`.padStart(2, '0')}T08:00:00+08:00`;
/** Aurora's prices rise on the 5th and its contract ends on the 14th; crest is paid less from the 10th; birch leaves on the 13th. */
const AURORA = [
  { validTo: at(5), accrualPrice: '1.05', operatorFee: '0.15' },
  { validFrom: at(5), validTo: at(14), accrualPrice: '1.20', operatorFee: '0.2', feeOnOwn: true },
];
const CREST = [
  { validTo: at(10), reimbursementPrice: '0.90' },
  { validFrom: at(10), reimbursementPrice: '0.80' },
];
const BIRCH = [{ validTo: at(13), reimbursementPrice: '0.85' }];

const V1 = {
  contractVersion: 1,
  fundingMode: 'pay_at_redemption',
  funders: [{ party: 'aurora', shareBp: 10_000 }],
  accrualPrice: '1.05',
  operatorFee: '0.15',
  feeOnOwn: false,
  currency: 'CNY',
};
const V2 = { ...V1, contractVersion: 2, accrualPrice: '1.20', operatorFee: '0.20', feeOnOwn: true };

interface Person {
  walletId: string;
  aurora: string;
  birch: string;
  crest: string;
}

describe('agreed terms stay with the points', () => {
  let ledger: LedgerUnderTest;

  beforeAll(async () => {
    ledger = await ledgerUnderTest(at(2));
    await ledger.brand('aurora', { contracts: AURORA });
    await ledger.brand('birch', { contracts: BIRCH });
    await ledger.brand('crest', { contracts: CREST });
    for (const brand of ['aurora', 'crest']) {
      await ledger.rule(brand, {
        earn: { points: 1, per: 1 },
        expiry: { kind: 'fixed', at: '2026-12-31T23:59:59+08:00' },
      });
    }
  }, 60_000);
  afterAll(async () => {
    const checks = await ledger.service.app.get(NetworkProbe, { strict: false }).invariants();
    await ledger.close();
    expect(checks.filter((check) => !check.ok)).toEqual([]);
  });

  const person = (): Person => {
    const { memberRef: aurora, walletId } = ledger.member('aurora');
    const [birch, crest] = ['birch', 'crest'].map((brand) => ledger.member(brand, walletId).memberRef);
    return { walletId, aurora, birch: birch ?? '', crest: crest ?? '' };
  };
  const buy = async (who: Person, net: number, day: number, over: object = {}): Promise<Answer> => {
    const answer = await ledger.asBrand('aurora', 'POST', '/v1/orders', {
      externalId: `${who.walletId}-${day}-${net}`,
      memberRef: who.aurora,
      storeRef: null,
      occurredAt: at(day),
      currency: 'CNY',
      lines: [{ lineId: '1', sku: 's', category: 'c', quantity: 1, net }],
      ...over,
    });
    expect([answer.status, answer.body.code]).toEqual([201, undefined]);
    return answer;
  };
  const reserve = async (brand: 'birch' | 'crest', who: Person, points: number, over: object = {}): Promise<string> => {
    const body = { externalId: uuidv7(), memberRef: who[brand], points, ttlSeconds: 604_800, ...over };
    const answer = await ledger.asBrand(brand, 'POST', '/v1/authorizations', body);
    expect([answer.status, answer.body.code]).toEqual([201, undefined]);
    return answer.body.id as string;
  };
  const take = async (brand: string, hold: string, over: object = {}): Promise<void> => {
    const answer = await ledger.asBrand(brand, 'POST', `/v1/authorizations/${hold}/captures`, {
      externalId: uuidv7(),
      ...over,
    });
    expect([answer.status, answer.body.code]).toEqual([201, undefined]);
  };
  const last = async (who: Person, kind: PostingKind): Promise<PostingRecorded> => {
    const found = (await ledger.postingsOf(who.walletId)).filter((posting) => posting.kind === kind).at(-1);
    if (found === undefined) throw new Error('no such posting');
    return found;
  };
  const sides = ({ redeemerTerms, movements }: PostingRecorded): unknown[] => [
    redeemerTerms === undefined ? null : [redeemerTerms.contractVersion, redeemerTerms.reimbursementPrice],
    movements.map(({ points, terms }) => [points, terms?.contractVersion, terms?.operatorFee]),
  ];

  let who: Person;
  let early: string;
  it('an issue states its whole contract, and when the points were earned and expire', async () => {
    who = person();
    await buy(who, 100, 2, { campaign: 'spring' });
    const issued = await last(who, PostingKind.ACCRUAL);
    expect(issued).toMatchObject({ asset: 'PTS', movements: [{ points: 100n, campaign: 'spring', terms: V1 }] });
    expect(issued.redeemerTerms).toBeUndefined();
    const [movement] = issued.movements;
    expect(instants(movement)).toEqual([at(2), '2026-12-31T23:59:59+08:00']);
  });

  it('a capture states the redeemer’s price at the time, and what each issuer agreed to when it gave the points', async () => {
    await ledger.at(at(6));
    await buy(who, 50, 6, { campaign: 'summer' });
    expect(await last(who, PostingKind.ACCRUAL)).toMatchObject({ movements: [{ points: 50n, terms: V2 }] });
    early = await reserve('crest', who, 120);
    await take('crest', early, { points: 90, final: false });
    expect(sides(await last(who, PostingKind.CAPTURE))).toEqual([[1, '0.90'], [[-90n, 1, '0.15']]]);
    // the redeemer's price changes between two captures of one authorization
    await ledger.at(at(11));
    await take('crest', early, { points: 20, final: true });
    expect(sides(await last(who, PostingKind.CAPTURE))).toEqual([
      [2, '0.80'],
      [
        [-10n, 1, '0.15'],
        [-10n, 2, '0.20'],
      ],
    ]);
  });

  it('a quote’s price is stored beside the contract’s', async () => {
    const ask = { memberRef: who.crest, points: 5, basketTotal: 1_000, currency: 'CNY' };
    const quote = await ledger.asBrand('crest', 'POST', '/v1/quotes', ask);
    const hold = await reserve('crest', who, 5, { quoteId: quote.body.id, memberRef: undefined, points: undefined });
    await ledger.brand('crest', {
      contracts: [
        ...CREST.slice(0, 1),
        { ...CREST[1], validTo: at(12) },
        { validFrom: at(12), reimbursementPrice: '0.70' },
      ],
    });
    await ledger.at(at(12));
    await take('crest', hold);
    const taken = await last(who, PostingKind.CAPTURE);
    expect(taken).toMatchObject({
      quotedReimbursement: '0.80',
      redeemerTerms: { contractVersion: 3, reimbursementPrice: '0.70', currency: 'CNY' },
    });
  });

  it('a quote’s price that somebody edits in the hold is named, and the capture takes the one that was authorized', async () => {
    const owner = person();
    await buy(owner, 10, 12);
    const ask = { memberRef: owner.crest, points: 5, basketTotal: 1_000, currency: 'CNY' };
    const quote = await ledger.asBrand('crest', 'POST', '/v1/quotes', ask);
    const hold = await reserve('crest', owner, 5, { quoteId: quote.body.id, memberRef: undefined, points: undefined });
    const admin = new pg.Client({ connectionString: ledger.database.adminUrl });
    await admin.connect();
    await admin.query('set session_replication_role = replica');
    const failing = async (): Promise<string[]> =>
      (await ledgerInvariants(async (sql) => (await admin.query(sql)).rows))
        .filter(({ ok }) => !ok)
        .map(({ name }) => name);
    const { rows } = await admin.query(
      `select id, quoted_reimbursement_micro as price from hold where quote_id is not null and open and brand = 'crest'`,
    );
    expect(rows).toHaveLength(1);
    const [{ id, price }] = rows as [{ id: string; price: string }];
    await admin.query('update hold set quoted_reimbursement_micro = 7000000 where id = $1', [id]);
    expect(await failing()).toContain('holds.keep_their_quoted_price');
    await take('crest', hold);
    await admin.query('update hold set quoted_reimbursement_micro = $2 where id = $1', [id, price]);
    expect(await failing()).not.toContain('holds.keep_their_quoted_price');
    await admin.end();
    const taken = await last(owner, PostingKind.CAPTURE);
    expect(Number(taken?.quotedReimbursement)).toBe(Number(price) / 1_000_000);
  });

  it('a redeemer whose contract ends after it reserved points captures them under the terms of the reservation', async () => {
    const hold = await reserve('birch', who, 10);
    await ledger.at(at(13));
    await take('birch', hold);
    expect(sides(await last(who, PostingKind.CAPTURE))).toEqual([[1, '0.85'], [[-10n, 2, '0.20']]]);
    const refused = await ledger.asBrand('birch', 'POST', '/v1/authorizations', {
      externalId: 'b-2',
      memberRef: who.birch,
      points: 1,
    });
    expect([refused.status, refused.body.code]).toEqual([403, 'role_missing']);
  });

  it('returned points keep the terms of their lot, and a debt has the terms of the points it stands for', async () => {
    const debtor = person();
    await ledger.at(at(13));
    const order = await buy(debtor, 40, 13);
    const hold = await reserve('crest', debtor, 40);
    await take('crest', hold);
    await ledger.at(at(15));
    const back = { externalId: 'back', points: 4 };
    expect((await ledger.asBrand('crest', 'POST', `/v1/authorizations/${hold}/returns`, back)).status).toBe(201);
    expect(await last(debtor, PostingKind.REDEMPTION_RETURN)).toMatchObject({ movements: [{ points: 4n, terms: V2 }] });
    const returned = { externalId: 'r', occurredAt: at(15), lines: [{ lineId: '1', quantity: 1, net: 40 }] };
    const answer = await ledger.asBrand('aurora', 'POST', `/v1/orders/${order.body.externalId}/returns`, returned);
    expect(answer.body.points).toEqual({ reversed: 40, fromPending: 0, expired: 0, toDebt: 36 });
    expect(await last(debtor, PostingKind.ACCRUAL_REVERSAL)).toMatchObject({
      movements: [
        { points: -4n, debt: false, terms: V2 },
        { points: -36n, debt: true, terms: V2 },
      ],
    });
  });

  it('an issuer whose contract has ended is still liable for its points: spending, late orders, rebates', async () => {
    await ledger.at(at(15));
    await take('crest', await reserve('crest', who, 1));
    expect(sides(await last(who, PostingKind.CAPTURE))).toEqual([[3, '0.70'], [[-1n, 2, '0.20']]]);
    const late = person();
    await buy(late, 7, 4);
    expect(await last(late, PostingKind.ACCRUAL)).toMatchObject({ movements: [{ points: 7n, terms: V2 }] });
    const rebate = { entryId: uuidv7(), orderId: uuidv7(), seller: 'aurora', walletId: late.walletId, points: 9n };
    await ledger.tell(TOPICS.rewards, late.walletId, RebateDueSchema, {
      ...rebate,
      occurredAt: timestampFromDate(new Date(at(15))),
    });
    expect(await last(late, PostingKind.ACCRUAL)).toMatchObject({ points: 9n, movements: [{ terms: V2 }] });
  });

  it('an exiting brand keeps its terms to the last point; bringing an end forward does not change what was agreed', async () => {
    await ledger.brand('aurora', { contracts: AURORA, status: 'exiting' });
    await take('crest', await reserve('crest', who, 1));
    expect(await last(who, PostingKind.CAPTURE)).toMatchObject({ movements: [{ issuer: 'aurora', terms: V2 }] });
    await ledger.asOperator('POST', '/v1/operator/expirations', {
      externalId: 'x',
      brand: 'aurora',
      campaign: 'summer',
      reason: 'closed',
    });
    const gone = await last(who, PostingKind.EXPIRY);
    expect(gone.movements.map(({ points, terms }) => [points, terms?.contractVersion])).toEqual([[-23n, 2]]);
    expect(instants(gone.movements[0])).toEqual([at(6), '2026-12-31T23:59:59+08:00']);
  });

  it('the operator’s points have no contract and are funded by it', async () => {
    const gold = person();
    await ledger.tell(TOPICS.tiers, gold.walletId, TierChangedSchema, {
      walletId: gold.walletId,
      version: 1n,
      steps: [
        {
          since: timestampFromDate(new Date(at(1))),
          rank: 2,
          tier: 'gold',
          earnMultiplier: '1.5',
          multiplierFunder: 'operator',
          ladderVersion: 1,
        },
      ],
    });
    const order = { externalId: 'g', memberRef: gold.crest, storeRef: null, occurredAt: at(15), currency: 'CNY' };
    const lines = [{ lineId: '1', sku: 's', category: 'c', quantity: 1, net: 20 }];
    expect((await ledger.asBrand('crest', 'POST', '/v1/orders', { ...order, lines })).status).toBe(201);
    const { movements } = await last(gold, PostingKind.ACCRUAL);
    expect(
      movements.map(({ issuer, points, terms }) => [issuer, points, terms?.contractVersion, terms?.funders]),
    ).toEqual([
      ['crest', 20n, 3, [expect.objectContaining({ party: 'crest', shareBp: 10_000 })]],
      ['operator', 10n, 0, [expect.objectContaining({ party: 'operator', shareBp: 10_000 })]],
    ]);
  });
});

function instants(movement: LotMovement | undefined): (string | undefined)[] {
  return [movement?.earnedAt, movement?.expiresAt].map((stamp) =>
    stamp === undefined
      ? undefined
      : `${new Date(timestampDate(stamp).getTime() + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`,
  );
}
