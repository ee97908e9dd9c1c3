import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';

import {
  EarningsConvertedSchema,
  RewardOutcome,
  RewardSettledSchema,
  OrderDeliveredSchema,
  OrderRecordedSchema,
  OrderReturnedSchema,
  RebateDueSchema,
  TierChangedSchema,
  TOPICS,
} from '#libs/contracts';
import { NetworkProbe } from '#libs/http';
import { uuidv7 } from '#libs/kernel';
import type { OutgoingRecord } from '#libs/messaging';

import type { Answer } from '#libs/testing';
import { WireIdsService } from '../src/ids/wire-ids.service.js';
import { MemberTiersService } from '../src/tiers/member-tiers.service.js';
import { TiersRepository } from '../src/tiers/tiers.repository.js';
import { OrderEventsSource } from '../src/orders/order-events.source.js';
import { ledgerUnderTest, readAll } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

const AT = '2026-03-02T08:00:00+08:00';
const gold = { tier: 'gold', rank: 2, multiplier: '1.25', funder: 'operator' as const, ladderVersion: 3 };
let ledger: LedgerUnderTest;
beforeAll(async () => {
  ledger = await ledgerUnderTest('2026-03-10T08:00:00+08:00');
  await ledger.brand('aurora');
  await ledger.brand('crest');
  for (const brand of ['aurora', 'crest']) expect((await ledger.rule(brand)).status).toBe(201);
}, 60_000);
afterAll(async () => {
  const checks = await ledger.service.app.get(NetworkProbe, { strict: false }).invariants();
  await ledger.close();
  expect(checks.filter((check) => !check.ok)).toEqual([]);
});

const order = (externalId: string, memberRef: string, net: number, over: object = {}): object => ({
  externalId,
  memberRef,
  storeRef: null,
  occurredAt: AT,
  currency: 'CNY',
  lines: [{ lineId: '1', sku: 'latte', category: 'drinks', quantity: 10, net }],
  ...over,
});
const buy = (memberRef: string, externalId: string, net: number, over: object = {}): Promise<Answer> =>
  ledger.asBrand('aurora', 'POST', '/v1/orders', order(externalId, memberRef, net, over));
const giveBack = (order: string, externalId: string, quantity: number, net: number): Promise<Answer> =>
  ledger.asBrand('aurora', 'POST', `/v1/orders/${order}/returns`, {
    externalId,
    occurredAt: AT,
    lines: [{ lineId: '1', quantity, net }],
  });
const lotsOf = async (memberRef: string): Promise<[issuer: string, reason: string, remaining: number][]> => {
  const { body } = await ledger.asOperator('GET', `/v1/operator/members/${memberRef}/lots`);
  return (body.data as { issuer: string; reason: string; remaining: number }[]).map((lot) => [
    lot.issuer,
    lot.reason,
    lot.remaining,
  ]);
};
interface Step {
  since: string;
  rank?: number;
  multiplier?: string;
}
/** Sends all tiers of a wallet; gold unless a step specifies otherwise. */
const ranks = (walletId: string, funder: string, version: bigint, steps: readonly Step[]): Promise<void> =>
  ledger.tell(TOPICS.tiers, walletId, TierChangedSchema, {
    walletId,
    version,
    steps: steps.map(({ since, rank = 2, multiplier = '1.25' }) => ({
      since: timestampFromDate(new Date(since)),
      rank,
      tier: ['member', 'silver', 'gold', 'black'][rank] ?? '',
      earnMultiplier: multiplier,
      multiplierFunder: funder,
      ladderVersion: 3,
    })),
  });
const SINCE = '2026-02-20T00:00:00+08:00';
const rank = (walletId: string, funder: string, version: bigint, multiplier = '1.25'): Promise<void> =>
  ranks(walletId, funder, version, [{ since: SINCE, multiplier }]);
const outstanding = async (issuer: string): Promise<number> => {
  const { body } = await ledger.asService('GET', '/internal/v1/outstanding');
  const issuers = body.issuers as { brand: string; points: string }[];
  return Number(issuers.find(({ brand }) => brand === issuer)?.points ?? 0);
};

