import { NetworkProbe } from '#libs/http';
import type { Answer } from '#libs/testing';
import { ladderBody, membershipUnderTest, ref } from './membership-under-test.js';
import type { MembershipUnderTest } from './membership-under-test.js';

const LADDERS = '/v1/operator/tier-ladders';
const GRANTS = '/v1/operator/tier-grants';
const BRANDS = ['aurora', 'birch', 'crest'];
let m: MembershipUnderTest;

beforeAll(async () => {
  m = await membershipUnderTest(BRANDS);
  await m.moveTo('2026-03-01T12:00:00+08:00');
});
afterAll(() => m.close());

async function member(name: string): Promise<{ memberRef: string; walletId: string; path: string; full: string }> {
  const memberRef = ref(`AURORA${name}`);
  await m.link(memberRef, 'aurora', `w-${name}`);
  return {
    memberRef,
    walletId: `w-${name}`,
    path: `/v1/members/${memberRef}/tier`,
    full: `/v1/operator/members/${memberRef}/tier`,
  };
}
let orders = 0;
function order(walletId: string, net: number, brand = 'aurora', at = m.clock.now().toISOString()) {
  orders += 1;
  return { orderId: `o${orders}`, walletId, brand, at, net };
}

describe('without a ladder', () => {
  it('everyone has the rank member', async () => {
    const { full, walletId } = await member('EARLY');
    await m.deliver([order(walletId, 900_000)]);
    const { status, body } = await m.asOperator('GET', full);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      tier: 'member',
      rank: 0,
      since: null,
      credits: 0,
      next: null,
      keeps: null,
      earnMultiplier: '1',
      ladderVersion: 0,
    });
    expect(await m.told(walletId)).toEqual([]);
  });
});

describe('ladders', () => {
  const refused = async (over: Record<string, unknown>) => {
    const { status, body } = await m.asOperator('POST', LADDERS, ladderBody(over));
    return [status, body.code, body.errors?.[0]?.pointer];
  };
  const ranks = ladderBody()['ranks'] as Record<string, unknown>[];

  it('that are inconsistent are refused, by field', async () => {
    expect(await refused({ brands: [{ brand: 'aurora', weight: '11', cap: { share: '0.5' } }] })).toEqual([
      422,
      'ladder_invalid',
      '/brands/0/weight',
    ]);
    expect(await refused({ brands: [{ brand: 'aurora', weight: '-1', cap: { share: '0.5' } }] })).toEqual([
      422,
      'validation_failed',
      '/brands/0/weight',
    ]);
    expect(await refused({ brands: [{ brand: 'aurora', weight: '1', cap: { share: '1' } }] })).toEqual([
      422,
      'ladder_invalid',
      '/brands/0/cap',
    ]);
    expect(await refused({ brands: [{ brand: 'aurora', weight: '1' }] })).toEqual([
      422,
      'ladder_invalid',
      '/brands/0/cap',
    ]);
    expect(await refused({ others: { weight: '1', cap: { share: '0.10' } } })).toEqual([
      422,
      'ladder_invalid',
      '/brands',
    ]);
    expect(await refused({ brands: [{ brand: 'nobody', weight: '1', cap: { share: '0.5' } }] })).toEqual([
      422,
      'brand_unknown',
      '/brands/0/brand',
    ]);
    expect(await refused({ ranks: ranks.slice(0, 3) })).toEqual([422, 'ladder_invalid', '/ranks']);
    expect(
      await refused({ ranks: [...ranks.slice(0, 2), { code: 'gold', conditions: { credits: 900 } }, ranks[3]] }),
    ).toEqual([422, 'ladder_invalid', '/ranks/2/conditions/credits']);
    expect(await refused({ window: { kind: 'rolling', months: 12 }, graceDays: 60 })).toEqual([
      422,
      'ladder_invalid',
      '/graceDays',
    ]);
  });

  it('can be tried out first: how many would move from where to where, nothing stored', async () => {
    const { status, body } = await m.asOperator('POST', `${LADDERS}?dryRun=true`, ladderBody());
    expect(status).toBe(200);
    expect(body).toEqual({
      members: 1,
      atStart: { at: '2026-03-01T04:00:00Z', moves: [{ from: 0, to: 2, members: 1 }] },
      atNextReview: { at: '2026-12-31T16:00:00Z', moves: [{ from: 0, to: 2, members: 1 }] },
    });
    expect((await m.asOperator('GET', LADDERS)).body.data).toEqual([]);
  });

  it('201: judge everyone again, and never overlap', async () => {
    const { status, body } = await m.asOperator('POST', LADDERS, ladderBody());
    expect([status, body.version, body.ranks[2].earnMultiplier]).toEqual([201, 1, '1.25']);
    await m.moveTo('2026-03-01T12:00:00+08:00');
    expect(await m.told('w-EARLY')).toEqual([{ rank: 2, tier: 'gold', version: 1n }]);
    expect(await refused({ name: 'other', validFrom: '2027-01-01T00:00:00+08:00' })).toEqual([
      422,
      'ladder_overlap',
      undefined,
    ]);
    expect((await m.asOperator('GET', `${LADDERS}/1`)).body).toMatchObject({ version: 1, validTo: null });
    expect((await m.asOperator('GET', `${LADDERS}/9`)).status).toBe(404);
    await expect(m.dataSource.query("update ladder set terms = '{}'")).rejects.toThrow(/settled/);
  });
});

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

