import { createHash } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { runInTransaction } from '#libs/postgres';
import { DaysService } from '../src/days/days.service.js';
import { PostingKind } from '#libs/contracts';
import { brandSnapshot } from '#libs/testing';
import { settlementUnderTest } from './settlement-under-test.js';
import type { Answer } from '#libs/testing';
import type { SettlementUnderTest } from './settlement-under-test.js';
import { posting, workedExample } from './worked-example.js';

const PATH = '/v1/cycles/2026-03/openings';
const OPERATOR = '/v1/operator/cycles/2026-03/openings';
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('an opening', () => {
  let under: SettlementUnderTest;
  beforeAll(async () => {
    under = await settlementUnderTest(['aurora', 'birch', 'crest', 'dune'].map((slug) => brandSnapshot(slug)));
    await under.deliver([
      ...workedExample(),
      posting('gone', PostingKind.EXPIRY, 'm2', 'crest', '2026-03-30T10:00:00+08:00', [
        { lotId: 'L4', issuer: 'crest', points: -5n },
      ]),
    ]);
    await under.deliverLinks([
      {
        brand: 'crest',
        memberRef: 'mb_crest_m1',
        walletId: 'm1',
        version: 1n,
        status: 'active',
        changedAt: timestampFromDate(new Date('2026-03-01T00:00:00Z')),
      },
    ]);
  }, 60_000);
  afterAll(() => under.close());

  interface Line {
    id: string;
    type: string;
    count?: number;
    redeemer?: string;
    root: string;
  }
  const linesOf = async (brand: string): Promise<Line[]> =>
    (await under.asBrand(brand, 'GET', '/v1/cycles/2026-03/statements/me/lines?limit=200')).body.data;
  /** The cost of aurora's points at crest on the 20th. */
  const total = async (): Promise<Line> => {
    const found = (await linesOf('aurora')).find(({ type, redeemer }) => type === 'redemption' && redeemer === 'crest');
    if (found === undefined) throw new Error('aurora has no total of crest');
    return found;
  };
  const ask = async (brand: string, over: object = {}): Promise<Answer> =>
    under.asBrand(brand, 'POST', PATH, { line: (await total()).id, leg: 1, reason: 'one too many', ...over });
  const open = (id: string): Promise<Answer> =>
    under.asOperator('POST', `${OPERATOR}/${id}/open`, { reason: 'dispute 7' });

  it('is asked for by a total of a closed day of the asker’s own statement', async () => {
    expect((await ask('aurora')).body).toMatchObject({ code: 'leg_unknown', errors: [{ pointer: '/line' }] });
    await under.service.app.get(DaysService, { strict: false }).close();
    expect((await ask('aurora', { leg: 2 })).body).toMatchObject({
      code: 'leg_unknown',
      errors: [{ pointer: '/leg' }],
    });
    const expired = (await linesOf('crest')).find(({ type }) => type === 'expiry');
    expect(expired?.count).toBe(1);
    expect((await ask('crest', { line: expired?.id })).body).toMatchObject({
      code: 'leg_unknown',
      errors: [{ detail: 'Expired points are not opened one by one.' }],
    });
    // a total's id is only valid for its own brand
    expect((await ask('birch')).body.code).toBe('leg_unknown');
    expect((await ask('crest')).body.code).toBe('leg_unknown');
    expect(
      (await under.asBrand('aurora', 'POST', '/v1/cycles/2020-01/openings', { line: 'x', leg: 1, reason: 'x' })).status,
    ).toBe(404);
    const asked = await ask('aurora');
    expect([asked.status, asked.body]).toEqual([
      201,
      {
        id: expect.stringMatching(/^op_/),
        cycle: '2026-03',
        day: '2026-03-20',
        line: (await total()).id,
        leg: 1,
        askedBy: 'aurora',
        reason: 'one too many',
        askedAt: expect.any(String),
        status: 'asked',
        decidedBy: null,
        decidedAt: null,
        decision: null,
        opened: null,
      },
    ]);
    expect((await ask('aurora')).body.code).toBe('opening_exists');
    // the question alone does not reveal to the redeemer whose points its customer spent
    expect((await under.asBrand('crest', 'GET', PATH)).body.data).toEqual([]);
  });

  it('needs the member’s consent at the brand whose customer it is, opens that leg alone, and is seen by both sides', async () => {
    const [asked] = (await under.asOperator('GET', OPERATOR)).body.data;
    expect(asked).toMatchObject({
      askedBy: 'aurora',
      counterparty: 'crest',
      client: expect.any(String),
      status: 'asked',
    });
    expect((await under.asBrand('aurora', 'POST', `${OPERATOR}/${asked.id}/open`, { reason: 'x' })).status).toBe(403);
    const refused = await open(asked.id);
    expect([refused.status, refused.body.code]).toEqual([409, 'member_consent_missing']);
    // consent given at the asker does not count
    under.neighbours.consented = ['mb_aurora_m1'];
    expect((await open(asked.id)).status).toBe(409);
    under.neighbours.consented = ['mb_crest_m1'];
    const opened = await open(asked.id);
    expect([opened.status, opened.body.status]).toEqual([200, 'opened']);
    expect((await open(asked.id)).body.code).toBe('opening_decided');

    const seen = (await under.asBrand('aurora', 'GET', `${PATH}/${asked.id}`)).body;
    const { proof, ...leaf } = seen.opened;
    expect(leaf).toEqual({
      amountMicro: '9000000000',
      currency: 'CNY',
      day: '2026-03-20',
      occurredAt: '2026-03-20T02:00:00Z',
      payee: 'crest',
      payer: 'aurora',
      points: '10000',
      priceMicro: '900000',
      redeemer: 'crest',
      salt: expect.stringMatching(/^[0-9a-f]{64}$/),
      type: 'redemption',
    });
    // the opened leg matches the published total: the leaf, computed as in the guide, leads to the root
    const top = (proof as { side: string; hash: string }[]).reduce(
      (hash, step) => sha(step.side === 'left' ? `node:${step.hash}${hash}` : `node:${hash}${step.hash}`),
      sha(`leaf:${JSON.stringify(Object.fromEntries(Object.entries(leaf).sort()))}`),
    );
    expect(`sha256:${top}`).toBe((await total()).root);
    expect(JSON.stringify(seen)).not.toMatch(/mb_|ref-e5|crest-1/);

    const [theirs] = (await under.asBrand('crest', 'GET', PATH)).body.data;
    const capture = (await linesOf('crest')).find(({ type }) => type === 'redemption');
    expect(theirs).toMatchObject({
      askedBy: 'aurora',
      reason: 'one too many',
      decidedBy: 'operator',
      decision: 'dispute 7',
    });
    expect(theirs.line).toBe(capture?.id);
    expect((await under.asBrand('crest', 'GET', `${PATH}/${theirs.id}`)).body).toEqual(theirs);
    expect((await under.asBrand('crest', 'GET', `${PATH}/${asked.id}`)).status).toBe(404);
    expect((await under.asBrand('aurora', 'GET', `${PATH}/${theirs.id}`)).status).toBe(404);
    // the two views share what was opened and why, and no id, time or salt
    const shared = Object.entries(theirs).filter(([name, value]) => value !== null && seen[name] === value);
    expect(Object.fromEntries(shared)).toEqual({
      cycle: '2026-03',
      day: '2026-03-20',
      askedBy: 'aurora',
      reason: 'one too many',
      status: 'opened',
      decidedBy: 'operator',
      decision: 'dispute 7',
    });
    const said = JSON.stringify(theirs);
    for (const token of [
      seen.id,
      seen.askedAt,
      seen.decidedAt,
      leaf.salt,
      leaf.occurredAt,
      ...proof.map((step: { hash: string }) => step.hash),
    ]) {
      expect(said).not.toContain(token);
    }
    expect((await under.asBrand('birch', 'GET', PATH)).body.data).toEqual([]);
    expect((await under.asBrand('birch', 'GET', `${PATH}/${asked.id}`)).status).toBe(404);
    const anew = runInTransaction(under.dataSource, { brand: '*' }, (tx) => tx.query('delete from opening_decision'));
    await expect(anew).rejects.toThrow('append-only');
  });

  it('can be refused, with a reason', async () => {
    const spent = (await linesOf('crest')).find(({ redeemer }) => redeemer === 'aurora');
    const { body } = await ask('crest', { line: spent?.id });
    const refused = await under.asOperator('POST', `${OPERATOR}/${body.id}/refuse`, { reason: 'no dispute' });
    expect(refused.body).toMatchObject({
      status: 'refused',
      opened: null,
      decision: 'no dispute',
      counterparty: 'aurora',
    });
    expect((await under.asBrand('crest', 'GET', `${PATH}/${body.id}`)).body).toMatchObject({
      status: 'refused',
      opened: null,
    });
  });
});
