import { NetworkProbe } from '#libs/http';
import { ladderBody, memberOf, membershipUnderTest, ref } from './membership-under-test.js';
import type { MembershipUnderTest, TestMember } from './membership-under-test.js';

const LADDERS = '/v1/operator/tier-ladders';

let m: MembershipUnderTest;

beforeAll(async () => {
  m = await membershipUnderTest(['aurora', 'birch', 'crest']);
  await m.moveTo('2026-03-01T12:00:00+08:00');
  expect((await m.asOperator('POST', '/v1/operator/tier-ladders', ladderBody())).status).toBe(201);
});
afterAll(() => m.close());

const member = (name: string): Promise<TestMember> => memberOf(m, name);
let orders = 0;
function order(walletId: string, net: number, brand = 'aurora', at = m.clock.now().toISOString()) {
  orders += 1;
  return { orderId: `o${orders}`, walletId, brand, at, net };
}

describe('a member’s tier', () => {
  it('rises immediately with orders of all brands, and reports what is missing per condition', async () => {
    const { full, walletId, memberRef } = await member('RISE');
    await m.deliver([order(walletId, 300_000), order(walletId, 300_050, 'birch')]);
    const { body } = await m.asOperator('GET', full);
    expect(body).toEqual({
      memberRef,
      tier: 'silver',
      rank: 1,
      source: 'earned',
      earnedRank: 1,
      since: '2026-03-01T04:00:00Z',
      until: '2026-12-31T16:00:00Z',
      dropsAt: '2027-12-31T16:00:00Z',
      credits: 4500,
      visits: 2,
      brands: 2,
      next: { tier: 'gold', rank: 2, anyOf: null, missing: { credits: { needed: 5000, have: 4500, missing: 500 } } },
      keeps: { by: '2026-12-31T16:00:00Z', anyOf: null, credits: { needed: 1000, have: 4500, missing: 0 } },
      earnMultiplier: '1.10',
      funder: 'operator',
      ladderVersion: 1,
    });
    await m.deliver([order(walletId, 60_000, 'crest')]);
    expect(await m.told(walletId)).toEqual([
      { rank: 1, tier: 'silver', version: 1n },
      { rank: 2, tier: 'gold', version: 2n },
    ]);
    const history = (await m.asOperator('GET', `/v1/operator/members/${memberRef}/tier-history`)).body;
    expect(history.data).toMatchObject([
      { from: 0, to: 1, ladderVersion: 1, inputs: { cause: 'purchase', measure: { credits: '4500' } } },
      { from: 1, to: 2 },
    ]);
  });

  it('does not rise with an order in another currency, which has no known value', async () => {
    const { full, walletId } = await member('OTHER');
    await m.deliver([{ ...order(walletId, 30_000_000), currency: 'VND' }]);
    expect((await m.asOperator('GET', full)).body).toMatchObject({ rank: 0, credits: 0, visits: 0 });
  });

  it('is shown to a brand in months, without its source, visits and the number of brands', async () => {
    const { path, full, walletId, memberRef } = await member('BRAND');
    await m.deliver([order(walletId, 300_000), order(walletId, 300_050, 'birch')]);
    const { body } = await m.asBrand('aurora', 'GET', path);
    expect(body).toEqual({
      memberRef,
      tier: 'silver',
      rank: 1,
      since: '2026-03',
      until: '2026-12',
      credits: 4500,
      next: { tier: 'gold', rank: 2, anyOf: null, missing: { credits: { needed: 5000, have: 4500, missing: 500 } } },
      earnMultiplier: '1.10',
    });
    expect((await m.asBrand('aurora', 'GET', full)).status).toBe(403);
  });

  it('is the same 404 for unknown, foreign and ended references', async () => {
    const { path, memberRef, walletId } = await member('GONE');
    const foreign = await m.asBrand('birch', 'GET', path);
    const unknown = await m.asBrand('aurora', 'GET', `/v1/members/${ref('NOBODY')}/tier`);
    const nonsense = await m.asBrand('aurora', 'GET', '/v1/members/x/tier');
    await m.link(memberRef, 'aurora', walletId, 'deleted');
    const ended = await m.asBrand('aurora', 'GET', path);
    expect(foreign.status).toBe(404);
    expect(new Set([foreign.text, unknown.text, nonsense.text, ended.text]).size).toBe(1);
  });

  it('shows a brand no facts of another brand', async () => {
    const runner = m.dataSource.createQueryRunner();
    try {
      await runner.startTransaction();
      expect(await runner.query('select count(*)::int as n from qualifying_order')).toEqual([{ n: 0 }]);
      await runner.query(`select set_config('hezong.brand', 'birch', true)`);
      expect(await runner.query('select distinct brand from qualifying_order')).toEqual([{ brand: 'birch' }]);
      await runner.rollbackTransaction();
    } finally {
      await runner.release();
    }
  });
});