describe('grants', () => {
  const body = (memberRef: string, over: Record<string, unknown> = {}) => ({
    externalId: `g-${Math.random()}`,
    memberRef,
    source: 'manual',
    rank: 3,
    to: '2026-06-01T00:00:00+08:00',
    reason: 'goodwill',
    ...over,
  });

  it('by hand need a second person, in the API and in SQL', async () => {
    const { memberRef, path, full } = await member('HAND');
    const request = body(memberRef);
    const make = (client = 'cl_maker'): Promise<Answer> => m.asOperator('POST', GRANTS, request, {}, client);
    m.desk.checker = null;
    const asked = await make();
    expect([asked.status, asked.body.code]).toEqual([403, 'second_person_needed']);
    expect(m.desk.asked.at(-1)).toMatchObject({
      act: 'tier_grant.create',
      maker: 'cl_maker',
      payload: { memberRef, rank: 3 },
    });
    expect((await m.asBrand('aurora', 'GET', path)).body.rank).toBe(0);
    expect((await m.asOperator('GET', `${GRANTS}?memberRef=${memberRef}`)).body.data).toEqual([]);
    const alone = `insert into tier_grant (grant_id, wallet_id, member_ref, source, rank, from_at, to_at, reason, made_by, made_at, approved_by)
      values ('tg_x', 'w', 'mb', 'manual', 3, now(), now() + interval '1 day', 'r', 'client:cl_maker', now(), $1)`;
    await expect(m.dataSource.query(alone, [null])).rejects.toThrow(/not-null/);
    await expect(m.dataSource.query(alone, ['client:cl_maker'])).rejects.toThrow(/tier_grant_two_people/);
    m.desk.checker = 'cl_checker';
    const made = await make();
    expect([made.status, made.body.state, made.body.approvedBy]).toEqual([201, 'approved', 'client:cl_checker']);
    expect((await make()).headers.get('idempotency-replayed')).toBe('true');
    expect(m.desk.used).toHaveLength(1);
    expect((await m.asOperator('GET', full)).body).toMatchObject({
      tier: 'black',
      source: 'manual',
      earnedRank: 0,
      dropsAt: '2026-05-31T16:00:00Z',
    });
    const revoked = await m.asOperator('POST', `${GRANTS}/${made.body.id}/revoke`, { reason: 'mistake' });
    expect(revoked.body.state).toBe('revoked');
    expect((await m.asBrand('aurora', 'GET', path)).body.rank).toBe(0);
    expect((await m.told('w-HAND')).map(({ rank }) => rank)).toEqual([3, 0]);
  });

  it('for a match also need two people, are never in the past, and exist once per externalId', async () => {
    const { memberRef, full } = await member('MATCH');
    const request = body(memberRef, { source: 'match', rank: 2, proof: 'card 7781' });
    m.desk.checker = null;
    expect((await m.asOperator('POST', GRANTS, request)).body.code).toBe('second_person_needed');
    m.desk.checker = 'cl_checker';
    const first = await m.asOperator('POST', GRANTS, request);
    expect([first.status, first.body.state]).toEqual([201, 'approved']);
    const again = await m.asOperator('POST', GRANTS, request);
    expect([again.headers.get('idempotency-replayed'), again.text]).toEqual(['true', first.text]);
    expect((await m.asOperator('POST', GRANTS, { ...request, rank: 3 })).body.code).toBe('idempotency_conflict');
    expect((await m.asOperator('POST', GRANTS, body(memberRef, { from: '2026-01-01T00:00:00+08:00' }))).body.code).toBe(
      'not_for_the_past',
    );
    expect((await m.asOperator('POST', GRANTS, body(ref('NOBODY')))).status).toBe(404);
    expect((await m.asOperator('GET', `${GRANTS}?memberRef=${memberRef}`)).body.data).toHaveLength(1);
    expect((await m.asOperator('GET', full)).body).toMatchObject({ rank: 2, source: 'match' });
  });
});

