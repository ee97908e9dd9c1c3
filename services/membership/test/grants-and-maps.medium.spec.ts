import type { Answer } from '#libs/testing';
import { ladderBody, memberOf, membershipUnderTest, ref } from './membership-under-test.js';
import type { MembershipUnderTest, TestMember } from './membership-under-test.js';

const GRANTS = '/v1/operator/tier-grants';

let m: MembershipUnderTest;

beforeAll(async () => {
  m = await membershipUnderTest(['aurora', 'birch', 'crest']);
  await m.moveTo('2026-03-01T12:00:00+08:00');
  expect((await m.asOperator('POST', '/v1/operator/tier-ladders', ladderBody())).status).toBe(201);
});
afterAll(() => m.close());

const member = (name: string): Promise<TestMember> => memberOf(m, name);

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
