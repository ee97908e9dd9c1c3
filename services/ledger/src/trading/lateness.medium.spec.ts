import type { Answer } from '#libs/testing';
import { ledgerUnderTest } from '../../test/ledger-under-test.js';
import type { LedgerUnderTest } from '../../test/ledger-under-test.js';

const NOW = '2026-03-31T08:00:00+08:00';
const MONTH_AGO = '2026-03-01T08:00:00+08:00';
const BEFORE = '2026-03-01T07:59:59+08:00';

describe('how late something may be reported', () => {
  let rig: LedgerUnderTest;
  let memberRef: string;

  beforeAll(async () => {
    rig = await ledgerUnderTest(NOW);
    await rig.brand('aurora');
    await rig.rule('aurora');
    ({ memberRef } = rig.member('aurora'));
  }, 120_000);
  afterAll(() => rig.close());

  const order = (externalId: string, occurredAt: string, memberOf = memberRef, brand = 'aurora'): Promise<Answer> =>
    rig.asBrand(brand, 'POST', '/v1/orders', {
      externalId,
      memberRef: memberOf,
      storeRef: null,
      occurredAt,
      currency: 'CNY',
      lines: [{ lineId: '1', sku: 'latte', category: 'drinks', quantity: 2, net: 5_600 }],
    });
  const verdict = ({ status, body }: Answer): unknown[] =>
    status < 300 ? [status] : [status, body.code, body.errors?.[0]?.pointer, body.limit];
  const TOO_EARLY = [422, 'occurred_too_early', '/occurredAt', '2026-03-01T00:00:00Z'];

  it('is a month for orders and grants unless the contract says otherwise', async () => {
    expect(verdict(await order('L-1', MONTH_AGO))).toEqual([201]);
    expect(verdict(await order('L-2', BEFORE))).toEqual(TOO_EARLY);
    const grant = (externalId: string, occurredAt: string): Promise<Answer> =>
      rig.asBrand('aurora', 'POST', '/v1/grants', { externalId, memberRef, points: 5, reason: 'goodwill', occurredAt });
    expect(verdict(await grant('L-3', MONTH_AGO))).toEqual([201]);
    expect(verdict(await grant('L-4', BEFORE))).toEqual(TOO_EARLY);
    // a simulated order is refused like a real one
    const body = { externalId: 'L-5', memberRef, occurredAt: BEFORE, currency: 'CNY', lines: [] };
    const lines = [{ lineId: '1', category: 'drinks', quantity: 1, net: 1 }];
    const tried = await rig.asBrand('aurora', 'POST', '/v1/orders?simulate=true', { ...body, lines });
    expect(verdict(tried)).toEqual(TOO_EARLY);
  });

  it('is set by the contract; null accepts everything since its beginning', async () => {
    await rig.brand('birch', { contract: { latenessDays: null } });
    await rig.rule('birch');
    await rig.brand('crest', { contract: { latenessDays: 2 } });
    const [ofBirch, ofCrest] = [rig.member('birch').memberRef, rig.member('crest').memberRef];
    expect(verdict(await order('H-1', '2026-01-01T00:00:00+08:00', ofBirch, 'birch'))).toEqual([201]);
    expect(verdict(await order('S-1', '2026-03-29T07:59:59+08:00', ofCrest, 'crest'))).toEqual([
      422,
      'occurred_too_early',
      '/occurredAt',
      '2026-03-29T00:00:00Z',
    ]);
  });

  it('for a return and a delivery is that of its order, and neither precedes the order', async () => {
    expect((await order('R-1', MONTH_AGO)).status).toBe(201);
    const back = (externalId: string, occurredAt: string): Promise<Answer> =>
      rig.asBrand('aurora', 'POST', '/v1/orders/R-1/returns', {
        externalId,
        occurredAt,
        lines: [{ lineId: '1', quantity: 1, net: 2_800 }],
      });
    const delivered = (externalId: string, occurredAt: string): Promise<Answer> =>
      rig.asBrand('aurora', 'POST', '/v1/orders/R-1/deliveries', { externalId, occurredAt });
    // another till's clock may be off by minutes
    const limit = '2026-02-28T23:55:00Z';
    expect(verdict(await back('R-2', '2026-03-01T07:54:59+08:00'))).toEqual([
      422,
      'occurred_too_early',
      '/occurredAt',
      limit,
    ]);
    expect(verdict(await back('R-3', '2026-03-01T07:55:00+08:00'))).toEqual([201]);
    expect(verdict(await delivered('R-4', '2026-03-01T07:54:59+08:00'))).toEqual([
      422,
      'occurred_too_early',
      '/occurredAt',
      limit,
    ]);
    expect(verdict(await delivered('R-5', '2026-03-01T07:55:00+08:00'))).toEqual([201]);
  });

  it('for a capture and a return of redeemed points is that of the authorization', async () => {
    expect((await order('C-1', MONTH_AGO)).status).toBe(201);
    const { body } = await rig.asBrand('aurora', 'POST', '/v1/authorizations', {
      externalId: 'C-2',
      memberRef,
      points: 20,
    });
    const post = (what: string, externalId: string, occurredAt: string, over: object = {}): Promise<Answer> =>
      rig.asBrand('aurora', 'POST', `/v1/authorizations/${body.id}/${what}`, { externalId, occurredAt, ...over });
    const early = '2026-03-31T07:54:59+08:00';
    const refused = [422, 'occurred_too_early', '/occurredAt', '2026-03-30T23:55:00Z'];
    expect(verdict(await post('captures', 'C-3', early))).toEqual(refused);
    expect(verdict(await post('captures', 'C-4', NOW))).toEqual([201]);
    expect(verdict(await post('returns', 'C-5', early, { points: 5 }))).toEqual(refused);
    expect(verdict(await post('returns', 'C-6', NOW, { points: 5 }))).toEqual([201]);
  });

  it('does not change the answer to a repeat', async () => {
    const first = await order('L-1', MONTH_AGO);
    await rig.at('2026-05-31T08:00:00+08:00');
    const again = await order('L-1', MONTH_AGO);
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect(verdict(await order('L-9', MONTH_AGO))).toEqual([
      422,
      'occurred_too_early',
      '/occurredAt',
      '2026-05-01T00:00:00Z',
    ]);
  });
});