describe('a rank', () => {
  it('adds a separate lot owed by the operator, and returns take it back from there', async () => {
    const member = ledger.member('aurora');
    await rank(member.walletId, 'operator', 1n);
    const before = await outstanding('operator');
    const bought = await buy(member.memberRef, 'T-1', 5_600);
    expect(bought.body).toMatchObject({
      points: { earned: 70, pending: 0 },
      lines: [{ lineId: '1', points: 56 }],
      trace: ['base v1: 1 per 100 on 5600 = 56', 'tier gold ×1.25 on 56 = 14'],
      wallet: { available: 70 },
    });
    expect(await lotsOf(member.memberRef)).toEqual(
      expect.arrayContaining([
        ['aurora', 'purchase', 56],
        ['operator', 'tier_bonus', 14],
      ]),
    );
    expect((await outstanding('operator')) - before).toBe(14);
    expect((await buy(member.memberRef, 'T-1', 5_600)).body).toEqual(bought.body);
    // a later tier does not affect earlier orders
    await rank(member.walletId, 'operator', 2n, '2');
    expect((await giveBack('T-1', 'T-1-r', 5, 2_800)).body.points).toEqual({
      reversed: 35,
      fromPending: 0,
      expired: 0,
      toDebt: 0,
    });
    expect((await outstanding('operator')) - before).toBe(7);
    expect((await giveBack('T-1', 'T-1-s', 5, 2_800)).body).toMatchObject({
      points: { reversed: 35 },
      wallet: { available: 0 },
    });
    expect((await outstanding('operator')) - before).toBe(0);
    expect((await ledger.asBrand('aurora', 'GET', '/v1/orders/T-1')).body.points).toMatchObject({
      earned: 70,
      reversed: 70,
    });
  });

  it('funded by the seller is owed by the seller; an older version of it changes nothing', async () => {
    const member = ledger.member('aurora');
    await rank(member.walletId, 'seller', 5n);
    await rank(member.walletId, 'operator', 4n, '3');
    expect((await buy(member.memberRef, 'T-2', 5_600)).body.points.earned).toBe(70);
    expect((await lotsOf(member.memberRef)).map(([issuer]) => issuer)).toEqual(['aurora', 'aurora']);
  });

  it('counts from when it was reached, and spent points become a debt to each issuer when the goods come back', async () => {
    const member = ledger.member('aurora');
    await rank(member.walletId, 'operator', 1n);
    expect(
      (await buy(member.memberRef, 'T-3', 5_600, { occurredAt: '2026-02-19T12:00:00+08:00' })).body.points.earned,
    ).toBe(56);
    expect((await giveBack('T-3', 'T-3-r', 10, 5_600)).body.wallet.available).toBe(0);
    await buy(member.memberRef, 'T-4', 10_000);
    const spent = await ledger.asBrand('aurora', 'POST', '/v1/authorizations', {
      externalId: 'T-4-a',
      memberRef: member.memberRef,
      points: 125,
    });
    await ledger.asBrand('aurora', 'POST', `/v1/authorizations/${spent.body.id}/captures`, { externalId: 'T-4-c' });
    expect((await giveBack('T-4', 'T-4-r', 10, 10_000)).body.points).toEqual({
      reversed: 125,
      fromPending: 0,
      expired: 0,
      toDebt: 125,
    });
    // new points of each issuer repay the debt to it
    const again = await buy(member.memberRef, 'T-5', 10_000);
    expect(again.body).toMatchObject({ points: { earned: 125 }, wallet: { available: 0 } });
    const { body } = await ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet`);
    expect(body).toMatchObject({ available: 0, debt: 0, balance: 0 });
  });

  it('in force at the time of a late order applies to the order and its return', async () => {
    const member = ledger.member('aurora');
    await ranks(member.walletId, 'operator', 3n, [
      { since: '2026-02-15T00:00:00+08:00' },
      { since: '2026-02-25T00:00:00+08:00', rank: 3, multiplier: '2' },
      { since: '2026-03-05T00:00:00+08:00', rank: 0, multiplier: '1' },
    ]);
    const on = async (day: string, externalId: string): Promise<number> =>
      (await buy(member.memberRef, externalId, 5_600, { occurredAt: `${day}T12:00:00+08:00` })).body.points.earned;
    expect([
      await on('2026-02-14', 'L-1'),
      await on('2026-02-15', 'L-2'),
      await on('2026-03-04', 'L-3'),
      await on('2026-03-05', 'L-4'),
    ]).toEqual([56, 70, 112, 56]);
    expect((await giveBack('L-2', 'L-2-r', 10, 5_600)).body.points.reversed).toBe(70);
  });

  it('applies from the moment it is published, even on instances that did not receive the event', async () => {
    const [one, other] = [ledger.member('aurora'), ledger.member('aurora')];
    expect((await buy(one.memberRef, 'N-1', 5_600)).body.points.earned).toBe(56);
    expect((await buy(other.memberRef, 'N-2', 5_600)).body.points.earned).toBe(56);
    await rank(one.walletId, 'operator', 1n);
    expect((await buy(one.memberRef, 'N-3', 5_600)).body.points.earned).toBe(70);
    const steps = [{ ...gold, since: Date.parse(SINCE) }];
    await ledger.dataSource.transaction((tx) =>
      ledger.service.app
        .get(TiersRepository, { strict: false })
        .put(tx, [{ walletId: other.walletId, version: 1, steps }]),
    );
    const tiers = ledger.service.app.get(MemberTiersService, { strict: false });
    for (let left = 100; (await tiers.at(other.walletId, new Date(AT))) === null; left -= 1) {
      expect(left).toBeGreaterThan(0);
      await sleep(20);
    }
    expect((await buy(other.memberRef, 'N-4', 5_600)).body.points.earned).toBe(70);
  });

  it('applies to what is left of an order even if it added nothing to the whole order', async () => {
    const member = ledger.member('aurora');
    await rank(member.walletId, 'operator', 1n);
    // 1.00 × 1.25 and 0.80 × 1.25 are both one point
    expect((await buy(member.memberRef, 'Z-1', 100)).body.points.earned).toBe(1);
    expect((await giveBack('Z-1', 'Z-1-r', 1, 20)).body.points.reversed).toBe(0);
    expect((await giveBack('Z-1', 'Z-1-s', 9, 80)).body.points.reversed).toBe(1);
  });

  it('decides which rules apply to a line', async () => {
    await ledger.brand('dune');
    await ledger.rule('dune');
    await ledger.rule('dune', { name: 'gold', match: { tiers: ['gold'] }, earn: { points: 3, per: 100 } });
    const [golden, plain] = [ledger.member('dune'), ledger.member('dune')];
    await rank(golden.walletId, 'seller', 1n, '1');
    const at = (memberRef: string, id: string): Promise<Answer> =>
      ledger.asBrand('dune', 'POST', '/v1/orders', order(id, memberRef, 1_000));
    expect((await at(golden.memberRef, 'D-1')).body.trace).toEqual(['gold v1: 3 per 100 on 1000 = 30']);
    expect((await at(plain.memberRef, 'D-2')).body.points.earned).toBe(10);
  });
});

describe('rewards', () => {
  const at = timestampFromDate(new Date(AT));
  const rebate = (walletId: string, entryId: string, points: bigint, orderId = 'o-1'): Promise<void> =>
    ledger.tell(TOPICS.rewards, walletId, RebateDueSchema, {
      entryId,
      orderId,
      seller: 'aurora',
      walletId,
      points,
      occurredAt: at,
    });
  const convert = (walletId: string, conversionId: string, points: bigint): Promise<void> =>
    ledger.tell(TOPICS.rewards, walletId, EarningsConvertedSchema, {
      conversionId,
      walletId,
      points,
      price: '1.05',
      occurredAt: at,
    });

  it('give the seller’s rebate once and take it back, down to a debt', async () => {
    const member = ledger.member('aurora');
    const key = uuidv7();
    await rebate(member.walletId, key, 300n);
    await rebate(member.walletId, key, 300n);
    expect(await lotsOf(member.memberRef)).toEqual([['aurora', 'referral_rebate', 300]]);
    const { body } = await ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet/entries`);
    expect(body.data).toMatchObject([{ type: 'accrual', points: 300, reason: 'referral_rebate' }]);
    const back = uuidv7();
    await rebate(member.walletId, back, -320n);
    await rebate(member.walletId, back, -320n);
    const wallet = await ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet`);
    expect(wallet.body).toMatchObject({ available: 0, balance: -20, debt: 20 });
  });

  it('have keys that no client can use first', async () => {
    const member = ledger.member('aurora');
    const [key, back] = [uuidv7(), uuidv7()];
    for (const externalId of [key, back]) {
      const grant = { externalId, memberRef: member.memberRef, points: 1, reason: 'goodwill' };
      expect((await ledger.asBrand('aurora', 'POST', '/v1/grants', grant)).status).toBe(201);
    }
    await rebate(member.walletId, key, 300n, 'o-2');
    await rebate(member.walletId, back, -300n, 'o-2');
    const wallet = await ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet`);
    expect(wallet.body).toMatchObject({ available: 2, debt: 0 });
  });

  it('give converted earnings as points of the operator, and take 2,285 of 5,714 back', async () => {
    const member = ledger.member('crest');
    await convert(member.walletId, uuidv7(), 5_714n);
    expect(await lotsOf(member.memberRef)).toEqual([['operator', 'earnings_conversion', 5_714]]);
    await convert(member.walletId, uuidv7(), -2_285n);
    expect(await lotsOf(member.memberRef)).toEqual([['operator', 'earnings_conversion', 3_429]]);
    expect((await ledger.asBrand('crest', 'GET', `/v1/members/${member.memberRef}/wallet/entries`)).body.data).toEqual(
      [],
    );
  });
});

