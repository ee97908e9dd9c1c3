import { randomRef } from '#libs/kernel';

import { fault, ledgerWithStore, line, order, post } from '../../test/store-under-test.js';
import type { Json } from '../../test/store-under-test.js';

const rig = ledgerWithStore();

describe('201', () => {
  it('answers exactly as the partner API documents', async () => {
    const answer = await post(order('A-1001'));
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^od_[0-9A-Z]{26}$/),
      externalId: 'A-1001',
      memberRef: rig.memberRef,
      points: { earned: 56, pending: 0, availableAt: null },
      lines: [{ lineId: '1', points: 56 }],
      trace: ['base v1: 1 per 100 on 5600 = 56'],
      wallet: { available: 56 },
    });
    expect(answer.headers.get('idempotency-replayed')).toBeNull();
  });

  it('simulates with the same answer and posts nothing', async () => {
    const before = await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${rig.memberRef}/wallet`);
    const simulated = await post(order('A-1005'), {}, '?simulate=true');
    expect(simulated.body).toMatchObject({
      id: null,
      points: { earned: 56 },
      wallet: { available: Number(before.body.available) + 56 },
    });
    expect((await rig.ledger.asBrand('aurora', 'GET', `/v1/orders/A-1005`)).status).toBe(404);
    const real = await post(order('A-1005'));
    expect({ ...real.body, id: null }).toEqual(simulated.body);
  });

  it('accepts lines that cost nothing, empty categories and orders that earn nothing', async () => {
    const free = { lineId: '2', sku: null, category: '', quantity: 0, net: 0 };
    const answer = await post(order('A-1006', { lines: [line, free] }));
    expect(answer.body.lines).toEqual([
      { lineId: '1', points: 56 },
      { lineId: '2', points: 0 },
    ]);
    const nothing = await post(order('A-1007', { lines: [free] }));
    expect([nothing.status, nothing.body.points.earned, nothing.body.trace]).toEqual([201, 0, []]);
    const again = await post(order('A-1007', { lines: [free] }));
    expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([nothing.text, 'true']);
  });

  it('keeps points pending until their day, and shows them as pending', async () => {
    const other = rig.ledger.member('aurora');
    const lines = [{ ...line, category: 'later', net: 1000 }];
    const answer = await post(order('A-1008', { memberRef: other.memberRef, lines }));
    expect(answer.body).toMatchObject({
      points: { earned: 0, pending: 100, availableAt: '2026-03-09T00:00:00Z' },
      lines: [{ lineId: '1', points: 100 }],
      wallet: { available: 0 },
    });
    const wallet = await rig.ledger.asBrand('aurora', 'GET', `/v1/members/${other.memberRef}/wallet`);
    expect(wallet.body).toMatchObject({ available: 0, pending: 100, nextExpiry: null });
    const back = {
      externalId: 'ret-1008',
      occurredAt: '2026-03-02T08:00:00+08:00',
      lines: [{ lineId: '1', quantity: 1, net: 400 }],
    };
    const returned = await rig.ledger.asBrand('aurora', 'POST', '/v1/orders/A-1008/returns', back);
    expect(returned.body.points).toEqual({ reversed: 40, fromPending: 40, expired: 0, toDebt: 0 });
  });
});

describe('refusals', () => {
  it.each<[string, Json, unknown[]]>([
    ['an unknown field', { colour: 'red' }, [422, 'validation_failed', [['/colour', 'unknown_field']]]],
    ['a missing field', { currency: undefined }, [422, 'validation_failed', [['/currency', 'required']]]],
    [
      'a time without offset',
      { occurredAt: '2026-03-02T08:00:00' },
      [422, 'validation_failed', [['/occurredAt', 'not_an_instant']]],
    ],
    ['another brand’s store', { storeRef: 'birch-1' }, [422, 'store_unknown', [['/storeRef', 'store_unknown']]]],
    ['another currency', { currency: 'USD' }, [422, 'currency_mismatch', [['/currency', 'currency_mismatch']]]],
    [
      'a time to come',
      { occurredAt: '2026-03-02T08:05:01+08:00' },
      [422, 'occurred_in_future', [['/occurredAt', 'occurred_in_future']]],
    ],
    ['no lines', { lines: [] }, [422, 'validation_failed', [['/lines', 'too_few']]]],
    ['a line id twice', { lines: [line, { ...line }] }, [422, 'validation_failed', [['/lines/1/lineId', 'duplicate']]]],
    [
      'a negative amount',
      { lines: [{ ...line, net: -1 }] },
      [422, 'validation_failed', [['/lines/0/net', 'out_of_range']]],
    ],
    [
      'a fraction',
      { lines: [{ ...line, net: 1.5 }] },
      [422, 'validation_failed', [['/lines/0/net', 'not_an_integer']]],
    ],
    [
      'more than 2^53',
      { lines: [{ ...line, net: 2 ** 53 }] },
      [422, 'validation_failed', [['/lines/0/net', 'out_of_range']]],
    ],
    [
      'more money than an order may be',
      { lines: [{ ...line, net: 1_000_000_000_001 }] },
      [422, 'validation_failed', [['/lines/0/net', 'out_of_range']]],
    ],
    [
      'nothing that costs',
      { lines: [{ ...line, quantity: 0 }] },
      [422, 'validation_failed', [['/lines/0/quantity', 'out_of_range']]],
    ],
    [
      'an authorization that is none',
      { authorizationId: 'au_1' },
      [422, 'validation_failed', [['/authorizationId', 'not_found']]],
    ],
    ['an unknown member', { memberRef: randomRef('mb') }, [404, 'not_found', []]],
    ['a member that cannot be', { memberRef: 'nobody' }, [404, 'not_found', []]],
  ])('%s', async (_what, over, expected) => {
    expect(fault(await post(order('A-bad', over)))).toEqual(expected);
  });

  it('one limit of money, for a line and for the sum of lines', async () => {
    const half = { ...line, net: 500_000_000_001 };
    const all = await post(order('A-most', { lines: [half, { ...half, lineId: '2' }] }));
    expect([all.status, all.body]).toMatchObject([422, { code: 'amount_out_of_range', limit: 1_000_000_000_000 }]);
    const one = await post(order('A-most', { lines: [{ ...line, net: 1_000_000_000_001 }] }));
    const [fault] = one.body.errors as { detail: string }[];
    for (const said of [all.body.detail, fault?.detail]) {
      expect(said).toContain('1000000000000');
      expect(said).not.toMatch(/2\^53|9007199254740991/);
    }
  });

  it('text that is not JSON', async () => {
    const answer = await rig.ledger.asBrand('aurora', 'POST', '/v1/orders', '{"a":');
    expect([answer.status, answer.body.code]).toEqual([400, 'body_unreadable']);
  });

  it('another brand’s member, as if it did not exist', async () => {
    const foreign = await rig.ledger.asBrand('birch', 'POST', '/v1/orders', order('B-1', { storeRef: 'birch-1' }));
    const unknown = await rig.ledger.asBrand(
      'birch',
      'POST',
      '/v1/orders',
      order('B-1', { storeRef: 'birch-1', memberRef: randomRef('mb') }),
    );
    expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
  });

  it('another brand’s order, as if it did not exist', async () => {
    await post(order('A-2004'));
    const body = {
      externalId: 'r',
      occurredAt: '2026-03-02T08:00:00+08:00',
      lines: [{ lineId: '1', quantity: 1, net: 1 }],
    };
    const calls: [string, string, Json?][] = [
      ['GET', ''],
      ['POST', '/returns', body],
    ];
    for (const [method, path, sent] of calls) {
      const foreign = await rig.ledger.asBrand('birch', method, `/v1/orders/A-2004${path}`, sent);
      const unknown = await rig.ledger.asBrand('birch', method, `/v1/orders/A-nowhere${path}`, sent);
      expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
    }
  });

  it('a suspended brand, immediately', async () => {
    await rig.ledger.brand('hollow', { status: 'suspended' });
    const { memberRef: theirs } = rig.ledger.member('hollow');
    const answer = await rig.ledger.asBrand(
      'hollow',
      'POST',
      '/v1/orders',
      order('H-1', { memberRef: theirs, storeRef: null }),
    );
    expect([answer.status, answer.body.code]).toEqual([403, 'brand_suspended']);
  });

  it('a brand that may not issue, unless the order earns nothing', async () => {
    await rig.ledger.brand('taker', { contract: { roles: ['redeemer'] } });
    await rig.ledger.rule('taker');
    const { memberRef: theirs } = rig.ledger.member('taker');
    const sent = order('T-1', { memberRef: theirs, storeRef: null });
    const answer = await rig.ledger.asBrand('taker', 'POST', '/v1/orders', sent);
    expect([answer.status, answer.body.code]).toEqual([403, 'role_missing']);
    const small = await rig.ledger.asBrand('taker', 'POST', '/v1/orders', { ...sent, lines: [{ ...line, net: 99 }] });
    expect([small.status, small.body.points.earned]).toEqual([201, 0]);
  });

  it('a token without the scope, or none', async () => {
    const token = await rig.ledger.tokens.brand('aurora', ['orders:read']);
    const poor = await rig.ledger.asBrand('aurora', 'POST', '/v1/orders', order('A-9'), {
      authorization: `Bearer ${token}`,
    });
    expect([poor.status, poor.body.code]).toEqual([403, 'scope_missing']);
    const none = await rig.ledger.asBrand('aurora', 'POST', '/v1/orders', order('A-9'), { authorization: '' });
    expect([none.status, none.body.code]).toEqual([401, 'token_invalid']);
  });
});