describe('events', () => {
  it('received twice, split, or in another order give the same standings', async () => {
    const facts = [1, 2].map((n) => {
      const walletId = `w-EV${n}`;
      return [
        { orderId: `e${n}-1`, walletId, brand: 'aurora', at: '2026-02-01T09:00:00+08:00', net: 400_000 },
        { orderId: `e${n}-2`, walletId, brand: 'crest', at: '2026-02-03T09:00:00+08:00', net: 200_000 },
        {
          returnId: `e${n}-r`,
          orderId: `e${n}-1`,
          walletId,
          brand: 'aurora',
          at: '2026-02-02T09:00:00+08:00',
          net: 150_000,
        },
        { orderId: `e${n}-3`, walletId, brand: 'crest', at: '2026-02-04T09:00:00+08:00', net: 60_000 },
      ];
    });
    for (const fact of facts[0] ?? []) await m.deliver([fact]);
    await m.deliver([...(facts[1] ?? [])].reverse());
    await m.deliver([...facts.flat(), ...facts.flat()]);
    const rows: { rank: number; steps: object; state: string }[] = await m.dataSource.query(
      "select rank, steps, state from standing where wallet_id like 'w-EV%' order by wallet_id",
    );
    expect(rows).toHaveLength(2);
    expect(rows[0]).toEqual(rows[1]);
    expect(rows[0]?.rank).toBe(2);
  });

  it('arrive through the log', async () => {
    await m.publish([order('w-LOG', 150_000)]);
    expect(await m.told('w-LOG')).toEqual([{ rank: 1, tier: 'silver', version: 1n }]);
  });
});

