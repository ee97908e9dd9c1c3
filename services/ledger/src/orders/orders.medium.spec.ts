import { MemberLinks } from '#libs/directory';
import { CONFIG } from '#libs/http';
import { AllianceClock, randomRef, uuidv7 } from '#libs/kernel';

import type { Answer } from '#libs/testing';
import { ledgerUnderTest } from '../../test/ledger-under-test.js';
import type { LedgerUnderTest } from '../../test/ledger-under-test.js';
import { WireIdsService } from '../ids/wire-ids.service.js';
import { PostingsService } from '../postings/postings.service.js';
import { KnownOperationsService } from '../replies/known-operations.service.js';
import { RuleBookService } from '../rules/rule-book.service.js';
import { TradingService } from '../trading/trading.service.js';
import { OrderReturnsService } from './order-returns.service.js';
import { PurchasesService } from './purchases.service.js';

type Json = Record<string, unknown>;

describe('orders over HTTP', () => {
  let rig: LedgerUnderTest;
  let memberRef: string;

  beforeAll(async () => {
    rig = await ledgerUnderTest();
    await rig.brand('aurora', { stores: [{ ref: 'A-001', name: 'Harbour' }] });
    await rig.brand('birch');
    await rig.rule('aurora', { match: { excludeCategories: ['gift-card'] } });
    await rig.rule('aurora', {
      name: 'later',
      match: { categories: ['later'] },
      earn: { points: 1, per: 10 },
      pendingDays: 7,
    });
    ({ memberRef } = rig.member('aurora'));
  }, 120_000);

  afterAll(async () => {
    await rig.close();
  });

  const line = { lineId: '1', sku: 'latte', category: 'drinks', quantity: 2, net: 5600 };
  const order = (externalId: string, over: Json = {}): Json => ({
    externalId,
    memberRef,
    storeRef: 'A-001',
    occurredAt: '2026-03-02T08:00:00+08:00',
    currency: 'CNY',
    campaign: null,
    lines: [line],
    authorizationId: null,
    ...over,
  });
  const post = (body: Json, headers?: Record<string, string>, query = ''): Promise<Answer> =>
    rig.asBrand('aurora', 'POST', `/v1/orders${query}`, body, headers);
  const fault = (answer: Answer): unknown[] => [
    answer.status,
    answer.body.code,
    (answer.body.errors ?? []).map((error: Json) => [error['pointer'], error['code']]),
  ];

  describe('201', () => {
    it('answers exactly as the partner API documents', async () => {
      const answer = await post(order('A-1001'));
      expect(answer.status).toBe(201);
      expect(answer.body).toEqual({
        id: expect.stringMatching(/^od_[0-9A-Z]{26}$/),
        externalId: 'A-1001',
        memberRef,
        points: { earned: 56, pending: 0, availableAt: null },
        lines: [{ lineId: '1', points: 56 }],
        trace: ['base v1: 1 per 100 on 5600 = 56'],
        wallet: { available: 56 },
      });
      expect(answer.headers.get('idempotency-replayed')).toBeNull();
    });

    it('answers a repeat with the same bytes, whatever happened meanwhile', async () => {
      const body = order('A-1002');
      const first = await post(body);
      await post(order('A-1003'));
      const { campaign: _, authorizationId: __, ...shorter } = body;
      // a different form of the same content counts as the same content
      const again = await post({ ...shorter, occurredAt: '2026-03-02T00:00:00Z' });
      expect([again.status, again.text]).toEqual([first.status, first.text]);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
    });

    it('has one effect under parallel repeats', async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => post(order('A-1004'))));
      const texts = new Set(answers.filter(({ status }) => status === 201).map(({ text }) => text));
      expect(texts.size).toBe(1);
      expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
    });

    it('simulates with the same answer and posts nothing', async () => {
      const before = await rig.asBrand('aurora', 'GET', `/v1/members/${memberRef}/wallet`);
      const simulated = await post(order('A-1005'), {}, '?simulate=true');
      expect(simulated.body).toMatchObject({
        id: null,
        points: { earned: 56 },
        wallet: { available: Number(before.body.available) + 56 },
      });
      expect((await rig.asBrand('aurora', 'GET', `/v1/orders/A-1005`)).status).toBe(404);
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
      const other = rig.member('aurora');
      const lines = [{ ...line, category: 'later', net: 1000 }];
      const answer = await post(order('A-1008', { memberRef: other.memberRef, lines }));
      expect(answer.body).toMatchObject({
        points: { earned: 0, pending: 100, availableAt: '2026-03-09T00:00:00Z' },
        lines: [{ lineId: '1', points: 100 }],
        wallet: { available: 0 },
      });
      const wallet = await rig.asBrand('aurora', 'GET', `/v1/members/${other.memberRef}/wallet`);
      expect(wallet.body).toMatchObject({ available: 0, pending: 100, nextExpiry: null });
      const back = {
        externalId: 'ret-1008',
        occurredAt: '2026-03-02T08:00:00+08:00',
        lines: [{ lineId: '1', quantity: 1, net: 400 }],
      };
      const returned = await rig.asBrand('aurora', 'POST', '/v1/orders/A-1008/returns', back);
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
      [
        'a line id twice',
        { lines: [line, { ...line }] },
        [422, 'validation_failed', [['/lines/1/lineId', 'duplicate']]],
      ],
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
      const answer = await rig.asBrand('aurora', 'POST', '/v1/orders', '{"a":');
      expect([answer.status, answer.body.code]).toEqual([400, 'body_unreadable']);
    });

    it('the same key with other content, and keeps the first', async () => {
      await post(order('A-2001'));
      const other = await post(order('A-2001', { lines: [{ ...line, net: 5601 }] }));
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
    });

    it('the same Idempotency-Key for another order', async () => {
      const key = { 'idempotency-key': 'till-7' };
      const first = await post(order('A-2002'), key);
      expect((await post(order('A-2002'), key)).text).toBe(first.text);
      const other = await post(order('A-2003'), key);
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
    });

    it('the Idempotency-Key of a repeat for another order', async () => {
      const first = await post(order('A-2004'));
      const key = { 'idempotency-key': 'till-8' };
      expect((await post(order('A-2004'), key)).text).toBe(first.text);
      const other = await post(order('A-2005'), key);
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
      expect((await post(order('A-2004'), key)).text).toBe(first.text);
    });

    it('the Idempotency-Key of a repeat whose member has another wallet by now, for another order', async () => {
      const own = rig.member('aurora');
      const first = await post(order('A-2006', { memberRef: own.memberRef }));
      await rig.endLink(own.memberRef);
      const key = { 'idempotency-key': 'till-9' };
      expect((await post(order('A-2006', { memberRef: own.memberRef }), key)).text).toBe(first.text);
      const other = await post(order('A-2007'), key);
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
    });

    it('another brand’s member, as if it did not exist', async () => {
      const foreign = await rig.asBrand('birch', 'POST', '/v1/orders', order('B-1', { storeRef: 'birch-1' }));
      const unknown = await rig.asBrand(
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
        const foreign = await rig.asBrand('birch', method, `/v1/orders/A-2004${path}`, sent);
        const unknown = await rig.asBrand('birch', method, `/v1/orders/A-nowhere${path}`, sent);
        expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
      }
    });

    it('a suspended brand, immediately', async () => {
      await rig.brand('hollow', { status: 'suspended' });
      const { memberRef: theirs } = rig.member('hollow');
      const answer = await rig.asBrand(
        'hollow',
        'POST',
        '/v1/orders',
        order('H-1', { memberRef: theirs, storeRef: null }),
      );
      expect([answer.status, answer.body.code]).toEqual([403, 'brand_suspended']);
    });

    it('a brand that may not issue, unless the order earns nothing', async () => {
      await rig.brand('taker', { contract: { roles: ['redeemer'] } });
      await rig.rule('taker');
      const { memberRef: theirs } = rig.member('taker');
      const sent = order('T-1', { memberRef: theirs, storeRef: null });
      const answer = await rig.asBrand('taker', 'POST', '/v1/orders', sent);
      expect([answer.status, answer.body.code]).toEqual([403, 'role_missing']);
      const small = await rig.asBrand('taker', 'POST', '/v1/orders', { ...sent, lines: [{ ...line, net: 99 }] });
      expect([small.status, small.body.points.earned]).toEqual([201, 0]);
    });

    it('a token without the scope, or none', async () => {
      const token = await rig.tokens.brand('aurora', ['orders:read']);
      const poor = await rig.asBrand('aurora', 'POST', '/v1/orders', order('A-9'), {
        authorization: `Bearer ${token}`,
      });
      expect([poor.status, poor.body.code]).toEqual([403, 'scope_missing']);
      const none = await rig.asBrand('aurora', 'POST', '/v1/orders', order('A-9'), { authorization: '' });
      expect([none.status, none.body.code]).toEqual([401, 'token_invalid']);
    });
  });

  describe('returns', () => {
    const back = (externalId: string, lines: Json[]): Json => ({
      externalId,
      occurredAt: '2026-03-02T08:00:00+08:00',
      lines,
    });
    const send = (id: string, body: Json): Promise<Answer> =>
      rig.asBrand('aurora', 'POST', `/v1/orders/${id}/returns`, body);

    it('201: post the difference, repeat with the same bytes, end at zero', async () => {
      const own = rig.member('aurora');
      const lines = [
        { ...line, quantity: 3, net: 199 },
        { ...line, lineId: '2', net: 250 },
        { ...line, lineId: '3', category: 'gift-card', net: 5000 },
      ];
      const bought = await post(order('R-1', { memberRef: own.memberRef, lines }));
      expect(bought.body.points.earned).toBe(4);
      const first = await send('R-1', back('ret-1', [{ lineId: '1', quantity: 1, net: 49 }]));
      expect([first.status, first.body]).toEqual([
        201,
        {
          id: expect.stringMatching(/^rt_/),
          points: { reversed: 0, fromPending: 0, expired: 0, toDebt: 0 },
          wallet: { available: 4 },
        },
      ]);
      const all = back('ret-2', [
        { lineId: '1', quantity: 2, net: 150 },
        { lineId: '2', quantity: 2, net: 250 },
        { lineId: '3', quantity: 2, net: 5000 },
      ]);
      const second = await send('R-1', all);
      expect(second.body).toMatchObject({ points: { reversed: 4 }, wallet: { available: 0 } });
      const again = await send('R-1', all);
      expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([second.text, 'true']);
      const view = await rig.asBrand('aurora', 'GET', '/v1/orders/R-1');
      expect(view.body.points).toEqual({ earned: 4, pending: 0, availableAt: null, reversed: 4 });
      expect(view.body.lines[0].returned).toEqual({ quantity: 3, net: 199 });
    });

    it('of a member who has left or has another wallet are accepted, as are deliveries, without revealing the wallet', async () => {
      const gone = rig.member('aurora');
      const moved = rig.member('aurora');
      for (const { memberRef } of [gone, moved])
        expect((await post(order(`left-${memberRef}`, { memberRef, fulfilment: 'delivery' }))).status).toBe(201);
      await rig.endLink(gone.memberRef);
      await rig.tellLink({ ...moved, walletId: uuidv7(), brand: 'aurora', status: 'active', version: 2n });
      const { occurredAt } = back('', []);
      for (const { memberRef } of [gone, moved]) {
        const calls: [string, Json][] = [
          ['deliveries', { externalId: `dl-${memberRef}`, occurredAt }],
          ['returns', back(`ret-${memberRef}`, [{ lineId: '1', quantity: 1, net: 1 }])],
        ];
        for (const [what, body] of calls) {
          const path = `/v1/orders/left-${memberRef}/${what}`;
          const answer = await rig.asBrand('aurora', 'POST', path, body);
          expect([answer.status, answer.body.wallet]).toEqual([201, null]);
          expect((await rig.asBrand('aurora', 'POST', path, body)).text).toBe(answer.text);
        }
      }
    });

    it('422: more than was bought, by line, quantity or net', async () => {
      await post(order('R-2'));
      const refused = async (lines: Json[]): Promise<unknown[]> => fault(await send('R-2', back('ret-3', lines)));
      const code = 'return_exceeds_purchase';
      expect(await refused([{ lineId: '9', quantity: 1, net: 1 }])).toEqual([422, code, [['/lines/0/lineId', code]]]);
      expect(await refused([{ lineId: '1', quantity: 3, net: 1 }])).toEqual([422, code, [['/lines/0/quantity', code]]]);
      expect(await refused([{ lineId: '1', quantity: 1, net: 5601 }])).toEqual([422, code, [['/lines/0/net', code]]]);
    });

    it('422: the same key with other content, even if everything is already back', async () => {
      await post(order('R-3'));
      await send('R-3', back('ret-4', [{ lineId: '1', quantity: 2, net: 5600 }]));
      const other = await send('R-3', back('ret-4', [{ lineId: '1', quantity: 1, net: 5600 }]));
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
    });

    it('422: the Idempotency-Key of another call, even if the return itself would be refused', async () => {
      await post(order('R-8'));
      const key = { 'idempotency-key': 'ret-key-8' };
      const all = [{ lineId: '1', quantity: 2, net: 5600 }];
      const path = '/v1/orders/R-8/returns';
      expect((await rig.asBrand('aurora', 'POST', path, back('ret-8', all), key)).status).toBe(201);
      const other = await rig.asBrand('aurora', 'POST', path, back('ret-9', all), key);
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
      const own = await rig.asBrand('aurora', 'POST', path, back('ret-9', all), { 'idempotency-key': 'ret-key-9' });
      expect([own.status, own.body.code]).toEqual([422, 'return_exceeds_purchase']);
    });

    it('422: the Idempotency-Key of a repeat, for another return', async () => {
      await post(order('R-10'));
      const half = [{ lineId: '1', quantity: 1, net: 2800 }];
      const all = [{ lineId: '1', quantity: 2, net: 5600 }];
      const path = '/v1/orders/R-10/returns';
      const key = (name: string): Record<string, string> => ({ 'idempotency-key': name });
      const first = await send('R-10', back('ret-10', half));
      expect((await rig.asBrand('aurora', 'POST', path, back('ret-10', half), key('ret-key-10'))).text).toBe(
        first.text,
      );
      const other = await rig.asBrand('aurora', 'POST', path, back('ret-11', half), key('ret-key-10'));
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_conflict']);
      // everything is back: the repeat is found only after the rule of returns has refused it
      await post(order('R-11'));
      const whole = await send('R-11', back('ret-12', all));
      const again = await rig.asBrand(
        'aurora',
        'POST',
        '/v1/orders/R-11/returns',
        back('ret-12', all),
        key('ret-key-12'),
      );
      expect(again.text).toBe(whole.text);
      const third = await rig.asBrand('aurora', 'POST', path, back('ret-13', half), key('ret-key-12'));
      expect([third.status, third.body.code]).toEqual([422, 'idempotency_conflict']);
    });

    it('parallel returns of one order end at the figure of what is left', async () => {
      const own = rig.member('aurora');
      await post(order('R-4', { memberRef: own.memberRef, lines: [{ ...line, quantity: 10, net: 1055 }] }));
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => send('R-4', back(`par-${i}`, [{ lineId: '1', quantity: 1, net: 105 }]))),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
      const reversed = answers.reduce((sum, { body }) => sum + (body.points.reversed as number), 0);
      expect(reversed).toBe(10 - 2);
      const wallet = await rig.asBrand('aurora', 'GET', `/v1/members/${own.memberRef}/wallet`);
      expect(wallet.body.available).toBe(2);
    });

    it('hundreds of parallel returns of one order are done in turn, and a repeat among them is a repeat', async () => {
      const own = rig.member('aurora');
      await post(order('R-5', { memberRef: own.memberRef, lines: [{ ...line, quantity: 300, net: 30_000 }] }));
      const one = (i: number): Promise<Answer> =>
        send('R-5', back(`many-${i}`, [{ lineId: '1', quantity: 1, net: 100 }]));
      const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => one(i)).concat(one(7)));
      expect(answers.map(({ status, body }) => [status, body.code])).toEqual(answers.map(() => [201, undefined]));
      expect(answers.at(-1)?.text).toBe(answers[7]?.text);
      const wallet = await rig.asBrand('aurora', 'GET', `/v1/members/${own.memberRef}/wallet`);
      expect(wallet.body.available).toBe(100);
    });

    it('accept any line names of the brand', async () => {
      const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];
      const bought = await post(order('R-6', { lines: names.map((lineId) => ({ ...line, lineId })) }));
      expect([bought.status, bought.body.points.earned]).toEqual([201, 224]);
      for (const quantity of [1, 2]) {
        const lines = names.map((lineId) => ({ lineId, quantity: 1, net: 2800 }));
        const answer = await send('R-6', back(`ret-6-${quantity}`, lines));
        expect([answer.status, answer.body.points.reversed]).toEqual([201, 112]);
        const view = await rig.asBrand('aurora', 'GET', '/v1/orders/R-6');
        const returned = (view.body.lines as Json[]).map((l) => l['returned']);
        expect(returned).toEqual(names.map(() => ({ quantity, net: 2800 * quantity })));
      }
    });

    it('use the rules of the order’s own date', async () => {
      await post(order('R-5'));
      await rig.rule('aurora', { earn: { points: 50, per: 1 } });
      const answer = await send('R-5', back('ret-5', [{ lineId: '1', quantity: 1, net: 2800 }]));
      expect(answer.body.points.reversed).toBe(28);
    });
  });

  it('one key for two members in parallel has one effect; all others get a conflict', async () => {
    const pair = [memberRef, ...Array.from({ length: 3 }, () => rig.member('aurora').memberRef)];
    for (let round = 0; round < 10; round += 1) {
      // half of the rounds share the externalId, the others share the Idempotency-Key
      const answers = await Promise.all(
        pair.map((ref, n) => {
          const body = order(round % 2 === 0 ? `K-${round}` : `K-${round}-${n}`, { memberRef: ref });
          return post(body, round % 2 === 0 ? {} : { 'idempotency-key': `k-${round}` });
        }),
      );
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      const losers = answers.filter(({ status }) => status !== 201);
      expect(losers.map(({ body }) => body.code)).toEqual(Array(3).fill('idempotency_conflict'));
    }
  });

  it('a new Idempotency-Key for a repeat and for another order in parallel is kept by one; the other gets a conflict', async () => {
    for (let round = 0; round < 10; round += 1) {
      const own = rig.member('aurora');
      const repeat = order(`Q-${round}`, { memberRef: own.memberRef });
      expect((await post(repeat)).status).toBe(201);
      // in half of the rounds a check refuses the repeat before the books see it
      if (round % 2 === 0) await rig.endLink(own.memberRef);
      const key = { 'idempotency-key': `q-${round}` };
      const answers = await Promise.all([post(repeat, key), post(order(`Q-${round}-other`), key)]);
      expect(answers.map(({ status, body }) => [status, body.code]).sort()).toEqual([
        [201, undefined],
        [422, 'idempotency_conflict'],
      ]);
    }
  });

  it('a return uses its order’s rules on every instance, even one that has not received them', async () => {
    const get = <T>(type: new (...needs: never[]) => T): T => rig.service.app.get(type, { strict: false });
    // another process that misses notices of new rules
    const book = new RuleBookService(
      rig.service.app.get(CONFIG, { strict: false }),
      rig.dataSource,
      get(RuleBookService)['repository'],
    );
    const elsewhere = new OrderReturnsService(
      get(AllianceClock),
      get(TradingService),
      book,
      get(PostingsService),
      get(PurchasesService),
      get(MemberLinks),
      get(KnownOperationsService),
      get(WireIdsService),
    );
    const occurredAt = new Date('2026-03-02T00:00:00Z');
    await book.inForce('aurora', occurredAt);
    await rig.rule('aurora', { name: 'new', match: { categories: ['new'] }, earn: { points: 1, per: 50 } });
    const body = order('A-new', { lines: [{ ...line, category: 'new', quantity: 2, net: 1000 }] });
    expect((await post(body)).body.points.earned).toBe(20);
    const lines = [{ lineId: '1', quantity: 1n, net: 500n }];
    const back = await elsewhere.accept('aurora', 'A-new', { externalId: 'A-new-back', occurredAt, lines }, undefined);
    expect([back.status, back.body]).toMatchObject([201, { points: { reversed: 10 } }]);
  });

  it('ends with books that balance', async () => {
    const answer = await rig.asService('GET', '/internal/v1/invariants');
    expect((answer.body.checks as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
  });
});