describe('rewards of a brand that never had a contract', () => {
  const at = timestampFromDate(new Date(AT));
  const rebate = (walletId: string, entryId: string, seller: string, points: bigint): Promise<void> =>
    ledger.tell(TOPICS.rewards, walletId, RebateDueSchema, {
      entryId,
      orderId: `o-${seller}`,
      seller,
      walletId,
      points,
      occurredAt: at,
    });

  it('are declined finally and on record, and delay no others', async () => {
    await ledger.brand('bare', { contracts: [] });
    const member = ledger.member('aurora');
    const [declined, taken, given] = [uuidv7(), uuidv7(), uuidv7()];
    await rebate(member.walletId, declined, 'bare', 90n);
    await rebate(member.walletId, declined, 'bare', 90n);
    await rebate(member.walletId, given, 'aurora', 30n);
    // even with a later contract, a reward that was never given is not taken back
    await ledger.brand('bare');
    await rebate(member.walletId, declined, 'bare', 90n);
    await rebate(member.walletId, taken, 'bare', -40n);
    expect(await lotsOf(member.memberRef)).toEqual([['aurora', 'referral_rebate', 30]]);
    const row = {
      issuer: 'bare',
      reason: 'referral_rebate',
      occurredAt: expect.any(String),
      declinedAt: expect.any(String),
    };
    const list = (query: string): Promise<Answer> => ledger.asOperator('GET', `/v1/operator/declined-rewards${query}`);
    const first = await list('?limit=1');
    expect(first.body.data).toEqual([{ ...row, key: declined, points: 90, cause: 'role_missing' }]);
    const rest = await list(`?limit=5&after=${first.body.page.after}`);
    expect(rest.body).toEqual({
      data: [{ ...row, key: taken, points: -40, cause: 'role_missing' }],
      page: { after: null, more: false },
    });
    expect((await ledger.asBrand('aurora', 'GET', '/v1/operator/declined-rewards')).status).toBe(403);
    const wallet = await ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet`);
    expect(wallet.body).toMatchObject({ available: 30, debt: 0 });
  });

  it('are declined if one order would give more than the seller’s contract allows', async () => {
    const member = ledger.member('aurora');
    const [large, back, most] = [uuidv7(), uuidv7(), uuidv7()];
    await rebate(member.walletId, large, 'aurora', 10_000_001n);
    await rebate(member.walletId, back, 'aurora', -1n);
    const available = async (): Promise<unknown> =>
      (await ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet`)).body;
    expect(await available()).toMatchObject({ available: 0, debt: 0 });
    const listed = (await ledger.asOperator('GET', '/v1/operator/declined-rewards?limit=200')).body.data as {
      key: string;
    }[];
    expect(listed.filter(({ key }) => [large, back].includes(key))).toHaveLength(2);
    const other = ledger.member('aurora');
    await rebate(other.walletId, most, 'aurora', 10_000_000n);
    const { body } = await ledger.asBrand('aurora', 'GET', `/v1/members/${other.memberRef}/wallet`);
    expect(body).toMatchObject({ available: 10_000_000 });
  });
});

