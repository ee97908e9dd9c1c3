import { PostingKind } from '#libs/contracts';
import { settlementUnderTest, snapshot } from './settlement-under-test.js';
import type { Posting, SettlementUnderTest } from './settlement-under-test.js';
import { posting } from './worked-example.js';

const MOST = BigInt(Number.MAX_SAFE_INTEGER);
/** So many of the largest postings exceed what 64 bits hold. */
const MANY = 1_200;
const AT = '2026-03-05T10:00:00+08:00';

function largest(kind: PostingKind, sign: bigint, redeemer: string): Posting[] {
  return Array.from({ length: MANY }, (_, n) =>
    posting(`${kind}-${n}`, kind, `w${n}`, redeemer, AT, [{ lotId: `L${n}`, issuer: 'aurora', points: sign * MOST }]),
  );
}

/** Each posting is one that the ledger takes: whatever they come to, the others must get their settlement. */
describe('sums beyond what a JSON integer says', () => {
  let under: SettlementUnderTest;
  beforeAll(async () => {
    under = await settlementUnderTest([snapshot('aurora'), snapshot('birch'), snapshot('crest')]);
  }, 60_000);
  afterAll(() => under.close());

  it('hold up nobody: the cycle is settled and proven, and others read what is theirs', async () => {
    await under.deliver(largest(PostingKind.ACCRUAL, 1n, 'aurora'));
    await under.deliver(largest(PostingKind.CAPTURE, -1n, 'crest'));
    await under.deliver([
      posting('b', PostingKind.CAPTURE, 'w', 'aurora', AT, [{ lotId: 'B', issuer: 'birch', points: -1_000n }]),
    ]);
    expect((await under.operator('GET', '/v1/operator/cycles/2026-03')).status).toBe(200);
    await under.settle('2026-03');
    expect((await under.brand('birch', '/v1/cycles/2026-03/statements/me')).body).toMatchObject({
      lines: { count: 2, points: 2_000, amount: '1050.00' },
      net: -1_050,
    });
    const own = (await under.brand('aurora', '/v1/cycles/2026-03/statements/me')).body;
    // amounts are exact whatever their size; integers stop at the largest there is
    const paid = MOST * BigInt(MANY) * 90n;
    expect(own.pays).toBe(`${paid / 100n}.${(paid % 100n).toString().padStart(2, '0')}`);
    expect([own.lines.points, own.net]).toEqual([Number(MOST), -Number(MOST)]);
    const { body } = await under.operator('GET', '/v1/operator/cycles/2026-03/verification');
    expect([body.ok, body.faults]).toEqual([true, []]);
  }, 60_000);
});
