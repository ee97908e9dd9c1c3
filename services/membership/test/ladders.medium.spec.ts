import type { Answer } from '#libs/testing';
import { ladderBody, memberOf, membershipUnderTest } from './membership-under-test.js';
import type { MembershipUnderTest, TestMember } from './membership-under-test.js';

const LADDERS = '/v1/operator/tier-ladders';

let m: MembershipUnderTest;

beforeAll(async () => {
  m = await membershipUnderTest(['aurora', 'birch', 'crest']);
  await m.moveTo('2026-03-01T12:00:00+08:00');
});
afterAll(() => m.close());

const member = (name: string): Promise<TestMember> => memberOf(m, name);
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

it('requires two people for a multiplier above 2, whoever pays for it', async () => {
  const times = (multiplier: string, funder: string): Promise<Answer> => {
    const body = ladderBody({ supersedes: 1, validFrom: '2030-01-01T00:00:00+08:00' });
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
      payload: { supersedes: 1, ranks: [{}, {}, {}, { earnMultiplier: '10.00', funder }] },
    });
  }
  expect((await times('2.000001', 'operator')).status).toBe(403);
  expect((await m.asOperator('GET', LADDERS)).body.data).toHaveLength(1);
  m.desk.checker = 'cl_checker';
  const used = m.desk.used.length;
  expect((await times('10.00', 'operator')).status).toBe(201);
  expect(m.desk.used).toHaveLength(used + 1);
});
