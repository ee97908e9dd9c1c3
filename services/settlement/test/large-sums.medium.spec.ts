import { createHash } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { CycleChangedSchema, PostingKind } from '#libs/contracts';
import { parseExactJson } from '#libs/kernel';
import { brandSnapshot } from '#libs/testing';
import { settlementUnderTest } from './settlement-under-test.js';
import type { Posting, SettlementUnderTest } from './settlement-under-test.js';
import { posting } from './worked-example.js';

const MOST = BigInt(Number.MAX_SAFE_INTEGER);
/** This many of the largest postings exceed 64 bits. */
const MANY = 1_200;
const AT = '2026-03-05T10:00:00+08:00';

function largest(kind: PostingKind, sign: bigint, redeemer: string): Posting[] {
  return Array.from({ length: MANY }, (_, n) =>
    posting(`${kind}-${n}`, kind, `w${n}`, redeemer, AT, [{ lotId: `L${n}`, issuer: 'aurora', points: sign * MOST }]),
  );
}

/** The ledger accepts each posting. However large their sum, the other brands must get their settlement. */
describe('sums beyond what a JSON integer says', () => {
  let under: SettlementUnderTest;
  beforeAll(async () => {
    under = await settlementUnderTest([brandSnapshot('aurora'), brandSnapshot('birch'), brandSnapshot('crest')]);
  }, 60_000);
  afterAll(() => under.close());

  it('hold up nobody: the cycle is settled and proven, and others read what is theirs', async () => {
    await under.deliver(largest(PostingKind.ACCRUAL, 1n, 'aurora'));
    await under.deliver(largest(PostingKind.CAPTURE, -1n, 'crest'));
    await under.deliver([
      posting('b', PostingKind.CAPTURE, 'w', 'aurora', AT, [{ lotId: 'B', issuer: 'birch', points: -1_000n }]),
    ]);
    expect((await under.asOperator('GET', '/v1/operator/cycles/2026-03')).status).toBe(200);
    await under.settle('2026-03');
    expect((await under.asBrand('birch', 'GET', '/v1/cycles/2026-03/statements/me')).body).toMatchObject({
      lines: { count: 2, points: 2_000, amount: '1050.00' },
      net: -1_050,
    });
    const { text } = await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me');
    // amounts, points and nets are exact at any size
    const paid = MOST * BigInt(MANY) * 90n;
    const fees = MOST * BigInt(MANY) * 15n;
    const net = -(paid + fees) / 100n + 900n;
    const own = parseExactJson(text) as { pays: string; net: bigint; hash: string; lines: { points: bigint } };
    expect(own.pays).toBe(`${paid / 100n}.${(paid % 100n).toString().padStart(2, '0')}`);
    expect(own.lines.points).toBeGreaterThan(2n ** 63n);
    expect(text).toContain(`"net":${own.net}`);
    // aurora's payments, rounded once for each of its groups, minus birch's to aurora: within a fen per group
    expect(own.net - net >= -3n && own.net - net <= 3n).toBe(true);
    const { body } = await under.asOperator('GET', '/v1/operator/cycles/2026-03/verification');
    expect([body.ok, body.faults]).toEqual([true, []]);
    const file = (await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me/file')).text;
    expect(`sha256:${createHash('sha256').update(file).digest('hex')}`).toBe(own.hash);
    expect(file).toContain(`"net":${own.net},`);
    expect((await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me/file?format=json')).text).toContain(
      `"net":${own.net},`,
    );
    const told: { body: Buffer }[] = await under.dataSource.query(
      `select body from outbox where type like '%CycleChanged'`,
    );
    const nets = told.flatMap(({ body: event }) => fromBinary(CycleChangedSchema, event).positions);
    expect(nets).toContainEqual(expect.objectContaining({ party: 'brand:aurora', net: own.net.toString() }));
    const result = (await under.asOperator('GET', '/v1/operator/cycles/2026-03')).text;
    expect(result).toContain(`{"party":"brand:aurora","net":${own.net}}`);
    expect(result).toContain('"sum":0,');
  }, 60_000);
});
