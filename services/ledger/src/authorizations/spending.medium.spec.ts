import type { Answer } from '#libs/testing';
import { ledgerUnderTest } from '../../test/ledger-under-test.js';
import type { LedgerUnderTest } from '../../test/ledger-under-test.js';

type Json = Record<string, unknown>;

describe('spending over HTTP', () => {
  let rig: LedgerUnderTest;
  let count = 0;

  beforeAll(async () => {
    rig = await ledgerUnderTest();
    await rig.brand('aurora');
    await rig.brand('crest', { stores: [{ ref: 'C-014', name: 'Mall' }] });
    await rig.brand('issuer-only', { contract: { roles: ['issuer'] } });
  }, 120_000);

  afterAll(async () => {
    await rig.close();
  });

  /** A person with points of aurora who is also a member of crest. */
  async function person(points = 0): Promise<{ aurora: string; crest: string }> {
    const { memberRef: aurora, walletId } = rig.member('aurora');
    const { memberRef: crest } = rig.member('crest', walletId);
    if (points > 0) {
      const body = { externalId: `g-${(count += 1)}`, memberRef: aurora, points, reason: 'sign_up' };
      expect((await rig.asBrand('aurora', 'POST', '/v1/grants', body)).status).toBe(201);
    }
    return { aurora, crest };
  }
  const crest = (path: string, body: Json, headers?: Record<string, string>): Promise<Answer> =>
    rig.asBrand('crest', 'POST', path, body, headers);
  const authorize = (memberRef: string, points: number, over: Json = {}): Promise<Answer> =>
    crest('/v1/authorizations', { externalId: `C-${(count += 1)}`, memberRef, storeRef: 'C-014', points, ...over });
  const wallet = async (memberRef: string): Promise<Json> =>
    (await rig.asBrand('crest', 'GET', `/v1/members/${memberRef}/wallet`)).body as Json;
  const verdict = ({ status, body }: Answer): unknown[] => [status, body.code];

  describe('quotes', () => {
    const quote = (memberRef: string, over: Json = {}): Json => ({
      memberRef,
      storeRef: 'C-014',
      currency: 'CNY',
      basketTotal: 26_800,
      points: 12_000,
      ...over,
    });

    it('201: keeps the promise for five minutes, whatever happens to the price', async () => {
      const { crest: memberRef } = await person(16_000);
      const asked = await crest('/v1/quotes', quote(memberRef));
      expect([asked.status, asked.body]).toEqual([
        201,
        {
          id: expect.stringMatching(/^qt_/),
          points: 12_000,
          value: 12_000,
          currency: 'CNY',
          reimbursement: '10800.00',
          expiresAt: '2026-03-02T00:05:00Z',
        },
      ]);
      const stores = [{ ref: 'C-014', name: 'Mall' }];
      await rig.brand('crest', { stores, contract: { reimbursementPrice: '0.50' } });
      const held = await crest('/v1/authorizations', { externalId: 'C-881', quoteId: asked.body.id });
      expect([held.status, held.body]).toEqual([
        201,
        {
          id: expect.stringMatching(/^au_/),
          externalId: 'C-881',
          status: 'authorized',
          points: 12_000,
          captured: 0,
          expiresAt: '2026-03-02T00:15:00Z',
          wallet: { available: 4000, held: 12_000 },
        },
      ]);
      const [row] = await rig.dataSource.transaction(async (tx): Promise<{ price: bigint }[]> => {
        await tx.query(`select set_config('hezong.brand', '*', true)`);
        return tx.query('select quoted_reimbursement_micro as price from hold where reference = $1', ['C-881']);
      });
      expect(row?.price).toBe(900_000n);
      await rig.brand('crest', { stores });
      const twice = await crest('/v1/authorizations', { externalId: 'C-881-again', quoteId: asked.body.id });
      expect(verdict(twice)).toEqual([409, 'quote_used']);
    });

    it('repeats under an Idempotency-Key', async () => {
      const { crest: memberRef } = await person();
      const key = { 'idempotency-key': 'q-1' };
      const first = await crest('/v1/quotes', quote(memberRef), key);
      const again = await crest('/v1/quotes', quote(memberRef), key);
      expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([first.text, 'true']);
    });

    it('refuses more than the basket, foreign stores, other currencies and unknown members', async () => {
      const { crest: memberRef, aurora } = await person();
      expect(verdict(await crest('/v1/quotes', quote(memberRef, { basketTotal: 11_999 })))).toEqual([
        422,
        'points_exceed_basket',
      ]);
      expect(verdict(await crest('/v1/quotes', quote(memberRef, { storeRef: 'aurora-1' })))).toEqual([
        422,
        'store_unknown',
      ]);
      expect(verdict(await crest('/v1/quotes', quote(memberRef, { currency: 'EUR' })))).toEqual([
        422,
        'currency_mismatch',
      ]);
      expect(verdict(await crest('/v1/quotes', quote(aurora)))).toEqual([404, 'not_found']);
    });

    it('410: expired, finally, yet a repeat of what it paid for still gets its answer', async () => {
      const { crest: memberRef } = await person(100);
      const used = await crest('/v1/quotes', quote(memberRef, { points: 40 }));
      const late = await crest('/v1/quotes', quote(memberRef, { points: 40 }));
      const first = await crest('/v1/authorizations', { externalId: 'C-in-time', quoteId: used.body.id });
      const now = rig.clock.now();
      await rig.at(new Date(now.getTime() + 300_000).toISOString());
      expect(verdict(await crest('/v1/authorizations', { externalId: 'C-late', quoteId: late.body.id }))).toEqual([
        410,
        'quote_expired',
      ]);
      const again = await crest('/v1/authorizations', { externalId: 'C-in-time', quoteId: used.body.id });
      expect([again.status, again.text]).toEqual([201, first.text]);
    });
  });

  describe('authorizations', () => {
    it('422: insufficient points, with the limit, stored under its key', async () => {
      const { crest: memberRef, aurora } = await person(30);
      const over = { externalId: 'C-poor' };
      const declined = await authorize(memberRef, 31, over);
      expect([...verdict(declined), declined.body.limit]).toEqual([422, 'points_insufficient', 30]);
      await rig.asBrand('aurora', 'POST', '/v1/grants', {
        externalId: 'more',
        memberRef: aurora,
        points: 70,
        reason: 'goodwill',
      });
      const again = await authorize(memberRef, 31, over);
      expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([
        422,
        declined.text,
        'true',
      ]);
      expect((await authorize(memberRef, 31)).status).toBe(201);
    });

    it('need either a quote or a member, and report what is missing', async () => {
      const { crest: memberRef } = await person();
      const both = await crest('/v1/authorizations', { externalId: 'x', quoteId: 'qt_1', memberRef });
      expect([both.status, both.body.errors]).toMatchObject([422, [{ pointer: '/memberRef', code: 'not_allowed' }]]);
      const none = await crest('/v1/authorizations', { externalId: 'x' });
      expect(none.body.errors).toMatchObject([{ pointer: '/memberRef' }, { pointer: '/points' }]);
      const ttl = await authorize(memberRef, 1, { ttlSeconds: 604_801 });
      expect(ttl.body.errors).toMatchObject([{ pointer: '/ttlSeconds', code: 'out_of_range' }]);
    });

    it('403: without the role, and when suspended', async () => {
      const { memberRef } = rig.member('issuer-only');
      const body = { externalId: 'i-1', memberRef, points: 1 };
      expect(verdict(await rig.asBrand('issuer-only', 'POST', '/v1/authorizations', body))).toEqual([
        403,
        'role_missing',
      ]);
      await rig.brand('issuer-only', { status: 'suspended' });
      expect(verdict(await rig.asBrand('issuer-only', 'POST', '/v1/authorizations', body))).toEqual([
        403,
        'brand_suspended',
      ]);
    });

    it('never overspend under parallel calls', async () => {
      const { crest: memberRef } = await person(100);
      const answers = await Promise.all(Array.from({ length: 40 }, () => authorize(memberRef, 7)));
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(14);
      expect(await wallet(memberRef)).toMatchObject({ available: 2, held: 98 });
    });
  });

  describe('captures, voids and returns', () => {
    it('take parts until the final one gives back the rest', async () => {
      const { crest: memberRef } = await person(100);
      const { id } = (await authorize(memberRef, 80)).body;
      const part = await crest(`/v1/authorizations/${id}/captures`, { externalId: 'p-1', points: 30, final: false });
      expect([part.status, part.body]).toEqual([
        201,
        {
          id: expect.stringMatching(/^cp_/),
          points: 30,
          authorization: { status: 'partially_captured', captured: 30 },
          wallet: { available: 20, held: 50 },
        },
      ]);
      const much = await crest(`/v1/authorizations/${id}/captures`, { externalId: 'p-2', points: 51 });
      expect([...verdict(much), much.body.limit]).toEqual([422, 'capture_exceeds_authorization', 50]);
      const last = await crest(`/v1/authorizations/${id}/captures`, { externalId: 'p-3', points: 40 });
      expect(last.body.authorization).toEqual({ status: 'captured', captured: 70 });
      expect(await wallet(memberRef)).toMatchObject({ available: 30, held: 0 });
      expect(verdict(await crest(`/v1/authorizations/${id}/captures`, { externalId: 'p-4' }))).toEqual([
        409,
        'authorization_closed',
      ]);
      const again = await crest(`/v1/authorizations/${id}/captures`, { externalId: 'p-1', points: 30, final: false });
      expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([part.text, 'true']);
      const view = await rig.asBrand('crest', 'GET', `/v1/authorizations/${id}`);
      expect(view.body).toMatchObject({
        id,
        memberRef,
        storeRef: 'C-014',
        status: 'captured',
        points: 80,
        captured: 70,
        returned: 0,
      });
    });

    it('void once', async () => {
      const { crest: memberRef } = await person(50);
      const { id, externalId } = (await authorize(memberRef, 50)).body;
      const first = await crest(`/v1/authorizations/${id}/void`, { externalId: 'v-1' });
      expect([first.status, first.body]).toMatchObject([
        200,
        { id, externalId, status: 'voided', points: 50, captured: 0, wallet: { available: 50, held: 0 } },
      ]);
      expect((await crest(`/v1/authorizations/${id}/void`, { externalId: 'v-1' })).text).toBe(first.text);
      expect(verdict(await crest(`/v1/authorizations/${id}/void`, { externalId: 'v-2' }))).toEqual([
        409,
        'authorization_closed',
      ]);
      expect(verdict(await crest(`/v1/authorizations/${id}/captures`, { externalId: 'v-3' }))).toEqual([
        409,
        'authorization_closed',
      ]);
    });

    it('give back what was taken and no more', async () => {
      const { crest: memberRef } = await person(50);
      const { id } = (await authorize(memberRef, 50)).body;
      await crest(`/v1/authorizations/${id}/captures`, { externalId: 'b-0', points: 20 });
      const first = await crest(`/v1/authorizations/${id}/returns`, {
        externalId: 'b-1',
        points: 15,
        occurredAt: '2026-03-02T08:00:00+08:00',
      });
      expect([first.status, first.body.restored]).toEqual([201, [{ points: 15, expiresAt: null }]]);
      const much = await crest(`/v1/authorizations/${id}/returns`, { externalId: 'b-2', points: 6 });
      expect([...verdict(much), much.body.limit]).toEqual([422, 'return_exceeds_capture', 5]);
      expect(await wallet(memberRef)).toMatchObject({ available: 45, held: 0 });
    });

    it('410: too late, and the points are back before any worker ran', async () => {
      const { crest: memberRef } = await person(50);
      const { id } = (await authorize(memberRef, 50, { ttlSeconds: 1 })).body;
      rig.clock.set(new Date(rig.clock.now().getTime() + 1000));
      expect(verdict(await crest(`/v1/authorizations/${id}/captures`, { externalId: 'l-1' }))).toEqual([
        410,
        'authorization_expired',
      ]);
      expect(await wallet(memberRef)).toMatchObject({ available: 50, held: 0 });
      expect((await rig.asBrand('crest', 'GET', `/v1/authorizations/${id}`)).body.status).toBe('expired');
    });

    it('are accepted for a member who has left, without revealing the wallet', async () => {
      const who = await person(100);
      const holds: string[] = [];
      for (const points of [40, 30]) holds.push(String((await authorize(who.crest, points)).body.id));
      const [first, second] = holds.map((id) => `/v1/authorizations/${id}`);
      const taken = { externalId: 'gone-1', points: 10, final: false };
      const before = await crest(`${first}/captures`, taken);
      expect(before.body.wallet).toEqual({ available: 30, held: 60 });
      await rig.endLink(who.crest);
      const calls: [string, Json, number, Json][] = [
        [`${first}/captures`, { externalId: 'gone-2' }, 201, { points: 30 }],
        [`${second}/void`, { externalId: 'gone-3' }, 200, { status: 'voided' }],
        [`${first}/returns`, { externalId: 'gone-4', points: 5 }, 201, { restored: [{ points: 5, expiresAt: null }] }],
      ];
      for (const [path, body, status, told] of calls) {
        const answer = await crest(path, body);
        expect([answer.status, answer.body]).toEqual([status, expect.objectContaining({ ...told, wallet: null })]);
        expect((await crest(path, body)).text).toBe(answer.text);
      }
      // a replay of an answer given while the member was linked is unchanged
      expect((await crest(`${first}/captures`, taken)).text).toBe(before.text);
      const own = await rig.asBrand('aurora', 'GET', `/v1/members/${who.aurora}/wallet`);
      expect(own.body).toMatchObject({ available: 65, held: 0 });
    });

    it('404: an unknown authorization and another brand’s, with the same bytes', async () => {
      const { crest: memberRef } = await person(10);
      const { id } = (await authorize(memberRef, 10)).body;
      const other = 'au_0000000000000000000000000A';
      const calls: [string, string, Json?][] = [
        ['GET', ''],
        ['POST', '/captures', { externalId: 'f-1' }],
        ['POST', '/void', { externalId: 'f-2' }],
        ['POST', '/returns', { externalId: 'f-3', points: 1 }],
      ];
      for (const [method, path, body] of calls) {
        const foreign = await rig.asBrand('aurora', method, `/v1/authorizations/${id}${path}`, body);
        const unknown = await rig.asBrand('aurora', method, `/v1/authorizations/${other}${path}`, body);
        expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
      }
    });

    it('let an order name the authorization that paid for it', async () => {
      const { crest: memberRef } = await person(10);
      const { id } = (await authorize(memberRef, 10)).body;
      const order = {
        externalId: 'C-paid',
        memberRef,
        occurredAt: '2026-03-02T08:00:00+08:00',
        currency: 'CNY',
        lines: [{ lineId: '1', quantity: 1, net: 100 }],
        authorizationId: id,
      };
      expect((await crest('/v1/orders', order)).status).toBe(201);
      expect((await rig.asBrand('crest', 'GET', '/v1/orders/C-paid')).body.authorizationId).toBe(id);
      const { memberRef: theirs } = rig.member('aurora');
      expect(verdict(await rig.asBrand('aurora', 'POST', '/v1/orders', { ...order, memberRef: theirs }))).toEqual([
        422,
        'validation_failed',
      ]);
    });
  });

  it('end with books that balance', async () => {
    const answer = await rig.asService('GET', '/internal/v1/invariants');
    expect((answer.body.checks as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
  });

  it('points returned to an ended campaign expire, whatever was left of it; the redeemer sees only the day', async () => {
    const spent = [100, 99, 0].map(async (points, n) => {
      const { aurora, crest: memberRef } = await person();
      const body = { externalId: `x-${n}`, memberRef: aurora, points: 100, reason: 'sign_up', campaign: 'spring' };
      expect((await rig.asBrand('aurora', 'POST', '/v1/grants', body)).status).toBe(201);
      const other = { externalId: `y-${n}`, memberRef: aurora, points: 7, reason: 'sign_up', campaign: 'autumn' };
      expect((await rig.asBrand('aurora', 'POST', '/v1/grants', other)).status).toBe(201);
      const held = await authorize(memberRef, points === 0 ? 100 : points);
      const path = `/v1/authorizations/${held.body.id as string}`;
      if (points > 0) await crest(`${path}/captures`, { externalId: `c-${(count += 1)}` });
      return { memberRef, path, points };
    });
    const members = await Promise.all(spent);
    const body = { externalId: 'end', brand: 'aurora', campaign: 'spring', reason: 'over' };
    const ended = await rig.asOperator('POST', '/v1/operator/expirations', body);
    expect([ended.status, ended.body]).toEqual([201, { points: 1, lots: 2 }]);
    for (const { memberRef, path, points } of members) {
      const externalId = `r-${(count += 1)}`;
      if (points === 0) await crest(`${path}/void`, { externalId });
      else {
        const back = await crest(`${path}/returns`, { externalId, points });
        expect(back.body.restored).toEqual([{ points, expiresAt: '2026-03-02T15:59:59Z' }]);
      }
      expect(await wallet(memberRef)).toMatchObject({ available: 7, debt: 0, nextExpiry: null });
    }
    const again = await rig.asOperator('POST', '/v1/operator/expirations', { ...body, externalId: 'end-2' });
    expect(again.body).toEqual({ points: 0, lots: 0 });
    const { body: books } = await rig.asService('GET', '/internal/v1/invariants');
    expect((books.checks as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
  });
});
