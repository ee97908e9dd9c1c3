import { uuidv7 } from '#libs/kernel';

import type { Answer } from '#libs/testing';
import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

type Json = Record<string, unknown>;

const START = Date.parse('2026-03-02T08:00:00+08:00');
const DAY = 86_400_000;
const day = (n: number): string => new Date(START + n * DAY).toISOString();

/** However points become spendable again, they first repay what the member owes their issuer. */
describe('debts', () => {
  let rig: LedgerUnderTest;
  let count = 0;
  let today = 0;

  beforeAll(async () => {
    rig = await ledgerUnderTest(day(0));
    for (const brand of ['aurora', 'birch', 'crest']) {
      await rig.brand(brand);
      expect((await rig.rule(brand, { earn: { points: 1, per: 1 }, expiry: { kind: 'never' } })).status).toBe(201);
    }
    await rig.brand('later');
    await rig.rule('later', { earn: { points: 1, per: 1 }, pendingDays: 2 });
    await rig.brand('parcel');
    await rig.rule('parcel', { earn: { points: 1, per: 1 }, pendingUntil: 'delivered' });
    await rig.brand('short');
    const month = { kind: 'rolling', months: 1, roundTo: 'day' };
    await rig.rule('short', { earn: { points: 1, per: 1 }, expiry: month, pendingUntil: 'delivered' });
  }, 120_000);

  afterAll(async () => {
    const { body } = await rig.asService('GET', '/internal/v1/invariants');
    await rig.close();
    expect((body.checks as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
  });

  type Member = Record<'aurora' | 'birch' | 'crest' | 'later' | 'parcel' | 'short', string>;
  function person(walletId = uuidv7()): Member {
    const at = (brand: string): string => rig.member(brand, walletId).memberRef;
    return {
      aurora: at('aurora'),
      birch: at('birch'),
      crest: at('crest'),
      later: at('later'),
      parcel: at('parcel'),
      short: at('short'),
    };
  }
  async function post(brand: string, path: string, body: Json, status = 201): Promise<Answer> {
    const externalId = body['externalId'] ?? `d-${(count += 1)}`;
    const answer = await rig.asBrand(brand, 'POST', path, { ...body, externalId });
    expect([answer.status, answer.text]).toEqual([status, expect.any(String)]);
    return answer;
  }
  const move = async (days: number): Promise<void> => {
    today += days;
    await rig.at(day(today));
  };
  async function buy(brand: keyof Member, member: Member, net: number, over: Json = {}): Promise<string> {
    const externalId = `o-${(count += 1)}`;
    await post(brand, '/v1/orders', {
      externalId,
      memberRef: member[brand],
      occurredAt: rig.clock.now().toISOString(),
      currency: 'CNY',
      lines: [{ lineId: '1', quantity: 1, net }],
      ...over,
    });
    return externalId;
  }
  const grant = (member: Member, points: number, expiresAt: string | null = null): Promise<Answer> =>
    post('aurora', '/v1/grants', { memberRef: member.aurora, points, reason: 'review', expiresAt });
  async function bringBack(brand: string, order: string, net: number): Promise<Json> {
    const { body } = await post(brand, `/v1/orders/${order}/returns`, {
      occurredAt: rig.clock.now().toISOString(),
      lines: [{ lineId: '1', quantity: 1, net }],
    });
    return body.points as Json;
  }
  async function hold(member: Member, points: number, over: Json = {}): Promise<string> {
    const { body } = await post('crest', '/v1/authorizations', { memberRef: member.crest, points, ...over });
    return `/v1/authorizations/${body.id as string}`;
  }
  async function spend(member: Member, points: number): Promise<string> {
    const path = await hold(member, points);
    await post('crest', `${path}/captures`, {});
    return path;
  }
  async function numbers(member: Member): Promise<Json> {
    const { body } = await rig.asBrand('crest', 'GET', `/v1/members/${member.crest}/wallet`);
    const { available, pending, held, debt, balance } = body as Json;
    return { available, pending, held, debt, balance };
  }
  /** Per issuer, in order: issuer, points left and points owed of open lots. */
  async function open(member: Member): Promise<unknown[]> {
    const { body } = await rig.asOperator('GET', `/v1/operator/members/${member.aurora}/lots`);
    const lots = body.data as { issuer: string; remaining: number; held: number }[];
    const debts = body.debts as { issuer: string; remaining: number }[];
    return [
      ...lots.filter((l) => l.remaining + l.held > 0).map((l) => [l.issuer, l.remaining + l.held]),
      ...debts.filter((d) => d.remaining > 0).map((d) => [d.issuer, -d.remaining]),
    ].sort();
  }
  const nothing = { available: 0, pending: 0, held: 0, debt: 0, balance: 0 };

  it('are met by points of a returned redemption, and nothing expires below zero', async () => {
    const member = person();
    const order = await buy('aurora', member, 100);
    const spent = await spend(member, 100);
    expect(await bringBack('aurora', order, 100)).toMatchObject({ reversed: 100, toDebt: 100 });
    expect(await numbers(member)).toMatchObject({ debt: 100, balance: -100 });
    const back = await post('crest', `${spent}/returns`, { points: 100 });
    expect(back.body.wallet).toMatchObject({ available: 0 });
    expect(await numbers(member)).toEqual(nothing);
    expect(await open(member)).toEqual([]);
  });

  it('are met by the points that a void, a final capture or an expired hold gives back', async () => {
    const owing = async (): Promise<{ member: Member; path: string }> => {
      const member = person();
      const order = await buy('aurora', member, 100);
      const path = await hold(member, 100, { ttlSeconds: 3_600 });
      expect(await bringBack('aurora', order, 100)).toMatchObject({ toDebt: 100 });
      return { member, path };
    };
    const voided = await owing();
    const answer = await post('crest', `${voided.path}/void`, {}, 200);
    expect(answer.body.wallet).toEqual({ available: 0, held: 0 });
    expect(await numbers(voided.member)).toEqual(nothing);

    const captured = await owing();
    await post('crest', `${captured.path}/captures`, { points: 30, final: true });
    expect(await numbers(captured.member)).toEqual({ ...nothing, debt: 30, balance: -30 });
    expect(await open(captured.member)).toEqual([['aurora', -30]]);

    const late = await owing();
    await move(1);
    expect(await numbers(late.member)).toEqual(nothing);
    expect(await open(late.member)).toEqual([]);
  });

  it('are met by pending points when they become available, by time or by delivery, even of another order', async () => {
    const member = person();
    const fast = await buy('later', member, 40);
    await move(3);
    await spend(member, 40);
    expect(await bringBack('later', fast, 40)).toMatchObject({ toDebt: 40 });
    await buy('later', member, 100);
    expect(await numbers(member)).toMatchObject({ pending: 100, debt: 40 });
    await move(3);
    expect(await numbers(member)).toEqual({ ...nothing, available: 60, balance: 60 });

    const parcel = await buy('parcel', member, 30, { fulfilment: 'in_store' });
    await spend(member, 90);
    expect(await bringBack('parcel', parcel, 30)).toMatchObject({ toDebt: 30 });
    const sent = await buy('parcel', member, 70, { fulfilment: 'delivery' });
    const delivered = await post('parcel', `/v1/orders/${sent}/deliveries`, {
      occurredAt: rig.clock.now().toISOString(),
    });
    expect(delivered.body.wallet).toEqual({ available: 40 });
    expect(await numbers(member)).toEqual({ ...nothing, available: 40, balance: 40 });
  });

  it('are owed to one issuer: another issuer’s points come back untouched', async () => {
    const member = person();
    const order = await buy('aurora', member, 100);
    await buy('birch', member, 50);
    const spent = await spend(member, 150);
    await bringBack('aurora', order, 100);
    await post('crest', `${spent}/returns`, { points: 150 });
    expect(await numbers(member)).toEqual({ ...nothing, available: 50, balance: 50 });
    expect(await open(member)).toEqual([['birch', 50]]);
  });

  it('older than a lot’s expiry are met by it however late it comes back; younger ones are not', async () => {
    const older = person();
    await grant(older, 100, day(today + 5));
    const order = await buy('aurora', older, 60);
    const spent = await spend(older, 160);
    expect(await bringBack('aurora', order, 60)).toMatchObject({ toDebt: 60 });

    const younger = person();
    await grant(younger, 100, day(today + 5));
    const gone = await spend(younger, 100);
    const after = await buy('aurora', younger, 60);
    await spend(younger, 60);

    await move(6);
    expect(await bringBack('aurora', after, 60)).toMatchObject({ toDebt: 60 });
    await post('crest', `${spent}/returns`, { points: 160 });
    // 60 points of the order are live again; of the 100 that have expired, 60 were owed before their expiry
    expect(await numbers(older)).toEqual({ ...nothing, available: 60, balance: 60 });
    await post('crest', `${gone}/returns`, { points: 100 });
    expect(await numbers(younger)).toEqual({ ...nothing, debt: 60, balance: -60 });
  });

  describe('exist only for points that were spent', () => {
    const deliver = async (order: string, at: string): Promise<Answer['body']> =>
      (await post('short', `/v1/orders/${order}/deliveries`, { occurredAt: at })).body;
    const reversedOf = async (order: string): Promise<unknown> =>
      (await rig.asBrand('short', 'GET', `/v1/orders/${order}`)).body.points.reversed;

    it('so points that expired unspent are not owed, and no other points are locked', async () => {
      const member = person();
      const lines = [{ lineId: '1', quantity: 2, net: 400 }];
      const order = await buy('short', member, 400, { lines });
      const half = await buy('short', member, 100);
      await buy('birch', member, 500);
      await spend(member, 30);
      await move(32);
      expect(await numbers(member)).toEqual({ ...nothing, available: 500, balance: 500 });
      // of the first order 30 were spent and 370 have expired
      expect(await bringBack('short', order, 300)).toEqual({ reversed: 300, fromPending: 0, expired: 300, toDebt: 0 });
      expect(await bringBack('short', order, 100)).toEqual({ reversed: 100, fromPending: 0, expired: 70, toDebt: 30 });
      expect(await bringBack('short', half, 100)).toEqual({ reversed: 100, fromPending: 0, expired: 100, toDebt: 0 });
      expect([await reversedOf(order), await reversedOf(half)]).toEqual([400, 100]);
      expect(await open(member)).toEqual([
        ['birch', 500],
        ['short', -30],
      ]);
      await buy('short', member, 100);
      expect(await numbers(member)).toEqual({ ...nothing, available: 570, balance: 570 });
      await spend(member, 570);
    });

    it('so the order in which goods and expired points come back makes no difference', async () => {
      for (const goodsFirst of [true, false]) {
        const member = person();
        const order = await buy('short', member, 100);
        const spent = await spend(member, 100);
        await move(32);
        const goods = (): Promise<Json> => bringBack('short', order, 100);
        const points = (): Promise<Answer> => post('crest', `${spent}/returns`, { points: 100 });
        if (goodsFirst) expect([await goods(), await points()]).toMatchObject([{ expired: 0, toDebt: 100 }, {}]);
        else expect([await points(), await goods()]).toMatchObject([{}, { expired: 100, toDebt: 0 }]);
        expect(await numbers(member)).toEqual(nothing);
        expect(await open(member)).toEqual([]);
      }
    });

    it('so points that waited for a delivery until they expired are not owed', async () => {
      const member = person();
      const order = await buy('short', member, 100, { fulfilment: 'delivery' });
      await move(40);
      const told = await deliver(order, day(today));
      expect([told.points, told.wallet]).toEqual([{ released: 0, expired: 100 }, { available: 0 }]);
      expect(await bringBack('short', order, 100)).toMatchObject({ reversed: 100, expired: 100, toDebt: 0 });
      expect(await numbers(member)).toEqual(nothing);
    });

    it('and a delivery reported late costs the member no day', async () => {
      const member = person();
      const order = await buy('short', member, 200, { fulfilment: 'delivery' });
      const delivered = day(today + 13);
      await move(40);
      const told = await deliver(order, delivered);
      expect([told.points, told.wallet]).toEqual([{ released: 200, expired: 0 }, { available: 200 }]);
      const { body } = await rig.asBrand('short', 'GET', `/v1/members/${member.short}/wallet`);
      // the remaining life of the points at delivery now counts from today
      const ended = new Date(START + (today - 40) * DAY);
      // the last second of that day in Shanghai, where it is 08:00
      const end = new Date(ended.setUTCMonth(ended.getUTCMonth() + 1)).getTime() + 27 * DAY + 16 * 3_600_000 - 1_000;
      expect(Date.parse(body.nextExpiry.at as string)).toBe(end);
      await move(30);
      expect(await numbers(member)).toEqual(nothing);
    });

    it('and no report goes back further than the contract accepts', async () => {
      const member = person();
      const order = await buy('short', member, 60, { fulfilment: 'delivery' });
      const delivered = day(today + 1);
      await move(70);
      // reports go back 30 days at most: an expiry 40 days ago stands
      expect((await deliver(order, delivered)).points).toEqual({ released: 0, expired: 60 });
      expect(await numbers(member)).toEqual(nothing);
    });
  });

  it('spare other points of the issuer only if spent points came back before the goods, once all have expired', async () => {
    const left = async (first: 'goods' | 'points'): Promise<unknown[]> => {
      const member = person();
      const order = await buy('short', member, 1_000);
      const spent = await spend(member, 700);
      await move(20);
      await buy('short', member, 500);
      // 300 expire unspent
      await move(20);
      const points = (): Promise<Answer> => post('crest', `${spent}/returns`, { points: 700 });
      if (first === 'points') await points();
      const { expired, toDebt } = await bringBack('short', order, 1_000);
      if (first === 'goods') await points();
      expect(await numbers(member)).toMatchObject({ debt: 0 });
      return [expired, toDebt, await open(member)];
    };
    expect(await left('points')).toEqual([1_000, 0, [['short', 500]]]);
    expect(await left('goods')).toEqual([300, 200, []]);
  });

  it('wait for a member who leaves the brand and joins it again; those of an erased person stay in the books', async () => {
    const owing = async (): Promise<[Member, string]> => {
      const walletId = uuidv7();
      const member = person(walletId);
      const order = await buy('aurora', member, 100);
      await spend(member, 100);
      await bringBack('aurora', order, 100);
      await rig.endLink(member.aurora);
      return [member, walletId];
    };
    const owed = async ({ aurora }: Member): Promise<number[]> => {
      const { body } = await rig.asOperator('GET', `/v1/operator/members/${aurora}/lots`);
      return (body.debts as { remaining: number }[]).map(({ remaining }) => remaining);
    };
    const [left, walletId] = await owing();
    // crm gives a person who is still known the same wallet under a new memberRef
    const back = person(walletId);
    expect([await numbers(back), await owed(left)]).toEqual([{ ...nothing, debt: 100, balance: -100 }, [100]]);
    await buy('aurora', back, 130);
    expect([await numbers(back), await owed(left)]).toEqual([{ ...nothing, available: 30, balance: 30 }, [0]]);

    const [erased] = await owing();
    await rig.endLink(erased.crest);
    const fresh = person();
    await buy('aurora', fresh, 130);
    expect([await numbers(fresh), await owed(erased)]).toEqual([{ ...nothing, available: 130, balance: 130 }, [100]]);
  });

  it('to a brand that has left are written off by two people, once, and no longer lock any points', async () => {
    await rig.brand('leaving');
    await rig.rule('leaving', { earn: { points: 1, per: 1 }, expiry: { kind: 'never' } });
    const walletId = uuidv7();
    const [left, aurora, crest] = ['leaving', 'aurora', 'crest'].map((brand) => rig.member(brand, walletId).memberRef);
    const buy = (brand: string, externalId: string, memberRef = ''): Promise<Answer> =>
      post(brand, '/v1/orders', {
        externalId,
        memberRef,
        occurredAt: day(today),
        currency: 'CNY',
        lines: [{ lineId: '1', sku: 'x', category: 'x', quantity: 1, net: 100 }],
      });
    await buy('leaving', 'wo-order', left);
    const { body: held } = await post('crest', '/v1/authorizations', { memberRef: crest, points: 100 });
    await post('crest', `/v1/authorizations/${held.id as string}/captures`, {});
    await post('leaving', '/v1/orders/wo-order/returns', {
      occurredAt: day(today),
      lines: [{ lineId: '1', quantity: 1, net: 100 }],
    });
    await buy('aurora', 'wo-other', aurora);
    const wallet = async (): Promise<Json> =>
      (await rig.asBrand('aurora', 'GET', `/v1/members/${aurora}/wallet`)).body as Json;
    // points from aurora are blocked by the debt to the other brand
    expect(await wallet()).toMatchObject({ available: 0, debt: 100 });
    const body = { externalId: 'wo-1', brand: 'leaving', reason: 'left' };
    const writeOff = (over: Json = {}): Promise<Answer> =>
      rig.asOperator('POST', '/v1/operator/debt-write-offs', { ...body, ...over });
    rig.desk.checker = 'cl_second';
    expect((await writeOff()).body).toMatchObject({ status: 409, code: 'brand_not_closed' });
    await rig.brand('leaving', { status: 'closed' });
    rig.desk.checker = null;
    expect((await writeOff()).body).toMatchObject({ status: 403, code: 'second_person_needed' });
    expect(await wallet()).toMatchObject({ available: 0, debt: 100 });
    rig.desk.checker = 'cl_second';
    const done = await writeOff();
    expect([done.status, done.body]).toEqual([201, { points: 100, wallets: 1 }]);
    expect(await wallet()).toMatchObject({ available: 100, debt: 0 });
    rig.desk.checker = null;
    const again = await writeOff();
    expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([done.body, 'true']);
    expect((await writeOff({ reason: 'other' })).body.code).toBe('idempotency_conflict');
    const { body: outstanding } = await rig.asService('GET', '/internal/v1/outstanding');
    expect(
      (outstanding.issuers as Json[]).filter(({ brand, points }) => brand === 'leaving' && points !== '0'),
    ).toEqual([]);
  });

  it('that were written off are still met by points that come back: nobody keeps points for goods that both sides took back', async () => {
    await rig.brand('gone');
    await rig.rule('gone', { earn: { points: 1, per: 1 }, expiry: { kind: 'never' } });
    const persons = ['spent', 'held', 'half'].map((name) => {
      const walletId = uuidv7();
      return { name, gone: rig.member('gone', walletId).memberRef, crest: rig.member('crest', walletId).memberRef };
    });
    const lines = [{ lineId: '1', quantity: 2, net: 100 }];
    const paths: Record<string, string> = {};
    for (const { name, gone, crest } of persons) {
      const occurredAt = rig.clock.now().toISOString();
      await post('gone', '/v1/orders', { externalId: name, memberRef: gone, occurredAt, currency: 'CNY', lines });
      const { body } = await post('crest', '/v1/authorizations', { memberRef: crest, points: 100 });
      paths[name] = `/v1/authorizations/${body.id as string}`;
      if (name !== 'held') await post('crest', `${paths[name]}/captures`, {});
      const back = name === 'half' ? { quantity: 1, net: 50 } : { quantity: 2, net: 100 };
      await post('gone', `/v1/orders/${name}/returns`, { occurredAt, lines: [{ lineId: '1', ...back }] });
    }
    await rig.brand('gone', { status: 'closed' });
    rig.desk.checker = 'cl_second';
    const body = { externalId: 'wo-back', brand: 'gone', reason: 'left' };
    expect((await rig.asOperator('POST', '/v1/operator/debt-write-offs', body)).body).toEqual({
      points: 250,
      wallets: 3,
    });
    rig.desk.checker = null;

    await post('crest', `${paths['spent']}/returns`, { points: 30 });
    await post('crest', `${paths['spent']}/returns`, { points: 70 });
    await post('crest', `${paths['held']}/void`, {}, 200);
    // of these, the member returned goods for only 50
    await post('crest', `${paths['half']}/returns`, { points: 100 });
    const left = await Promise.all(
      persons.map(async ({ crest }) => (await rig.asBrand('crest', 'GET', `/v1/members/${crest}/wallet`)).body),
    );
    expect(left).toMatchObject([
      { available: 0, debt: 0 },
      { available: 0, debt: 0 },
      { available: 50, debt: 0 },
    ]);
    const { body: outstanding } = await rig.asService('GET', '/internal/v1/outstanding');
    expect((outstanding.issuers as Json[]).find(({ brand }) => brand === 'gone')).toMatchObject({ points: '50' });
  });

  it('are met in postings, and outstanding points equal lots less debts', async () => {
    const issued = async (): Promise<number> => {
      const { body } = await rig.asService('GET', '/internal/v1/outstanding');
      const issuers = body.issuers as { brand: string; points: string }[];
      return Number(issuers.find(({ brand }) => brand === 'aurora')?.points ?? 0);
    };
    const before = await issued();
    const member = person();
    const order = await buy('aurora', member, 100);
    const spent = await spend(member, 100);
    await bringBack('aurora', order, 100);
    expect(await issued()).toBe(before - 100);
    await post('crest', `${spent}/returns`, { points: 100 });
    expect(await issued()).toBe(before);
    const entries = await rig.asBrand('aurora', 'GET', `/v1/members/${member.aurora}/wallet/entries`);
    expect((entries.body.data as Json[]).map(({ type, points }) => [type, points])).toEqual([
      ['debt_repayment', expect.any(Number)],
      ['accrual_reversal', -100],
      ['accrual', 100],
    ]);
  });

  it('are the same whether goods or spent points come back first, even after the points have expired', async () => {
    const ended = async (): Promise<{ member: Member; order: string; spent: string }> => {
      const member = person();
      const order = await buy('short', member, 1_000);
      return { member, order, spent: await spend(member, 700) };
    };
    const [goods, points] = [await ended(), await ended()];
    await move(40);
    expect(await bringBack('short', goods.order, 1_000)).toMatchObject({ expired: 300, toDebt: 700 });
    await post('crest', `${goods.spent}/returns`, { points: 700 });
    await post('crest', `${points.spent}/returns`, { points: 700 });
    expect(await bringBack('short', points.order, 1_000)).toMatchObject({ expired: 1_000, toDebt: 0 });
    for (const { member } of [goods, points]) {
      expect(await numbers(member)).toEqual(nothing);
      expect(await open(member)).toEqual([]);
    }
  });
});