describe('converted earnings for which a full wallet has no room', () => {
  it('are declined finally and on record; taking them back takes nothing, taking others back does', async () => {
    const most = 9_007_199_254_740_991n;
    const { walletId, memberRef } = ledger.member('crest');
    const convert = (conversionId: string, points: bigint, reversesConversionId = ''): Promise<void> =>
      ledger.tell(TOPICS.rewards, walletId, EarningsConvertedSchema, {
        conversionId,
        reversesConversionId,
        walletId,
        points,
        price: '1.05',
        cost: '0',
        currency: 'CNY',
        occurredAt: timestampFromDate(new Date(AT)),
      });
    const [first, full, back] = [uuidv7(), uuidv7(), uuidv7()];
    await convert(first, most - 50n);
    await convert(full, 100n);
    await convert(uuidv7(), 20n);
    await convert(back, -40n, full);
    // declined permanently, although there is room now
    await convert(uuidv7(), -1_000n, first);
    await convert(full, 100n);
    const { body } = await ledger.asBrand('crest', 'GET', `/v1/members/${memberRef}/wallet`);
    expect(body).toMatchObject({ available: Number(most - 50n + 20n - 1_000n), debt: 0 });
    const listed = (await ledger.asOperator('GET', '/v1/operator/declined-rewards?limit=200')).body.data as {
      key: string;
      points: number;
    }[];
    expect(listed.filter(({ key }) => [full, back].includes(key)).map(({ points }) => points)).toEqual([100, -40]);
    await convert(uuidv7(), 1_000n + 50n - 20n - most, first);
    // each gets the same answer every time, under one id, so that the sender can drop repeats
    const rows: { id: string; body: Buffer }[] = await ledger.dataSource.query(
      'select distinct id, body from outbox where topic = $1 and key = $2',
      [TOPICS.rewardAnswers, walletId],
    );
    const answers = rows.map(({ id, body }) => ({ id, ...fromBinary(RewardSettledSchema, body) }));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(6);
    const answerOf = (of: string): unknown[] => answers.filter(({ key }) => key === of);
    expect(answerOf(first)).toMatchObject([{ walletId, outcome: RewardOutcome.POSTED, reason: '' }]);
    const declined = { walletId, outcome: RewardOutcome.DECLINED, reason: 'wallet_limit_exceeded' };
    expect(answerOf(back)).toMatchObject([declined]);
    expect(answerOf(full)).not.toHaveLength(0);
    for (const answer of answerOf(full)) expect(answer).toMatchObject(declined);
  });
});

