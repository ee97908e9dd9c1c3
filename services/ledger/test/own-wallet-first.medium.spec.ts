import { setTimeout as sleep } from 'node:timers/promises';

import { systemNow } from '#libs/kernel';
import { createClient } from '#libs/postgres';

import type { Answer } from '#libs/testing';
import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

type Json = Record<string, unknown>;

const START = Date.parse('2026-03-02T08:00:00+08:00');

/**
 * Work due in a wallet is done by any call that touches it. Here the sweeper is stopped and the clock is set without a notice, so
 * only the call itself can have done it.
 */
describe('a wallet settles itself first', () => {
  let rig: LedgerUnderTest;
  let count = 0;
  let now = START;

  beforeAll(async () => {
    rig = await ledgerUnderTest(new Date(START).toISOString());
    await rig.brand('aurora');
    await rig.brand('crest');
    await rig.rule('aurora', { earn: { points: 1, per: 1 }, pendingDays: 1, expiry: { kind: 'never' } });
  }, 120_000);

  afterAll(async () => {
    const { body } = await rig.asService('GET', '/internal/v1/invariants');
    await rig.close();
    expect((body.checks as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
  });

  interface Member {
    aurora: string;
    crest: string;
  }
  async function person(points: number, over: Json = {}): Promise<Member> {
    const { memberRef: aurora, walletId } = rig.member('aurora');
    const { memberRef: crest } = rig.member('crest', walletId);
    const body = { externalId: `g-${(count += 1)}`, memberRef: aurora, points, reason: 'sign_up', ...over };
    expect((await rig.asBrand('aurora', 'POST', '/v1/grants', body)).status).toBe(201);
    return { aurora, crest };
  }
  const jump = (seconds: number): void => {
    now += seconds * 1_000;
    // no listener is notified, not even the sweeper that runs after the clock is set
    Object.assign(rig.clock, { frozen: new Date(now) });
    expect(rig.clock.now()).toEqual(new Date(now));
  };
  const crest = (path: string, body: Json): Promise<Answer> =>
    rig.asBrand('crest', 'POST', path, { externalId: `w-${(count += 1)}`, ...body });
  const hold = (member: Member, points: number, ttlSeconds = 900): Promise<Answer> =>
    crest('/v1/authorizations', { memberRef: member.crest, points, ttlSeconds });
  const wallet = async (member: Member): Promise<Json> => {
    const { available, held, pending, debt } = (await rig.asBrand('crest', 'GET', `/v1/members/${member.crest}/wallet`))
      .body as Json;
    return { available, held, pending, debt };
  };
  const order = (member: Member, over: Json = {}, query = ''): Promise<Answer> =>
    rig.asBrand('aurora', 'POST', `/v1/orders${query}`, {
      externalId: `o-${(count += 1)}`,
      memberRef: member.aurora,
      occurredAt: new Date(now).toISOString(),
      currency: 'CNY',
      lines: [{ lineId: '1', quantity: 1, net: 10 }],
      ...over,
    });

  it('of two holds that ran out, both are released by the spend that needs them', async () => {
    const member = await person(100);
    await hold(member, 50);
    await hold(member, 50);
    jump(3_600);
    const answer = await hold(member, 100);
    expect([answer.status, answer.body.wallet]).toEqual([201, { available: 0, held: 100 }]);
  });

  it('so are 200, and a decline reports the balance after them', async () => {
    const member = await person(200);
    await Promise.all(Array.from({ length: 200 }, () => hold(member, 1)));
    expect(await wallet(member)).toMatchObject({ available: 0, held: 200 });
    const much = await hold(member, 1);
    expect([much.body.code, much.body.limit]).toEqual(['points_insufficient', 0]);
    jump(900);
    const more = await hold(member, 201);
    expect([more.body.code, more.body.limit]).toEqual(['points_insufficient', 200]);
    expect((await hold(member, 200)).status).toBe(201);
  });

  it.each([
    ['a wallet read', async (m: Member): Promise<unknown> => (await wallet(m))['available']],
    [
      'a simulation',
      async (m: Member): Promise<unknown> => (await order(m, {}, '?simulate=true')).body.wallet.available,
    ],
    ['an order', async (m: Member): Promise<unknown> => (await order(m)).body.wallet.available],
  ])('%s counts points that became available, held or pending, and none that expired', async (_name, available) => {
    const member = await person(60);
    await rig.asBrand('aurora', 'POST', '/v1/grants', {
      externalId: `g-${(count += 1)}`,
      memberRef: member.aurora,
      points: 7,
      reason: 'review',
      expiresAt: new Date(now + 2 * 86_400_000).toISOString(),
    });
    await order(member, { lines: [{ lineId: '1', quantity: 1, net: 40 }] });
    await hold(member, 20);
    await hold(member, 30);
    expect(await wallet(member)).toEqual({ available: 17, held: 50, pending: 40, debt: 0 });
    jump(3 * 86_400);
    expect(await available(member)).toBe(100);
    expect(await wallet(member)).toMatchObject({ available: 100, held: 0 });
  });

  it('a capture and a void of a hold that has just run out are declined as expired, finally', async () => {
    const member = await person(50);
    const { id } = (await hold(member, 50, 60)).body;
    jump(60);
    const late = { externalId: 'late-capture' };
    const captured = await crest(`/v1/authorizations/${id}/captures`, late);
    expect([captured.status, captured.body.code]).toEqual([410, 'authorization_expired']);
    const voided = await crest(`/v1/authorizations/${id}/void`, {});
    expect([voided.status, voided.body.code]).toEqual([410, 'authorization_expired']);
    expect(await wallet(member)).toMatchObject({ available: 50, held: 0 });
    expect((await rig.asBrand('crest', 'GET', `/v1/authorizations/${id}`)).body.status).toBe('expired');
    const again = await crest(`/v1/authorizations/${id}/captures`, late);
    expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([captured.text, 'true']);
  });

  it('reading an authorization that ran out shows it as expired', async () => {
    const member = await person(5);
    const { id } = (await hold(member, 5, 60)).body;
    jump(60);
    expect((await rig.asBrand('crest', 'GET', `/v1/authorizations/${id}`)).body.status).toBe('expired');
  });

  it('settles no other wallet', async () => {
    const [mine, other] = [await person(10), await person(10)];
    for (const member of [mine, other]) await hold(member, 10, 60);
    jump(60);
    expect(await wallet(mine)).toMatchObject({ available: 10, held: 0 });
    const rows = await rig.dataSource.transaction(async (tx): Promise<{ open: boolean }[]> => {
      await tx.query(`select set_config('hezong.brand', '*', true)`);
      return tx.query('select open from hold where member_ref = $1', [other.crest]);
    });
    expect(rows).toEqual([{ open: true }]);
  });

  it('does not wait while other wallets are being swept', async () => {
    const [mine, busy] = [await person(10), await person(10)];
    for (const member of [mine, busy]) await hold(member, 10, 60);
    jump(60);
    // another process settles the wallet, slowly, and holds its lock
    const client = createClient(rig.database.ownerUrl, 'slow-sweeper');
    await client.connect();
    try {
      await client.query('begin');
      await client.query(
        `select from wallet where wallet_id = (select wallet_id from hold where member_ref = $1) for no key update`,
        [busy.crest],
      );
      expect(await wallet(mine)).toMatchObject({ available: 10, held: 0 });
      expect((await hold(mine, 10)).status).toBe(201);
      await client.query('rollback');
    } finally {
      await client.end();
    }
  });

  it('right after a hold ends in real time, one of several parallel callers gets the points', async () => {
    const members = await Promise.all(Array.from({ length: 12 }, () => person(10)));
    const until = async (instant: number): Promise<void> => {
      while (systemNow().getTime() < instant) await sleep(1);
    };
    Object.assign(rig.clock, { frozen: null });
    try {
      await Promise.all(
        members.map(async (member, n) => {
          const first = await hold(member, 10, 1);
          const ends = Date.parse(first.body.expiresAt as string);
          const path = `/v1/authorizations/${first.body.id as string}/captures`;
          const race = async (offset: number): Promise<Answer[]> => {
            await until(ends + offset);
            return Promise.all([crest(path, { points: 10 }), hold(member, 10), hold(member, 10)]);
          };
          // two thirds of the calls run before, at and after the expiry; the others only after it
          const tries = n % 3 === 0 ? [] : [...(await race(-n)), ...(await race(0))];
          const [capture, ...holds] = await race(1);
          expect(capture?.status).not.toBe(201);
          if (n % 3 === 0) expect(holds.map(({ status }) => status).sort()).toEqual([201, 422]);
          const won = [...tries, ...holds].filter(({ status }) => status === 201);
          expect(won).toHaveLength(1);
          expect(await wallet(member)).toMatchObject({ available: 0 });
        }),
      );
    } finally {
      Object.assign(rig.clock, { frozen: new Date(now) });
    }
  });
});
