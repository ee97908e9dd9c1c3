import { timestampDate } from '@bufbuild/protobuf/wkt';

import { PostingKind } from '#libs/contracts';

import { ledgerOfThreeBrands, made, order, person, START } from './entries-under-test.js';

const rig = ledgerOfThreeBrands();

/** Type and both times of a brand's entries, newest first. */
async function entries(brand: string, memberRef: string): Promise<[string, string, string][]> {
  const { body } = await rig.ledger.asBrand(brand, 'GET', `/v1/members/${memberRef}/wallet/entries`);
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
  await rig.ledger.at('2026-03-07T00:00:00Z');
  const [gone] = await entries('aurora', aurora);
  expect(gone).toEqual(['expiry', '2026-03-03T15:59:59Z', '2026-03-03T15:59:59Z']);
  expect((await entries('birch', birch))[0]).toEqual(['expiry', '2026-03-05T15:59:59Z', '2026-03-05T15:59:59Z']);
});

it('pending points become available as of their due time, whoever reads later', async () => {
  const { birch } = person();
  const from = rig.ledger.clock.now();
  await order('birch', birch, 'waits', 100);
  await rig.ledger.at(new Date(from.getTime() + 9 * 86_400_000).toISOString());
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
  await rig.ledger.at('2026-03-20T08:00:00Z');
  await made('aurora', '/v1/orders/A-1/returns', {
    occurredAt: '2026-03-20T08:00:00Z',
    lines: [{ lineId: '1', quantity: 1, net: 100 }],
  });
  await rig.ledger.at('2026-03-25T17:13:11Z');
  await made('crest', `/v1/authorizations/${hold}/returns`, { points: 100, occurredAt: '2026-03-25T17:13:11Z' });
  const seen = await entries('aurora', aurora);
  expect(seen.map(([type]) => type)).toEqual(['debt_repayment', 'accrual_reversal', 'accrual']);
  expect(seen[0]).toEqual(['debt_repayment', '2026-03-20T08:00:00Z', '2026-03-20T08:00:00Z']);
  expect((await entries('crest', crest))[0]).toEqual([
    'redemption_return',
    '2026-03-25T17:13:11Z',
    '2026-03-25T17:13:11Z',
  ]);
  // the books have the true time
  const last = (await rig.ledger.postingsOf(walletId)).find(({ kind }) => kind === PostingKind.DEBT_REPAYMENT);
  expect(last?.postedAt === undefined ? null : timestampDate(last.postedAt).toISOString()).toBe(
    '2026-03-25T17:13:11.000Z',
  );
});