describe('orders as events', () => {
  const eventsOf = async (walletId: string): Promise<OutgoingRecord[]> => {
    const source = ledger.service.app.get(OrderEventsSource, { strict: false });
    return (await readAll(ledger.database.databaseUrl, source)).filter(({ key }) => key === walletId);
  };

  it('cover every order, its returns and its delivery, in that order', async () => {
    const member = ledger.member('aurora');
    const referral = { code: 'SPRING', click: 'ck-1' };
    const bought = await buy(member.memberRef, 'E-1', 5_600, { referral, fulfilment: 'delivery', campaign: 'spring' });
    await buy(member.memberRef, 'E-2', 0);
    await giveBack('E-1', 'E-1-r', 4, 2_000);
    const delivered = { externalId: 'E-1-d', occurredAt: '2026-03-04T08:00:00+08:00' };
    const deliver = (): Promise<Answer> => ledger.asBrand('aurora', 'POST', '/v1/orders/E-1/deliveries', delivered);
    const first = await deliver();
    expect(first).toMatchObject({
      status: 201,
      body: { externalId: 'E-1-d', points: { released: 0, expired: 0 }, wallet: { available: 36 } },
    });
    expect((await deliver()).body).toEqual(first.body);
    expect((await ledger.asBrand('aurora', 'POST', '/v1/orders/none/deliveries', delivered)).status).toBe(422);
    expect(
      (await ledger.asBrand('aurora', 'POST', '/v1/orders/none/deliveries', { ...delivered, externalId: 'x' })).status,
    ).toBe(404);

    const events = await eventsOf(member.walletId);
    expect(events.map(({ schemaName }) => schemaName.split('.').at(-1))).toEqual([
      'OrderRecorded',
      'OrderRecorded',
      'OrderReturned',
      'OrderDelivered',
    ]);
    const [recorded, nothing, returned, delivery] = events.map(({ value }) => value);
    const id = ledger.service.app.get(WireIdsService, { strict: false }).in('od', bought.body.id);
    const one = fromBinary(OrderRecordedSchema, recorded ?? new Uint8Array());
    expect(one).toMatchObject({
      orderId: id,
      externalId: 'E-1',
      brand: 'aurora',
      walletId: member.walletId,
      fulfilment: 'delivery',
    });
    expect(one).toMatchObject({
      referral: { code: 'SPRING', guide: '', click: 'ck-1' },
      campaign: 'spring',
      currency: 'CNY',
    });
    expect(one.lines).toMatchObject([{ lineId: '1', sku: 'latte', category: 'drinks', quantity: 10n, net: 5_600n }]);
    expect(fromBinary(OrderRecordedSchema, nothing ?? new Uint8Array())).toMatchObject({
      externalId: 'E-2',
      fulfilment: 'in_store',
    });
    const back = fromBinary(OrderReturnedSchema, returned ?? new Uint8Array());
    expect(back).toMatchObject({
      orderId: id,
      orderExternalId: 'E-1',
      externalId: 'E-1-r',
      memberRef: member.memberRef,
    });
    expect(back.lines).toMatchObject([{ lineId: '1', quantity: 4n, net: 2_000n }]);
    const there = fromBinary(OrderDeliveredSchema, delivery ?? new Uint8Array());
    expect(there).toMatchObject({ orderId: id, orderExternalId: 'E-1', brand: 'aurora' });
    expect(there.occurredAt && timestampDate(there.occurredAt).toISOString()).toBe('2026-03-04T00:00:00.000Z');
    expect(new Set(events.map((event) => event.id)).size).toBe(4);
  });

  it('let points wait for the delivery if the rule requires it', async () => {
    await ledger.brand('ember');
    expect((await ledger.rule('ember', { pendingUntil: 'delivered', pendingDays: 3 })).status).toBe(422);
    expect((await ledger.rule('ember', { pendingUntil: 'delivered' })).body.pendingUntil).toBe('delivered');
    const member = ledger.member('ember');
    const at = (id: string, over: object): Promise<Answer> =>
      ledger.asBrand('ember', 'POST', '/v1/orders', order(id, member.memberRef, 1_000, over));
    expect((await at('M-1', {})).body.points).toMatchObject({ earned: 10, pending: 0 });
    expect((await at('M-2', { fulfilment: 'delivery' })).body.points).toEqual({
      earned: 0,
      pending: 10,
      availableAt: null,
    });
    const delivered = await ledger.asBrand('ember', 'POST', '/v1/orders/M-2/deliveries', {
      externalId: 'M-2-d',
      occurredAt: AT,
    });
    expect(delivered.body).toMatchObject({ points: { released: 10 }, wallet: { available: 20 } });
  });
});