describe('time', () => {
  it('lowers one rank at the end of the period, refunds and new rules included', async () => {
    await m.moveTo('2026-03-02T12:00:00+08:00');
    const { path, full, walletId, memberRef } = await member('TIME');
    const big = order(walletId, 600_000, 'crest');
    await m.deliver([big, order(walletId, 500_000)]);
    expect((await m.asBrand('aurora', 'GET', path)).body.rank).toBe(3);
    await m.deliver([
      {
        returnId: 'rt-1',
        orderId: big.orderId,
        walletId,
        brand: 'crest',
        at: '2026-03-02T12:00:00+08:00',
        net: 600_000,
      },
    ]);
    expect((await m.asOperator('GET', full)).body).toMatchObject({
      rank: 3,
      credits: 5000,
      dropsAt: '2026-12-31T16:00:00Z',
    });
    const stricter = ladderBody({
      name: 'stricter',
      validFrom: '2026-07-01T00:00:00+08:00',
      supersedes: 1,
      ranks: (ladderBody()['ranks'] as Record<string, unknown>[]).map((rank, i) => ({
        ...rank,
        earnMultiplier: i === 0 ? '1' : '2',
      })),
    });
    expect((await m.asOperator('POST', `${LADDERS}?dryRun=true`, stricter)).body.atStart.moves).toEqual([]);
    expect((await m.asOperator('POST', LADDERS, stricter)).body).toMatchObject({ version: 2, validTo: null });
    expect((await m.asOperator('GET', `${LADDERS}/1`)).body.validTo).toBe('2026-06-30T16:00:00Z');
    await m.moveTo('2026-12-31T23:59:59+08:00');
    expect((await m.asOperator('GET', full)).body).toMatchObject({
      rank: 3,
      ladderVersion: 2,
      earnMultiplier: '2',
    });
    await m.moveTo('2027-01-01T00:00:00+08:00');
    expect((await m.told(walletId)).map(({ rank }) => rank)).toEqual([3, 3, 2]);
    await m.moveTo('2029-01-01T00:00:00+08:00');
    expect((await m.told(walletId)).map(({ rank }) => rank)).toEqual([3, 3, 2, 0]);
    // two years passed at once; each judgement is still on record
    const { data } = (await m.asOperator('GET', `/v1/operator/members/${memberRef}/tier-history`)).body;
    type Entry = { from: number; to: number; effectiveAt: string; ladderVersion: number; inputs: { cause: string } };
    expect((data as Entry[]).map(({ from, to, effectiveAt, inputs }) => [from, to, effectiveAt, inputs.cause])).toEqual(
      [
        [0, 3, '2026-03-02T04:00:00Z', 'purchase'],
        [3, 3, '2026-06-30T16:00:00Z', 'ladder'],
        [3, 2, '2026-12-31T16:00:00Z', 'review'],
        [2, 1, '2027-12-31T16:00:00Z', 'review'],
        [1, 0, '2028-12-31T16:00:00Z', 'review'],
      ],
    );
  });

  it('publishes every rank with its beginning, so that a late order finds the rank of its time', async () => {
    const steps = (await m.steps('w-TIME')).map(({ rank, since, earnMultiplier }) => [rank, since, earnMultiplier]);
    expect(steps).toEqual([
      [3, '2026-03-02T04:00:00.000Z', '1.50'],
      [3, '2026-06-30T16:00:00.000Z', '2'],
      [2, '2026-12-31T16:00:00.000Z', '2'],
      [1, '2027-12-31T16:00:00.000Z', '2'],
      [0, '2028-12-31T16:00:00.000Z', '1'],
    ]);
  });

  it('corrects published ranks when a purchase comes late', async () => {
    const { walletId, full } = await member('LATE');
    await m.deliver([order(walletId, 150_000)]);
    const early = new Date(m.clock.now().getTime() - 20 * 86_400_000).toISOString();
    await m.deliver([order(walletId, 120_000, 'aurora', early)]);
    expect((await m.steps(walletId)).map(({ rank, since }) => [rank, since])).toEqual([[1, early]]);
    expect((await m.asOperator('GET', full)).body).toMatchObject({ rank: 1, since: early.replace('.000', '') });
    expect((await m.told(walletId)).map(({ version }) => version)).toEqual([1n, 2n]);
  });

  it('counts whom the sweep has yet to judge, because of the time or of other rules', async () => {
    const due = () => m.service.app.get(NetworkProbe, { strict: false }).due();
    expect(await due()).toEqual([{ work: 'ranks', items: 0 }]);
    await m.dataSource.query("update standing set due_at = $1 where wallet_id = 'w-LATE'", [m.clock.now()]);
    await m.dataSource.query("update standing set rules = 0 where wallet_id in ('w-RISE', 'w-TIME')");
    expect(await due()).toEqual([{ work: 'ranks', items: 3 }]);
    await m.moveTo(m.clock.now().toISOString());
    expect(await due()).toEqual([{ work: 'ranks', items: 0 }]);
  });

  it('keeps every invariant', async () => {
    expect((await m.invariants()).filter(({ ok }) => !ok)).toEqual([]);
    await m.dataSource.query("update standing set rank = 3 where wallet_id = 'w-TIME'");
    expect((await m.invariants()).filter(({ ok }) => !ok).map(({ measured }) => measured)).toEqual([
      'w-TIME',
      'w-TIME',
    ]);
  });
});
