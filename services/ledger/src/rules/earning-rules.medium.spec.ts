import { anEarningRule } from '#libs/testing';
import type { Answer } from '#libs/testing';

import { ledgerUnderTest } from '../../test/ledger-under-test.js';
import type { LedgerUnderTest } from '../../test/ledger-under-test.js';

type Json = Record<string, unknown>;

describe('earning rules over HTTP', () => {
  let rig: LedgerUnderTest;
  let memberRef: string;
  let count = 0;

  beforeAll(async () => {
    rig = await ledgerUnderTest();
    await rig.brand('aurora', { stores: [{ ref: 'A-001', name: 'Harbour' }] });
    ({ memberRef } = rig.member('aurora'));
  }, 120_000);

  afterAll(async () => {
    await rig.close();
  });

  const path = '/v1/operator/earning-rules';
  const earns = async (over: Json = {}, net = 1000): Promise<Json> => {
    const answer = await rig.asBrand('aurora', 'POST', '/v1/orders?simulate=true', {
      externalId: `o-${(count += 1)}`,
      memberRef,
      occurredAt: '2026-03-02T08:00:00+08:00',
      currency: 'CNY',
      lines: [{ lineId: '1', category: 'drinks', quantity: 1, net }],
      ...over,
    });
    expect(answer.status).toBe(201);
    return answer.body as Json;
  };
  const pointers = (answer: Answer): unknown[] => [
    answer.status,
    ...(answer.body.errors as Json[]).map((error) => [error['pointer'], error['code']]),
  ];

  it('201: exactly the given rule, with id and version; in force immediately', async () => {
    expect((await earns())['points']).toEqual({ earned: 0, pending: 0, availableAt: null });
    const asked = anEarningRule('aurora', {
      match: { stores: [], categories: [], excludeCategories: ['gift-card'], tiers: [] },
    });
    const answer = await rig.asOperator('POST', path, asked);
    expect([answer.status, answer.body]).toEqual([
      201,
      {
        ...asked,
        id: expect.stringMatching(/^er_/),
        version: 1,
        validFrom: '2025-12-31T16:00:00Z',
        priority: 0,
      },
    ]);
    expect(await earns()).toMatchObject({ points: { earned: 10 }, trace: ['base v1: 1 per 100 on 1000 = 10'] });
    expect((await rig.asOperator('GET', `${path}/${answer.body.id as string}`)).body).toEqual(answer.body);
  });

  it('have versions by name; the same content is the same version', async () => {
    const double = { earn: { points: 2, per: 100 }, validFrom: '2026-03-01T00:00:00+08:00' };
    const second = await rig.rule('aurora', double);
    expect(second.body.version).toBe(2);
    const again = await rig.rule('aurora', double);
    expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([second.body, 'true']);
    expect(await earns()).toMatchObject({ points: { earned: 20 }, trace: ['base v2: 2 per 100 on 1000 = 20'] });
    // an order from before the change is priced by the earlier version
    expect(await earns({ occurredAt: '2026-02-28T08:00:00+08:00' })).toMatchObject({ points: { earned: 10 } });
  });

  it('accept an Idempotency-Key', async () => {
    const body = anEarningRule('aurora', { name: 'keyed', match: { categories: ['tea'] } });
    const key = { 'idempotency-key': 'rule-1' };
    const first = await rig.asOperator('POST', path, body, key);
    const again = await rig.asOperator('POST', path, body, key);
    expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([first.text, 'true']);
    const other = await rig.asOperator('POST', path, { ...body, rounding: 'ceil' }, key);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
  });

  it('store a rule for tiers, which is not used while no tier is known', async () => {
    const stored = await rig.rule('aurora', { name: 'gold', match: { tiers: ['gold'] }, priority: 99 });
    expect([stored.status, stored.body.match.tiers, stored.body.priority]).toEqual([201, ['gold'], 99]);
    expect((await earns())['trace']).toEqual(['base v2: 2 per 100 on 1000 = 20']);
  });

  it('prefer the rule that names the store, on every instance that has cached the others', async () => {
    await rig.rule('aurora', { name: 'harbour', match: { stores: ['A-001'] }, earn: { points: 5, per: 100 } });
    expect((await earns({ storeRef: 'A-001' }))['trace']).toEqual(['harbour v1: 5 per 100 on 1000 = 50']);
  });

  it('try a rule out without storing it', async () => {
    const sampleOrder = {
      occurredAt: '2026-03-02T08:00:00+08:00',
      lines: [{ lineId: '1', category: 'drinks', net: 999 }],
    };
    const body = {
      ...anEarningRule('aurora', { name: 'trial', match: { categories: ['drinks'] }, rounding: 'ceil' }),
      sampleOrder,
    };
    const answer = await rig.asOperator('POST', `${path}?simulate=true`, body);
    expect([answer.status, answer.body]).toMatchObject([
      200,
      {
        id: null,
        version: 1,
        sampleOrder: { points: 10, lines: [{ lineId: '1', points: 10 }], trace: ['trial v1: 1 per 100 on 999 = 10'] },
      },
    ]);
    expect((await rig.asOperator('GET', `${path}?brand=aurora&name=trial`)).body.data).toEqual([]);
    expect(pointers(await rig.asOperator('POST', path, body))).toEqual([422, ['/sampleOrder', 'not_allowed']]);
  });

  it('are listed by page', async () => {
    const first = await rig.asOperator('GET', `${path}?brand=aurora&name=base&limit=1`);
    expect(first.body).toMatchObject({ data: [{ name: 'base', version: 1 }], page: { more: true } });
    const next = await rig.asOperator(
      'GET',
      `${path}?brand=aurora&name=base&limit=1&after=${first.body.page.after as string}`,
    );
    expect(next.body).toMatchObject({ data: [{ name: 'base', version: 2 }], page: { after: null, more: false } });
    expect((await rig.asOperator('GET', `${path}?after=rubbish`)).status).toBe(400);
    expect((await rig.asOperator('GET', `${path}/er_00000000000000000000000000`)).status).toBe(404);
  });

  it.each<[string, Json, unknown[]]>([
    ['an unknown brand', { brand: 'nobody' }, ['/brand', 'not_found']],
    ['another brand’s store', { match: { stores: ['B-1'] } }, ['/match/stores/0', 'store_unknown']],
    ['an end before its start', { validTo: '2025-12-31T00:00:00+08:00' }, ['/validTo', 'out_of_range']],
    ['no money', { earn: { points: 1, per: 0 } }, ['/earn/per', 'out_of_range']],
    ['parts of points', { earn: { points: 0.5, per: 1 } }, ['/earn/points', 'not_an_integer']],
    ['another rounding', { rounding: 'carry' }, ['/rounding', 'not_allowed']],
    ['days before now', { pendingDays: -1 }, ['/pendingDays', 'out_of_range']],
    ['rolling for no time', { expiry: { kind: 'rolling' } }, ['/expiry/months', 'required']],
    [
      'a date for points that never expire',
      { expiry: { kind: 'never', at: '2027-01-01T00:00:00Z' } },
      ['/expiry/at', 'not_allowed'],
    ],
    [
      'points expired on arrival',
      { expiry: { kind: 'fixed', at: '2025-01-01T00:00:00Z' } },
      ['/expiry/at', 'out_of_range'],
    ],
    ['an unknown field', { colour: 'red' }, ['/colour', 'unknown_field']],
  ])('422: %s', async (_what, over, expected) => {
    expect(pointers(await rig.rule('aurora', { name: 'wrong', ...over }))).toEqual([422, expected]);
  });

  it('403: are for the operator only', async () => {
    const answer = await rig.asBrand('aurora', 'POST', path, anEarningRule('aurora'));
    expect([answer.status, answer.body.code]).toEqual([403, 'scope_missing']);
  });
});