describe('a repeat gets its first answer', () => {
  it('even if the brand was suspended and the member left meanwhile', async () => {
    await ledger.brand('frost');
    await ledger.rule('frost');
    const member = ledger.member('frost');
    const { memberRef } = member;
    const post = (path: string, body: object): Promise<Answer> => ledger.asBrand('frost', 'POST', path, body);
    const calls: [string, object][] = [
      ['/v1/orders', order('F-1', memberRef, 5_000)],
      [
        '/v1/orders/F-1/returns',
        { externalId: 'F-1-r', occurredAt: AT, lines: [{ lineId: '1', quantity: 10, net: 5_000 }] },
      ],
      ['/v1/grants', { externalId: 'F-2', memberRef, points: 100, reason: 'signup' }],
      ['/v1/authorizations', { externalId: 'F-3', memberRef, points: 10 }],
    ];
    const quote = await post('/v1/quotes', { memberRef, points: 10, basketTotal: 1_000, currency: 'CNY' });
    const answers: Answer[] = [];
    for (const [path, body] of calls) answers.push(await post(path, body));
    calls.push(['/v1/authorizations', { externalId: 'F-4', quoteId: quote.body.id }]);
    answers.push(await post('/v1/authorizations', { externalId: 'F-4', quoteId: quote.body.id }));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    await ledger.endLink(memberRef);
    await ledger.at('2026-03-20T08:00:00+08:00');
    const expectRepeats = async (): Promise<void> => {
      for (const [index, [path, body]] of calls.entries()) {
        const again = await post(path, body);
        expect([path, again.status, again.text]).toEqual([path, answers[index]?.status, answers[index]?.text]);
        expect(again.headers.get('idempotency-replayed')).toBe('true');
      }
    };
    await expectRepeats();
    await ledger.brand('frost', { status: 'suspended' });
    await expectRepeats();
    expect((await post('/v1/orders', order('F-9', memberRef, 5_000))).body.code).toBe('brand_suspended');
    expect((await post('/v1/orders', order('F-1', memberRef, 5_001))).body.code).toBe('idempotency_conflict');
  });
});
