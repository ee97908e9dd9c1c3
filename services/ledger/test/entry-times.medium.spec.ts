import { timestampDate } from '@bufbuild/protobuf/wkt';

import { PostingKind } from '#libs/contracts';

import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

const START = '2026-03-02T00:00:00Z';
let ledger: LedgerUnderTest;
let count = 0;

beforeAll(async () => {
  ledger = await ledgerUnderTest(START);
  for (const brand of ['aurora', 'birch', 'crest']) await ledger.brand(brand);
  await ledger.rule('aurora', { earn: { points: 1, per: 1 } });
  await ledger.rule('birch', { earn: { points: 1, per: 1 }, pendingDays: 7 });
});
afterAll(() => ledger.close());

/** One person who is a member of all three brands. */
function person(): Record<'aurora' | 'birch' | 'crest' | 'walletId', string> {
  const { memberRef: aurora, walletId } = ledger.member('aurora');
  return {
    walletId,
    aurora,
    birch: ledger.member('birch', walletId).memberRef,
    crest: ledger.member('crest', walletId).memberRef,
  };
}

async function made(brand: string, path: string, body: object): Promise<string> {
  const answer = await ledger.asBrand(brand, 'POST', path, { externalId: `x-${(count += 1)}`, ...body });
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  return answer.body.id as string;
}

const order = (brand: string, memberRef: string, externalId: string, net: number): Promise<string> =>
  made(brand, '/v1/orders', {
    externalId,
    memberRef,
    occurredAt: ledger.clock.now().toISOString(),
    currency: 'CNY',
    lines: [{ lineId: '1', quantity: 1, net }],
  });

/** Type and both times of a brand's entries, newest first. */
async function entries(brand: string, memberRef: string): Promise<[string, string, string][]> {
  const { body } = await ledger.asBrand(brand, 'GET', `/v1/members/${memberRef}/wallet/entries`);
  return (body.data as { type: string; occurredAt: string; postedAt: string }[]).map((entry) => [
    entry.type,
    entry.occurredAt,
    entry.postedAt,
  ]);
}

it('points of two brands that expire between two reads of the wallet expire at their own instants, as each brand sees it', async () => {
  const { aurora, birch } = person();
  await made('aurora', '/v1/grants', {
    memberRef: aurora,
    points: 5,
    reason: 'r',
    occurredAt: START,
    expiresAt: '2026-03-03T10:00:00Z',
  });
  await made('birch', '/v1/grants', {
    memberRef: birch,
    points: 7,
    reason: 'r',
    occurredAt: START,
    expiresAt: '2026-03-05T11:30:00Z',
  });
  await ledger.at('2026-03-07T00:00:00Z');
  const [gone] = await entries('aurora', aurora);
  expect(gone).toEqual(['expiry', '2026-03-03T15:59:59Z', '2026-03-03T15:59:59Z']);
  expect((await entries('birch', birch))[0]).toEqual(['expiry', '2026-03-05T15:59:59Z', '2026-03-05T15:59:59Z']);
});

it('pending points become available as of their due time, whoever reads later', async () => {
  const { birch } = person();
  const from = ledger.clock.now();
  await order('birch', birch, `waits-${count}`, 100);
  await ledger.at(new Date(from.getTime() + 9 * 86_400_000).toISOString());
  const [freed] = await entries('birch', birch);
  const due = new Date(from.getTime() + 7 * 86_400_000).toISOString().replace('.000Z', 'Z');
  expect(freed).toEqual(['accrual_release', due, due]);
});

it('a debt repaid because goods came back elsewhere is repaid as of the day it arose: the issuer does not learn when', async () => {
  const { walletId, aurora, crest } = person();
  await order('aurora', aurora, 'A-1', 100);
  const quoteId = await made('crest', '/v1/quotes', {
    memberRef: crest,
    points: 100,
    basketTotal: 1_000,
    currency: 'CNY',
    externalId: undefined,
  });
  const hold = await made('crest', '/v1/authorizations', { quoteId });
  await made('crest', `/v1/authorizations/${hold}/captures`, {});
  await ledger.at('2026-03-20T08:00:00Z');
  await made('aurora', '/v1/orders/A-1/returns', {
    occurredAt: '2026-03-20T08:00:00Z',
    lines: [{ lineId: '1', quantity: 1, net: 100 }],
  });
  await ledger.at('2026-03-25T17:13:11Z');
  await made('crest', `/v1/authorizations/${hold}/returns`, { points: 100, occurredAt: '2026-03-25T17:13:11Z' });
  const told = await entries('aurora', aurora);
  expect(told.map(([type]) => type)).toEqual(['debt_repayment', 'accrual_reversal', 'accrual']);
  expect(told[0]).toEqual(['debt_repayment', '2026-03-20T08:00:00Z', '2026-03-20T08:00:00Z']);
  expect((await entries('crest', crest))[0]).toEqual([
    'redemption_return',
    '2026-03-25T17:13:11Z',
    '2026-03-25T17:13:11Z',
  ]);
  // the books have the true time
  const last = (await ledger.postingsOf(walletId)).find(({ kind }) => kind === PostingKind.DEBT_REPAYMENT);
  expect(last?.postedAt === undefined ? null : timestampDate(last.postedAt).toISOString()).toBe(
    '2026-03-25T17:13:11.000Z',
  );
});

it('points released after their expiry join what expired then: no entry has the amount of another brand’s act', async () => {
  const { aurora, crest } = person();
  await made('aurora', '/v1/grants', {
    memberRef: aurora,
    points: 450,
    reason: 'r',
    expiresAt: '2026-04-10T00:00:00Z',
  });
  const hold = async (points: number): Promise<string> =>
    made('crest', '/v1/authorizations', { memberRef: crest, points, ttlSeconds: 7 * 86_400 });
  await ledger.at('2026-04-09T00:00:00Z');
  const [spent, kept] = [await hold(150), await hold(106)];
  await made('crest', `/v1/authorizations/${spent}/captures`, {});
  await ledger.at('2026-04-11T00:00:00Z');
  const expired = async (): Promise<number[]> => {
    const { body } = await ledger.asBrand('aurora', 'GET', `/v1/members/${aurora}/wallet/entries`);
    return (body.data as { type: string; points: number }[]).flatMap(({ type, points }) =>
      type === 'expiry' ? points : [],
    );
  };
  expect(await expired()).toEqual([-194]);
  expect(
    (await ledger.asBrand('crest', 'POST', `/v1/authorizations/${kept}/void`, { externalId: 'v-end' })).status,
  ).toBe(200);
  await made('crest', `/v1/authorizations/${spent}/returns`, { points: 83, occurredAt: '2026-04-11T00:00:00Z' });
  expect(await expired()).toEqual([-194 - 106 - 83]);
});
