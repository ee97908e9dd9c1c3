import type { Answer } from '#libs/testing';
import { ledgerUnderTest } from '../../test/ledger-under-test.js';
import type { LedgerUnderTest } from '../../test/ledger-under-test.js';

type Json = Record<string, unknown>;

describe('wallets, grants and due work', () => {
  let rig: LedgerUnderTest;
  let count = 0;

  beforeAll(async () => {
    rig = await ledgerUnderTest();
    await rig.brand('aurora');
    await rig.brand('birch');
    await rig.rule('aurora', { earn: { points: 1, per: 1 } });
    await rig.rule('birch', {
      earn: { points: 1, per: 1 },
      pendingDays: 7,
      expiry: { kind: 'rolling', months: 1, roundTo: 'day' },
    });
  }, 120_000);

  afterAll(async () => {
    await rig.close();
  });

  function person(): { aurora: string; birch: string } {
    const { memberRef: aurora, walletId } = rig.member('aurora');
    return { aurora, birch: rig.member('birch', walletId).memberRef };
  }
  const get = (brand: string, path: string): Promise<Answer> => rig.asBrand(brand, 'GET', path);
  const grant = (memberRef: string, points: number, over: Json = {}): Promise<Answer> =>
    rig.asBrand('aurora', 'POST', '/v1/grants', {
      externalId: `g-${(count += 1)}`,
      memberRef,
      points,
      reason: 'review',
      ...over,
    });
  const order = (brand: string, memberRef: string, net: number): Promise<Answer> =>
    rig.asBrand(brand, 'POST', '/v1/orders', {
      externalId: `o-${(count += 1)}`,
      memberRef,
      occurredAt: rig.clock.now().toISOString(),
      currency: 'CNY',
      lines: [{ lineId: '1', quantity: 1, net }],
    });
  const verdict = ({ status, body }: Answer): unknown[] => [status, body.code];

  describe('grants', () => {
    it.each(['purchase', 'tier_bonus', 'referral_rebate', 'earnings_conversion', 'debt', 'debt_write_off'])(
      'cannot claim to come from the network: %s',
      async (reason) => {
        const { body } = await grant(person().aurora, 5, { reason });
        expect([body.code, body.errors]).toMatchObject([
          'validation_failed',
          [{ pointer: '/reason', code: 'not_allowed' }],
        ]);
      },
    );

    it('201: exactly as the partner API documents, and the same again', async () => {
      const { aurora } = person();
      const body = {
        externalId: 'A-G-1',
        memberRef: aurora,
        points: 500,
        reason: 'sign_up',
        campaign: 'spring',
        occurredAt: '2026-03-02T08:00:00+08:00',
        expiresAt: '2027-03-31T23:59:59+08:00',
      };
      const first = await rig.asBrand('aurora', 'POST', '/v1/grants', body);
      expect([first.status, first.body]).toEqual([201, { id: expect.stringMatching(/^gr_/), points: 500 }]);
      const again = await rig.asBrand('aurora', 'POST', '/v1/grants', body);
      expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([first.text, 'true']);
      const other = await rig.asBrand('aurora', 'POST', '/v1/grants', { ...body, points: 501 });
      expect(verdict(other)).toEqual([422, 'idempotency_conflict']);
    });

    it('refuse what cannot be given', async () => {
      const { aurora, birch } = person();
      for (const points of [0, -5, 1.5, 2 ** 53, '5']) {
        const answer = await grant(aurora, points as number);
        expect([answer.status, answer.body.errors[0].pointer]).toEqual([422, '/points']);
      }
      expect(verdict(await grant(birch, 5))).toEqual([404, 'not_found']);
      expect(verdict(await grant(aurora, 5, { occurredAt: '2026-03-03T08:00:00+08:00' }))).toEqual([
        422,
        'occurred_in_future',
      ]);
      const expired = await grant(aurora, 5, { expiresAt: '2026-03-01T08:00:00+08:00' });
      expect(expired.body.errors).toMatchObject([{ pointer: '/expiresAt' }]);
      await rig.brand('spender', { contract: { roles: ['redeemer'] } });
      const { memberRef } = rig.member('spender');
      const body = { externalId: 's-1', memberRef, points: 5, reason: 'goodwill' };
      expect(verdict(await rig.asBrand('spender', 'POST', '/v1/grants', body))).toEqual([403, 'role_missing']);
      await rig.brand('spender', { status: 'suspended' });
      expect(verdict(await rig.asBrand('spender', 'POST', '/v1/grants', body))).toEqual([403, 'brand_suspended']);
    });
  });

  describe('what a brand sees', () => {
    it('is the whole balance and its own entries, and nothing else', async () => {
      const { aurora, birch } = person();
      await order('aurora', aurora, 300);
      await grant(aurora, 50, { campaign: 'spring' });
      const held = await rig.asBrand('birch', 'POST', '/v1/authorizations', {
        externalId: 'b-1',
        memberRef: birch,
        points: 120,
      });
      await rig.asBrand('birch', 'POST', `/v1/authorizations/${held.body.id}/captures`, { externalId: 'b-1-1' });

      const wallets = [
        await get('aurora', `/v1/members/${aurora}/wallet`),
        await get('birch', `/v1/members/${birch}/wallet`),
      ];
      expect(wallets.map(({ body }) => body)).toMatchObject([
        { memberRef: aurora, available: 230, pending: 0, held: 0, debt: 0 },
        { memberRef: birch, available: 230, pending: 0, held: 0, debt: 0 },
      ]);
      const theirs = (await get('birch', `/v1/members/${birch}/wallet/entries`)).body.data as Json[];
      const ours = (await get('aurora', `/v1/members/${aurora}/wallet/entries`)).body.data as Json[];
      const brief = (entries: Json[]): unknown[] =>
        entries.map(({ type, points, reference }) => [type, points, reference]);
      expect(brief(theirs)).toEqual([['capture', -120, 'b-1-1']]);
      expect(ours.map(({ type, points }) => [type, points])).toEqual([
        ['accrual', 50],
        ['accrual', 300],
      ]);
      expect(ours[1]).toMatchObject({
        reason: 'purchase',
        trace: ['base v1: 1 per 1 on 300'],
        order: { externalId: expect.any(String) },
      });
      const ids = new Set([...theirs, ...ours].map(({ id }) => id));
      expect(ids.size).toBe(3);
      const page = await get('aurora', `/v1/members/${aurora}/wallet/entries?limit=1`);
      expect(page.body).toMatchObject({ data: [{ points: 50 }], page: { more: true } });
      const next = await get('aurora', `/v1/members/${aurora}/wallet/entries?limit=1&after=${page.body.page.after}`);
      expect(next.body).toMatchObject({ data: [{ points: 300 }], page: { after: null, more: false } });
      // a cursor with another brand's entry is not accepted
      const stolen = await get('birch', `/v1/members/${birch}/wallet/entries?after=${page.body.page.after}`);
      expect(verdict(stolen)).toEqual([400, 'cursor_invalid']);
    });

    it('404: unknown, foreign and ended members get the same answer', async () => {
      const { aurora, birch } = person();
      await order('aurora', aurora, 10);
      await rig.endLink(aurora);
      const paths = ['', '/entries', '/expirations'];
      for (const path of paths) {
        const texts = await Promise.all(
          [aurora, birch, 'mb_00000000000000000000000000', 'x'].map(
            async (ref) => (await get('aurora', `/v1/members/${ref}/wallet${path}`)).text,
          ),
        );
        expect(new Set(texts).size).toBe(1);
      }
      expect((await get('birch', `/v1/members/${birch}/wallet`)).body.available).toBe(10);
      expect(verdict(await order('aurora', aurora, 10))).toEqual([404, 'not_found']);
    });

    it('asks crm once for an unknown member', async () => {
      const { aurora } = person();
      await get('aurora', `/v1/members/${aurora}/wallet`);
      await get('aurora', `/v1/members/${aurora}/wallet`);
      expect(rig.asked.filter((path) => path.endsWith(aurora))).toHaveLength(1);
    });
  });

  describe('due work', () => {
    it('releases pending points, lets lots expire and lists what expires when', async () => {
      const { aurora, birch } = person();
      await order('birch', birch, 70);
      await grant(aurora, 30, { expiresAt: '2026-03-20T23:59:59+08:00' });
      await grant(aurora, 20);
      const expirations = `/v1/members/${aurora}/wallet/expirations`;
      expect((await get('aurora', expirations)).body.data).toEqual([{ points: 30, at: '2026-03-20T15:59:59Z' }]);
      await rig.at('2026-03-09T08:00:00+08:00');
      const wallet = await get('aurora', `/v1/members/${aurora}/wallet`);
      expect(wallet.body).toMatchObject({
        available: 120,
        pending: 0,
        nextExpiry: { points: 30, at: '2026-03-20T15:59:59Z' },
      });
      expect((await get('aurora', expirations)).body.data).toEqual([
        { points: 30, at: '2026-03-20T15:59:59Z' },
        { points: 70, at: '2026-04-02T15:59:59Z' },
      ]);
      await rig.at('2026-04-03T08:00:00+08:00');
      expect((await get('aurora', `/v1/members/${aurora}/wallet`)).body).toMatchObject({
        available: 20,
        nextExpiry: null,
      });
      const entries = (await get('aurora', `/v1/members/${aurora}/wallet/entries`)).body.data as Json[];
      expect(entries.map(({ type, points }) => [type, points])).toEqual([
        ['expiry', -30],
        ['accrual', 20],
        ['accrual', 30],
      ]);
      const pending = (await get('birch', `/v1/members/${birch}/wallet/entries`)).body.data as Json[];
      expect(pending.map(({ type, points }) => [type, points])).toEqual([
        ['expiry', -70],
        ['accrual_release', 70],
        ['accrual_pending', 0],
      ]);
    });

    it('lets pending points be spent as soon as the clock has been set', async () => {
      const { birch } = person();
      await order('birch', birch, 100);
      await rig.at(new Date(rig.clock.now().getTime() + 7 * 86_400_000).toISOString());
      const held = await rig.asBrand('birch', 'POST', '/v1/authorizations', {
        externalId: 'due-1',
        memberRef: birch,
        points: 100,
      });
      expect(held.status).toBe(201);
    });

    it('shows all brands of a member an expiry by its day, whatever time was given', async () => {
      const { aurora, birch } = person();
      const end = new Date(rig.clock.now().getTime() + 3 * 86_400_000 + 4_567_000);
      expect((await grant(aurora, 40, { expiresAt: end.toISOString() })).status).toBe(201);
      for (const [brand, member] of [
        ['aurora', aurora],
        ['birch', birch],
      ] as const) {
        const { at } = (await get(brand, `/v1/members/${member}/wallet`)).body.nextExpiry;
        expect(new Date(at).toLocaleString('sv', { timeZone: 'Asia/Shanghai' })).toBe(
          `${end.toLocaleDateString('sv', { timeZone: 'Asia/Shanghai' })} 23:59:59`,
        );
      }
    });

    it('lets no held point expire before it is given back', async () => {
      const { aurora } = person();
      const end = new Date(rig.clock.now().getTime() + 60_000);
      await grant(aurora, 40, { expiresAt: end.toISOString() });
      const held = await rig.asBrand('aurora', 'POST', '/v1/authorizations', {
        externalId: 'keep-1',
        memberRef: aurora,
        points: 25,
        ttlSeconds: 2 * 86_400,
      });
      await rig.at(new Date(end.getTime() + 86_400_000).toISOString());
      expect((await get('aurora', `/v1/members/${aurora}/wallet`)).body).toMatchObject({ available: 0, held: 25 });
      await rig.asBrand('aurora', 'POST', `/v1/authorizations/${held.body.id}/captures`, {
        externalId: 'keep-2',
        points: 10,
      });
      expect((await get('aurora', `/v1/members/${aurora}/wallet`)).body).toMatchObject({ available: 0, held: 0 });
    });
  });

  it('publishes its postings: none is left', async () => {
    for (let left = 100; ; left -= 1) {
      const backlog = (await rig.asService('GET', '/internal/v1/backlog')).body as { events: number }[];
      if (backlog.every(({ events }) => events === 0)) break;
      expect(left).toBeGreaterThan(0);
      await new Promise((later) => setTimeout(later, 50));
    }
  });

  it('ends with books that balance', async () => {
    const answer = await rig.asService('GET', '/internal/v1/invariants');
    expect((answer.body.checks as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
  });
});