describe('maps', () => {
  it('make a brand’s own tier count, up to the rank that the ladder allows and only for the future', async () => {
    const { path, full, memberRef, walletId } = await member('MAPPED');
    const map = { brandTier: 'platinum', rank: 2, validFrom: '2026-03-01T12:00:00+08:00' };
    expect((await m.asBrand('aurora', 'POST', '/v1/tier-maps', { ...map, rank: 3 })).body).toMatchObject({
      code: 'tier_map_too_high',
      limit: 2,
    });
    expect(
      (await m.asBrand('aurora', 'POST', '/v1/tier-maps', { ...map, validFrom: '2026-02-01T00:00:00+08:00' })).body
        .code,
    ).toBe('not_for_the_past');
    expect((await m.asBrand('aurora', 'PUT', path, { brandTier: 'platinum' })).body.code).toBe('tier_unmapped');
    expect((await m.asBrand('aurora', 'POST', '/v1/tier-maps', map)).status).toBe(201);
    expect(
      (await m.asBrand('aurora', 'POST', '/v1/tier-maps', { ...map, rank: 1, validFrom: '2026-05-01T00:00:00+08:00' }))
        .body.code,
    ).toBe('tier_map_overlap');
    expect((await m.asBrand('birch', 'GET', '/v1/tier-maps')).body.data).toEqual([]);
    const reported = await m.asBrand('aurora', 'PUT', path, { brandTier: 'platinum' });
    expect(reported.body).toEqual((await m.asBrand('aurora', 'GET', path)).body);
    expect((await m.asOperator('GET', full)).body).toMatchObject({ tier: 'gold', source: 'mapped', earnedRank: 0 });
    await m.link(memberRef, 'aurora', walletId, 'deleted');
    expect((await m.told(walletId)).map(({ rank }) => rank)).toEqual([2, 0]);
  });

  it('end with the link, even if the clock that stamped its end is behind', async () => {
    const { path, memberRef, walletId } = await member('BEHIND');
    expect((await m.asBrand('aurora', 'PUT', path, { brandTier: 'platinum' })).body.rank).toBe(2);
    await m.link(memberRef, 'aurora', walletId, 'deleted', '2026-03-01T11:59:57+08:00');
    expect((await m.told(walletId)).map(({ rank }) => rank)).toEqual([2, 0]);
  });

  it('end with the link’s tombstone alone, which no late event undoes', async () => {
    const { path, memberRef, walletId } = await member('TOMB');
    expect((await m.asBrand('aurora', 'PUT', path, { brandTier: 'platinum' })).body.rank).toBe(2);
    await m.unlink(memberRef);
    await m.unlink(ref('NOBODYEVER'));
    expect((await m.told(walletId)).map(({ rank }) => rank)).toEqual([2, 0]);
    await m.link(memberRef, 'aurora', walletId);
    expect((await m.asBrand('aurora', 'GET', path)).status).toBe(404);
    await m.unlink(memberRef);
    expect((await m.told(walletId)).map(({ rank }) => rank)).toEqual([2, 0]);
  });

  it('outlive an old link whose end arrives after the member came back', async () => {
    const { memberRef, walletId } = await member('BACK');
    const again = ref('AURORABACKAGAIN');
    await m.link(again, 'aurora', walletId);
    await m.asBrand('aurora', 'PUT', `/v1/members/${again}/tier`, { brandTier: 'platinum' });
    await m.link(memberRef, 'aurora', walletId, 'deleted');
    expect((await m.told(walletId)).map(({ rank }) => rank)).toEqual([2]);
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

it('requires two people for a multiplier above 2, whoever pays for it', async () => {
  const times = (multiplier: string, funder: string): Promise<Answer> => {
    const body = ladderBody({ supersedes: 2, validFrom: '2030-01-01T00:00:00+08:00' });
    const ranks = (body['ranks'] as object[]).map((rank, i) =>
      i === 3 ? { ...rank, earnMultiplier: multiplier, funder } : rank,
    );
    return m.asOperator('POST', LADDERS, { ...body, ranks }, {}, 'cl_maker');
  };
  m.desk.checker = null;
  for (const funder of ['operator', 'seller']) {
    const alone = await times('10.00', funder);
    expect([alone.status, alone.body.code]).toEqual([403, 'second_person_needed']);
    expect(m.desk.asked.at(-1)).toMatchObject({
      act: 'tier_ladder.create',
      maker: 'cl_maker',
      payload: { supersedes: 2, ranks: [{}, {}, {}, { earnMultiplier: '10.00', funder }] },
    });
  }
  expect((await times('2.000001', 'operator')).status).toBe(403);
  expect((await m.asOperator('GET', LADDERS)).body.data).toHaveLength(2);
  m.desk.checker = 'cl_checker';
  const used = m.desk.used.length;
  expect((await times('10.00', 'operator')).status).toBe(201);
  expect(m.desk.used).toHaveLength(used + 1);
});
