import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { PostingKind } from '#libs/contracts';
import { routesOf } from '#libs/http';
import { idFromUuid } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { settlementUnderTest, snapshot } from './settlement-under-test.js';
import type { SettlementUnderTest } from './settlement-under-test.js';
import { lotTerms, posting, workedExample } from './worked-example.js';

describe('what a brand sees', () => {
  let under: SettlementUnderTest;
  beforeAll(async () => {
    under = await settlementUnderTest(['aurora', 'birch', 'crest', 'dune'].map((slug) => snapshot(slug)));
    await under.deliver(workedExample());
    const link = (brand: string, memberRef: string, walletId: string, version = 1n, status = 'active') => ({
      brand,
      memberRef,
      walletId,
      version,
      status,
      changedAt: timestampFromDate(new Date('2026-03-01T00:00:00Z')),
    });
    await under.deliverLinks([
      link('aurora', 'mb_aurora_m1', 'm1'),
      link('crest', 'mb_crest_m1', 'm1'),
      link('birch', 'mb_birch_m2', 'wrong'),
      link('birch', 'mb_birch_m2', 'm2', 2n),
      link('aurora', 'mb_aurora_m2', 'm2'),
    ]);
    // older news changes nothing
    await under.deliverLinks([link('birch', 'mb_birch_m2', 'wrong')]);
  }, 60_000);
  afterAll(() => under.close());

  interface Line {
    id: string;
    type: string;
    payer: string;
    payee: string;
    issuer: string;
    redeemer: string | null;
    memberRef: string | null;
    reference: string;
  }
  const linesOf = async (brand: string, query = ''): Promise<Line[]> =>
    (await under.brand(brand, `/v1/cycles/2026-03/statements/me/lines${query}`)).body.data;

  it('is lines that it pays, receives, issued or redeemed, with its own memberRef or none', async () => {
    for (const brand of ['aurora', 'birch', 'crest']) {
      const lines = await linesOf(brand);
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) {
        expect([line.payer, line.payee, line.issuer, line.redeemer]).toContain(brand);
        if (line.memberRef !== null) expect(line.memberRef).toMatch(new RegExp(`^mb_${brand}_`));
      }
    }
    const byReference = (lines: Line[]): Record<string, string | null> =>
      Object.fromEntries(lines.map((line) => [line.reference, line.memberRef]));
    // aurora never met m2 at crest's till and knows m1 by its own link
    expect(byReference(await linesOf('aurora'))).toEqual({
      'ref-e1': 'mb_aurora_m1',
      'ref-e5': 'mb_aurora_m1',
      'ref-e7': 'mb_aurora_m2',
    });
    // birch has no link with m1 outside of its own acts
    expect(byReference(await linesOf('birch'))).toMatchObject({ 'ref-e5': null, 'ref-e7': 'mb_birch_m2' });
    expect(JSON.stringify(await linesOf('crest'))).not.toMatch(/mb_(aurora|birch)/);
  });

  it('is read by indexes, and still each line once and none left out', async () => {
    // paid by the operator, so that the issuer is no payer; and a commission, whose payee is no redeemer
    const funders = [{ party: 'operator', shareBp: 10_000 }];
    const gift = { lotId: 'GIFT', issuer: 'birch', terms: lotTerms('birch', { funders }) };
    await under.deliver([
      posting('gift', PostingKind.ACCRUAL, 'm8', 'birch', '2026-03-07T10:00:00+08:00', [{ ...gift, points: 9n }]),
      posting('spent', PostingKind.CAPTURE, 'm8', 'crest', '2026-03-08T10:00:00+08:00', [{ ...gift, points: -4n }]),
      posting('own', PostingKind.CAPTURE, 'm8', 'birch', '2026-03-09T10:00:00+08:00', [{ ...gift, points: -5n }]),
    ]);
    for (const brand of ['aurora', 'birch', 'crest', 'dune']) {
      const rows: { id: string }[] = await runInTransaction(under.dataSource, { brand }, (tx) =>
        tx.query(`select id from line where cycle = '2026-03' order by posted_at, id`),
      );
      expect((await linesOf(brand, '?limit=200')).map(({ id }) => id)).toEqual(
        rows.map(({ id }) => idFromUuid('ln', id)),
      );
      const { body } = await under.brand(brand, '/v1/cycles/2026-03/statements/me');
      expect(body.lines.count).toBe(rows.length);
    }
    expect((await linesOf('birch')).filter(({ payer }) => payer === 'operator')).toHaveLength(3);
  });

  it('has exactly the promised fields', async () => {
    const line = (await linesOf('aurora')).find(({ type }) => type === 'redemption');
    expect(line).toMatchObject({
      id: expect.stringMatching(/^ln_[0-9A-HJKMNP-TV-Z]{26}$/),
      type: 'redemption',
      occurredAt: '2026-03-20T02:00:00Z',
      postedAt: '2026-03-20T02:00:00Z',
      payer: 'aurora',
      payee: 'crest',
      issuer: 'aurora',
      redeemer: 'crest',
      store: 'crest-1',
      points: 10_000,
      price: '0.90',
      amount: '9000.00',
      currency: 'CNY',
      reference: 'ref-e5',
      memberRef: 'mb_aurora_m1',
    });
  });

  it('comes in pages of a stable order', async () => {
    const whole = await linesOf('crest');
    const paged: Line[] = [];
    let after = '';
    for (;;) {
      const { body } = await under.brand('crest', `/v1/cycles/2026-03/statements/me/lines?limit=2${after}`);
      paged.push(...body.data);
      if (!body.page.more) {
        expect(body.page.after).toBeNull();
        break;
      }
      after = `&after=${body.page.after}`;
    }
    expect(paged).toEqual(whole);
  });

  it('is nothing for a brand without a part in it', async () => {
    expect(await linesOf('dune')).toEqual([]);
    const { body } = await under.brand('dune', '/v1/cycles/2026-03/statements/me');
    expect(body).toMatchObject({
      brand: 'dune',
      net: 0,
      pays: '0.00',
      receives: '0.00',
      fees: '0.00',
      lines: { count: 0, points: 0 },
    });
  });

  it('is one and the same 404 for every unknown cycle', async () => {
    const paths = ['2026-02', '2027-01', 'nonsense', '2026-03-USD', '..'].flatMap((cycle) => {
      const base = `/v1/cycles/${encodeURIComponent(cycle)}/statements/me`;
      return [base, `${base}/lines`, `${base}/file`];
    });
    const answers = await Promise.all(paths.map((path) => under.brand('aurora', path)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  it('refuses cursors and limits that are none', async () => {
    const at = (query: string): Promise<{ status: number; body: { code: string } }> =>
      under.brand('aurora', `/v1/cycles/2026-03/statements/me/lines?${query}`);
    expect((await at('after=nonsense')).body.code).toBe('cursor_invalid');
    expect((await at(`after=${Buffer.from('["2026","x"]').toString('base64url')}`)).body.code).toBe('cursor_invalid');
    expect((await at('limit=201')).body.code).toBe('validation_failed');
    expect((await at('limit=0')).status).toBe(422);
  });

  it('is kept apart from other brands by the database itself', async () => {
    const count = (brand: string | null, table: string): Promise<bigint> =>
      brand === null
        ? under.dataSource.query(`select count(*) as n from ${table}`).then(([row]) => row.n)
        : runInTransaction(under.dataSource, { brand }, (tx) => tx.query(`select count(*) as n from ${table}`)).then(
            ([row]) => row.n,
          );
    expect(await count(null, 'line')).toBe(0n);
    expect(await count('dune', 'line')).toBe(0n);
    expect(await count('*', 'line')).toBeGreaterThan(await count('birch', 'line'));
    expect(await count('birch', 'member_link')).toBe(1n);
    await under.settle('2026-03');
    expect(await count('aurora', 'statement')).toBe(1n);
    expect(await count('*', 'statement')).toBe(4n);
    expect(await count('aurora', 'frozen_matrix')).toBe(0n);
    expect(await count(null, 'frozen_group')).toBe(0n);
  });

  it('is closed to brands where it is the operator’s, and the operator reads any brand’s', async () => {
    expect((await under.brand('aurora', '/v1/operator/cycles/2026-03')).status).toBe(403);
    expect((await under.brand('aurora', '/v1/operator/cycles/2026-03/statements/birch')).status).toBe(403);
    const theirs = await under.operator('GET', '/v1/operator/cycles/2026-03/statements/birch/lines');
    expect(theirs.body.data).toEqual(await linesOf('birch'));
    const statement = await under.operator('GET', '/v1/operator/cycles/2026-03/statements/birch');
    expect(statement.body).toEqual((await under.brand('birch', '/v1/cycles/2026-03/statements/me')).body);
    const unknown = await under.operator('GET', '/v1/operator/cycles/2026-03/statements/nobody');
    expect([unknown.status, unknown.body.code]).toEqual([404, 'not_found']);
    expect((await under.operator('GET', '/v1/operator/cycles')).body.data[0].id).toBe('2026-03');
    expect((await under.operator('POST', '/v1/operator/cycles/2019-01/cut-off')).status).toBe(404);
  });

  it('is no more for a brand that bears the operator’s name', async () => {
    await under.learn(snapshot('operator'));
    expect(await linesOf('operator')).toEqual([]);
    const { body } = await under.brand('operator', '/v1/cycles/2026-03/statements/me');
    expect(body).toMatchObject({ net: 0, receives: '0.00', lines: { count: 0 } });
  });

  it('needs a scope on every route', () => {
    const open = routesOf(under.service.app).filter((route) => route.access === null);
    expect(open).toEqual([]);
  });

  it('shows the line of a till that named the member even without a link', async () => {
    await under.deliver([
      posting('late', PostingKind.ACCRUAL, 'm9', 'dune', '2026-04-02T10:00:00+08:00', [
        { lotId: 'L9', issuer: 'dune', points: 5n },
      ]),
    ]);
    const { body } = await under.brand('dune', '/v1/cycles/2026-04/statements/me/lines');
    expect(body.data[0].memberRef).toBe('mb_dune_m9');
  });
});
