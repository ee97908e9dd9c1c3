import { fromBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';

import { EarningsConvertedSchema, RebateDueSchema, RewardOutcome, RewardSettledSchema, TOPICS } from '#libs/contracts';
import { uuidv7 } from '#libs/kernel';
import type { Answer } from '#libs/testing';
import { AT, ledgerWithRules, lotsOf } from './orders-under-test.js';

const rig = ledgerWithRules();

describe('rewards', () => {
  const at = timestampFromDate(new Date(AT));
  const rebate = (walletId: string, entryId: string, points: bigint, orderId = 'o-1'): Promise<void> =>
    rig.ledger.tell(TOPICS.rewards, walletId, RebateDueSchema, {
      entryId,
      orderId,
      seller: 'aurora',
      walletId,
      points,
      occurredAt: at,
    });
  const convert = (walletId: string, conversionId: string, points: bigint): Promise<void> =>
    rig.ledger.tell(TOPICS.rewards, walletId, EarningsConvertedSchema, {
      conversionId,
      walletId,
      points,
      price: '1.05',
      occurredAt: at,
    });

  it('give the seller’s rebate once and take it back, down to a debt', async () => {
    const member = rig.ledger.member('aurora');
    const key = uuidv7();
    await rebate(member.walletId, key, 300n);
    await rebate(member.walletId, key, 300n);
    expect(await lotsOf(member.memberRef)).toEqual([['aurora', 'referral_rebate', 300]]);
    const { body } = await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet/entries`);
    expect(body.data).toMatchObject([{ type: 'accrual', points: 300, reason: 'referral_rebate' }]);
    const back = uuidv7();
    await rebate(member.walletId, back, -320n);
    await rebate(member.walletId, back, -320n);
    const wallet = await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet`);
    expect(wallet.body).toMatchObject({ available: 0, balance: -20, debt: 20 });
  });

  it('have keys that no client can use first', async () => {
    const member = rig.ledger.member('aurora');
    const [key, back] = [uuidv7(), uuidv7()];
    for (const externalId of [key, back]) {
      const grant = { externalId, memberRef: member.memberRef, points: 1, reason: 'goodwill' };
      expect((await rig.ledger.asBrand('aurora', 'POST', '/v1/grants', grant)).status).toBe(201);
    }
    await rebate(member.walletId, key, 300n, 'o-2');
    await rebate(member.walletId, back, -300n, 'o-2');
    const wallet = await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet`);
    expect(wallet.body).toMatchObject({ available: 2, debt: 0 });
  });

  it('give converted earnings as points of the operator, and take 2,285 of 5,714 back', async () => {
    const member = rig.ledger.member('crest');
    await convert(member.walletId, uuidv7(), 5_714n);
    expect(await lotsOf(member.memberRef)).toEqual([['operator', 'earnings_conversion', 5_714]]);
    await convert(member.walletId, uuidv7(), -2_285n);
    expect(await lotsOf(member.memberRef)).toEqual([['operator', 'earnings_conversion', 3_429]]);
    expect(
      (await rig.ledger.asBrand('crest', 'GET', `/v1/members/${member.memberRef}/wallet/entries`)).body.data,
    ).toEqual([]);
  });
});

describe('rewards of a brand that never had a contract', () => {
  const at = timestampFromDate(new Date(AT));
  const rebate = (walletId: string, entryId: string, seller: string, points: bigint): Promise<void> =>
    rig.ledger.tell(TOPICS.rewards, walletId, RebateDueSchema, {
      entryId,
      orderId: `o-${seller}`,
      seller,
      walletId,
      points,
      occurredAt: at,
    });

  it('are declined finally and on record, and delay no others', async () => {
    await rig.ledger.brand('bare', { contracts: [] });
    const member = rig.ledger.member('aurora');
    const [declined, taken, given] = [uuidv7(), uuidv7(), uuidv7()];
    await rebate(member.walletId, declined, 'bare', 90n);
    await rebate(member.walletId, declined, 'bare', 90n);
    await rebate(member.walletId, given, 'aurora', 30n);
    // even with a later contract, a reward that was never given is not taken back
    await rig.ledger.brand('bare');
    await rebate(member.walletId, declined, 'bare', 90n);
    await rebate(member.walletId, taken, 'bare', -40n);
    expect(await lotsOf(member.memberRef)).toEqual([['aurora', 'referral_rebate', 30]]);
    const row = {
      issuer: 'bare',
      reason: 'referral_rebate',
      occurredAt: expect.any(String),
      declinedAt: expect.any(String),
    };
    const list = (query: string): Promise<Answer> =>
      rig.ledger.asOperator('GET', `/v1/operator/declined-rewards${query}`);
    const first = await list('?limit=1');
    expect(first.body.data).toEqual([{ ...row, key: declined, points: 90, cause: 'role_missing' }]);
    const rest = await list(`?limit=5&after=${first.body.page.after}`);
    expect(rest.body).toEqual({
      data: [{ ...row, key: taken, points: -40, cause: 'role_missing' }],
      page: { after: null, more: false },
    });
    expect((await rig.ledger.asBrand('aurora', 'GET', '/v1/operator/declined-rewards')).status).toBe(403);
    const wallet = await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet`);
    expect(wallet.body).toMatchObject({ available: 30, debt: 0 });
  });

  it('are declined if one order would give more than the seller’s contract allows', async () => {
    const member = rig.ledger.member('aurora');
    const [large, back, most] = [uuidv7(), uuidv7(), uuidv7()];
    await rebate(member.walletId, large, 'aurora', 10_000_001n);
    await rebate(member.walletId, back, 'aurora', -1n);
    const available = async (): Promise<unknown> =>
      (await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${member.memberRef}/wallet`)).body;
    expect(await available()).toMatchObject({ available: 0, debt: 0 });
    const listed = (await rig.ledger.asOperator('GET', '/v1/operator/declined-rewards?limit=200')).body.data as {
      key: string;
    }[];
    expect(listed.filter(({ key }) => [large, back].includes(key))).toHaveLength(2);
    const other = rig.ledger.member('aurora');
    await rebate(other.walletId, most, 'aurora', 10_000_000n);
    const { body } = await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${other.memberRef}/wallet`);
    expect(body).toMatchObject({ available: 10_000_000 });
  });
});

describe('converted earnings for which a full wallet has no room', () => {
  it('are declined finally and on record; taking them back takes nothing, taking others back does', async () => {
    const most = 9_007_199_254_740_991n;
    const { walletId, memberRef } = rig.ledger.member('crest');
    const convert = (conversionId: string, points: bigint, reversesConversionId = ''): Promise<void> =>
      rig.ledger.tell(TOPICS.rewards, walletId, EarningsConvertedSchema, {
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
    const { body } = await rig.ledger.asBrand('crest', 'GET', `/v1/members/${memberRef}/wallet`);
    expect(body).toMatchObject({ available: Number(most - 50n + 20n - 1_000n), debt: 0 });
    const listed = (await rig.ledger.asOperator('GET', '/v1/operator/declined-rewards?limit=200')).body.data as {
      key: string;
      points: number;
    }[];
    expect(listed.filter(({ key }) => [full, back].includes(key)).map(({ points }) => points)).toEqual([100, -40]);
    await convert(uuidv7(), 1_000n + 50n - 20n - most, first);
    // each gets the same answer every time, under one id, so that the sender can drop repeats
    const rows: { id: string; body: Buffer }[] = await rig.ledger.dataSource.query(
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
