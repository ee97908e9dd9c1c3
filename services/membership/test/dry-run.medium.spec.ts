import { ladderBody, membershipUnderTest, ref } from './membership-under-test.js';
import type { MembershipUnderTest } from './membership-under-test.js';

const LADDERS = '/v1/operator/tier-ladders';
const MEMBERS = 520;
let m: MembershipUnderTest;

beforeAll(async () => {
  m = await membershipUnderTest(['aurora', 'birch', 'crest']);
  await m.moveTo('2026-03-01T12:00:00+08:00');
  expect((await m.asOperator('POST', LADDERS, ladderBody())).status).toBe(201);
});
afterAll(() => m.close());

const ranksNow = async (): Promise<Map<string, number>> => {
  const rows: { wallet_id: string; rank: number }[] = await m.dataSource
    .query(`select set_config('hezong.brand', '*', false)`)
    .then(() => m.dataSource.query('select wallet_id, rank from standing'));
  return new Map(rows.map(({ wallet_id, rank }) => [wallet_id, rank]));
};

/** Counts members whose rank changed, by hand. */
function moves(before: Map<string, number>, after: Map<string, number>): unknown[] {
  const counted = new Map<string, { from: number; to: number; members: number }>();
  for (const [wallet, from] of before) {
    const to = after.get(wallet) ?? 0;
    if (from === to) continue;
    const move = counted.get(`${from}${to}`) ?? { from, to, members: 0 };
    move.members += 1;
    counted.set(`${from}${to}`, move);
  }
  return [...counted.values()].sort((a, b) => a.from - b.from || a.to - b.to);
}

it('predicts who moves, for more members than one batch, and the actual result is the same', async () => {
  const at = '2026-03-01T11:00:00+08:00';
  // 520 members with orders of 0 to 20,760 yuan, at three brands in turn
  await m.deliver(
    Array.from({ length: MEMBERS }, (_, i) => ({
      orderId: `o${i}`,
      walletId: `w${String(i).padStart(4, '0')}`,
      brand: ['aurora', 'birch', 'crest'][i % 3] ?? '',
      at,
      net: i * 4_000,
    })),
  );
  await m.link(ref('GRANTED'), 'aurora', 'w0001');
  const steeper = ladderBody({
    name: 'steeper',
    validFrom: '2026-04-01T00:00:00+08:00',
    supersedes: 1,
    ranks: [
      { code: 'member' },
      { code: 'silver', conditions: { credits: 3000 } },
      { code: 'gold', conditions: { credits: 4000 } },
      { code: 'black', conditions: { credits: 12000 } },
    ],
  });
  const before = await ranksNow();
  expect(before.size).toBe(MEMBERS);
  const said = await m.asOperator('POST', `${LADDERS}?dryRun=true`, steeper);
  expect([said.status, said.body.members]).toEqual([200, MEMBERS]);

  // a trial stores nothing
  expect(await ranksNow()).toEqual(before);
  expect((await m.asOperator('GET', LADDERS)).body.data).toHaveLength(1);
  expect((await m.asOperator('POST', `${LADDERS}?dryRun=true`, steeper)).body).toEqual(said.body);

  expect((await m.asOperator('POST', LADDERS, steeper)).status).toBe(201);
  await m.moveTo('2026-03-31T23:59:59+08:00');
  expect(moves(before, await ranksNow())).toEqual([]);
  await m.moveTo(said.body.atStart.at);
  expect(moves(before, await ranksNow())).toEqual(said.body.atStart.moves);
  await m.moveTo(said.body.atNextReview.at);
  expect(moves(before, await ranksNow())).toEqual(said.body.atNextReview.moves);
  expect(said.body.atNextReview.moves.length).toBeGreaterThan(1);
}, 60_000);

it('refuses what would be refused for the ladder itself', async () => {
  const tryOut = async (over: object): Promise<unknown> =>
    (await m.asOperator('POST', `${LADDERS}?dryRun=true`, ladderBody({ ...over }))).body.code;
  expect(await tryOut({ name: 'again' })).toBe('ladder_overlap');
  expect(await tryOut({ supersedes: 1, validFrom: '2028-01-01T00:00:00+08:00' })).toBe('ladder_ended');
  expect(await tryOut({ brands: [{ brand: 'nobody', weight: '1', cap: { share: '0.5' } }] })).toBe('brand_unknown');
});
