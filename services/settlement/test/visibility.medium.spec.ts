import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { PostingKind } from '#libs/contracts';
import { routesOf } from '#libs/http';
import { runInTransaction } from '#libs/postgres';
import { DaysService } from '../src/days/days.service.js';
import { brandSnapshot } from '#libs/testing';
import { settlementUnderTest } from './settlement-under-test.js';
import type { SettlementUnderTest } from './settlement-under-test.js';
import { lotTerms, posting, workedExample } from './worked-example.js';

describe('what a brand sees', () => {
  let under: SettlementUnderTest;
  beforeAll(async () => {
    under = await settlementUnderTest(['aurora', 'birch', 'crest', 'dune'].map((slug) => brandSnapshot(slug)));
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
    // an older event changes nothing
    await under.deliverLinks([link('birch', 'mb_birch_m2', 'wrong')]);
    // a tombstone ends a link despite later events; a departed member keeps the name used in lines
    await under.deliverLinks([link('crest', 'mb_crest_old', 'm1')]);
    await under.unlink('mb_crest_old');
    await under.deliverLinks([link('crest', 'mb_crest_old', 'm1', 9n)]);
    const links = await runInTransaction(under.dataSource, { brand: '*' }, (tx) =>
      tx.query("select active from member_link where member_ref = 'mb_crest_old'"),
    );
    expect(links).toEqual([{ active: false }]);
  }, 60_000);
  afterAll(() => under.close());

  interface Line {
    id: string;
    type: string;
    day: string;
    count?: number;
    memberRef?: string | null;
  }
  const linesOf = async (brand: string, query = ''): Promise<Line[]> =>
    (await under.asBrand(brand, 'GET', `/v1/cycles/2026-03/statements/me/lines${query}`)).body.data;
  const statementOf = async (brand: string): Promise<unknown> =>
    (await under.asBrand(brand, 'GET', '/v1/cycles/2026-03/statements/me')).body;
  const tomorrow = async <T>(read: () => Promise<T>): Promise<T> => {
    const now = under.clock.now();
    under.clock.set(new Date(now.getTime() + 86_400_000));
    try {
      return await read();
    } finally {
      under.clock.set(now);
    }
  };
  const id = expect.stringMatching(/^ln_[0-9A-HJKMNP-TV-Z]{26}$/);
  const root = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);
  const money = { currency: 'CNY' };
  const byHand = (lines: Line[]): Line[] =>
    [...lines].sort((a, b) => (JSON.stringify([a.day, a.type]) < JSON.stringify([b.day, b.type]) ? -1 : 1));

  it('is its own captures in full, each as one line, paid by the alliance', async () => {
    const at = { originalLine: null, store: 'crest-1', payer: 'alliance', payee: 'crest', price: '0.90', ...money };
    expect((await linesOf('crest')).filter(({ type }) => type.startsWith('redemption'))).toEqual([
      {
        ...at,
        id,
        type: 'redemption',
        day: '2026-03-20',
        occurredAt: '2026-03-20T02:00:00Z',
        postedAt: '2026-03-20T02:00:00Z',
        points: 12_000,
        amount: '10800.00',
        reference: 'ref-e5',
        memberRef: 'mb_crest_m1',
      },
      // e7's spending of crest's points at other brands
      {
        id,
        type: 'redemption',
        day: '2026-03-25',
        payer: 'crest',
        payee: 'alliance',
        redeemer: 'aurora',
        count: 1,
        points: 500,
        price: '0.90',
        amount: '450.00',
        root,
        ...money,
      },
      {
        ...at,
        id,
        type: 'redemption_reversal',
        originalLine: id,
        day: '2026-03-26',
        occurredAt: '2026-03-26T02:00:00Z',
        postedAt: '2026-03-26T02:00:00Z',
        points: -2_000,
        amount: '-1800.00',
        reference: 'ref-e8',
        memberRef: 'mb_crest_m1',
      },
    ]);
    const [capture, , back] = (await linesOf('crest')).filter(({ type }) => type.startsWith('redemption')) as {
      id: string;
      originalLine?: string;
    }[];
    expect(back?.originalLine).toBe(capture?.id);
  });

  it('is totals of a day where others redeemed its points: no store, time, reference, member or lot', async () => {
    const total = { id, count: 1, payer: 'birch', root, ...money };
    const spent = (day: string, redeemer: string, points: number, amount: string, fee: string): unknown[] => {
      const type = (of: string): string => (points < 0 ? `${of}_reversal` : of);
      const of = { ...total, day, redeemer, points };
      return [
        { ...of, type: type('fee'), payee: 'operator', price: '0.15', amount: fee },
        { ...of, type: type('redemption'), payee: 'alliance', price: '0.90', amount },
      ];
    };
    expect(byHand((await linesOf('birch')).filter(({ type }) => !type.startsWith('accrual')))).toEqual([
      ...spent('2026-03-20', 'crest', 2_000, '1800.00', '300.00'),
      ...spent('2026-03-25', 'aurora', 3_000, '2700.00', '450.00'),
      ...spent('2026-03-26', 'crest', -2_000, '-1800.00', '-300.00'),
    ]);
    // expiry of points nobody acted on
    expect((await tomorrow(() => linesOf('crest'))).filter(({ type }) => type === 'expiry')).toEqual([
      {
        id,
        count: 1,
        root,
        ...money,
        type: 'expiry',
        day: '2026-03-31',
        payer: 'crest',
        payee: 'operator',
        points: 1_500,
        price: '0.00',
        amount: '0.00',
      },
    ]);
  });

  it('is what its own tills gave, in full, with its own memberRef', async () => {
    expect((await linesOf('birch')).filter(({ type }) => type.startsWith('accrual'))).toMatchObject([
      {
        type: 'accrual',
        payer: 'birch',
        points: 6_000,
        reference: 'ref-e2',
        memberRef: 'mb_birch_m1',
        store: 'birch-1',
      },
      { type: 'accrual', payer: 'birch', points: 4_000, reference: 'ref-e3', memberRef: 'mb_birch_m2' },
      { type: 'accrual_reversal', payer: 'birch', points: -1_000, reference: 'ref-e6', memberRef: 'mb_birch_m2' },
    ]);
  });

  it('shares no id, reference, time or member with another brand, and names none in a line', async () => {
    const seen = new Map<string, string>();
    for (const brand of ['aurora', 'birch', 'crest']) {
      for (const line of await linesOf(brand)) {
        const {
          id: own,
          occurredAt,
          postedAt,
          reference,
          root: over,
          memberRef,
          payer,
          payee,
        } = line as Line & Record<string, string>;
        for (const told of [own, occurredAt, reference, over, ...(postedAt === occurredAt ? [] : [postedAt])]) {
          if (told === undefined) continue;
          expect([told, seen.get(told) ?? brand]).toEqual([told, brand]);
          seen.set(told, brand);
        }
        if (memberRef !== undefined && memberRef !== null) expect(memberRef).toMatch(new RegExp(`^mb_${brand}_`));
        expect([brand, 'alliance', 'operator', 'members']).toEqual(expect.arrayContaining([payer, payee]));
      }
    }
    expect(seen.size).toBeGreaterThan(20);
  });

  it('comes to what the statement says, each line once, whoever paid for the points', async () => {
    // funded by the operator, so the issuer pays nothing
    const funders = [{ party: 'operator', shareBp: 10_000 }];
    const gift = { lotId: 'GIFT', issuer: 'birch', terms: lotTerms('birch', { funders }) };
    await under.deliver([
      posting('gift', PostingKind.ACCRUAL, 'm8', 'birch', '2026-03-07T10:00:00+08:00', [{ ...gift, points: 9n }]),
      posting('spent', PostingKind.CAPTURE, 'm8', 'crest', '2026-03-08T10:00:00+08:00', [{ ...gift, points: -4n }]),
      posting('own', PostingKind.CAPTURE, 'm8', 'birch', '2026-03-09T10:00:00+08:00', [{ ...gift, points: -5n }]),
    ]);
    for (const brand of ['aurora', 'birch', 'crest', 'dune']) {
      const lines = (await linesOf(brand, '?limit=200')) as (Line & { points: number })[];
      const { body } = await under.asBrand(brand, 'GET', '/v1/cycles/2026-03/statements/me');
      expect(body.lines).toMatchObject({
        count: lines.length,
        points: lines.reduce((sum, { points }) => sum + points, 0),
      });
      expect(new Set(lines.map((line) => line.id)).size).toBe(lines.length);
    }
    const ofGift = ((await linesOf('birch')) as (Line & { payer: string })[]).filter(({ payer }) => payer !== 'birch');
    expect(ofGift).toMatchObject([
      { type: 'accrual', payer: 'operator', points: 9, reference: 'ref-gift' },
      { type: 'redemption', payer: 'operator', payee: 'alliance', redeemer: 'crest', count: 1, points: 4 },
      { type: 'redemption', payer: 'alliance', payee: 'birch', points: 5, reference: 'ref-own' },
    ]);
  });

  it('keeps the totals of a closed day; what comes later belongs to the first open one', async () => {
    const before = await linesOf('birch', '?limit=200');
    await under.service.app.get(DaysService, { strict: false }).close();
    expect(await linesOf('birch', '?limit=200')).toEqual(before);
    const stored = await runInTransaction(under.dataSource, { brand: '*' }, (tx) =>
      tx.query(`select distinct day::text as day from day_total where reader = 'brand:birch' order by 1`),
    );
    expect(stored.map(({ day }: { day: string }) => day)).toEqual(
      [...new Set(before.filter(({ count }) => count !== undefined).map(({ day }) => day))].sort(),
    );
    const [told, captures] = [await statementOf('birch'), (await linesOf('crest')).length];
    const late = { lotId: 'L2', issuer: 'birch', points: -7n };
    await under.deliver([posting('slow', PostingKind.CAPTURE, 'm1', 'crest', '2026-03-20T10:00:00+08:00', [late])]);
    // a total of the open day would reveal when each was spent; the redeemer sees its capture immediately
    expect(await linesOf('birch', '?limit=200')).toEqual(before);
    expect(await statementOf('birch')).toEqual(told);
    expect(await linesOf('crest')).toHaveLength(captures + 1);
    const after = await tomorrow(() => linesOf('birch', '?limit=200'));
    expect(await tomorrow(() => statementOf('birch'))).not.toEqual(told);
    expect(after.filter((line) => !before.some(({ id: known }) => known === line.id))).toMatchObject([
      { day: '2026-03-31', type: expect.any(String), points: 7 },
      { day: '2026-03-31', type: expect.any(String), points: 7 },
    ]);
    expect(after.filter(({ day }) => day < '2026-03-31')).toEqual(before.filter(({ day }) => day < '2026-03-31'));
    expect((await under.asOperator('GET', '/v1/operator/cycles/2026-03/verification')).body).toMatchObject({
      ok: true,
    });
  });

  it('comes in pages of a stable order', async () => {
    const whole = await linesOf('crest');
    const paged: Line[] = [];
    let after = '';
    for (;;) {
      const { body } = await under.asBrand('crest', 'GET', `/v1/cycles/2026-03/statements/me/lines?limit=2${after}`);
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
    const { body } = await under.asBrand('dune', 'GET', '/v1/cycles/2026-03/statements/me');
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
    const answers = await Promise.all(paths.map((path) => under.asBrand('aurora', 'GET', path)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  it('refuses cursors and limits that are none', async () => {
    const at = (query: string): Promise<{ status: number; body: { code: string } }> =>
      under.asBrand('aurora', 'GET', `/v1/cycles/2026-03/statements/me/lines?${query}`);
    expect((await at('after=nonsense')).body.code).toBe('cursor_invalid');
    const forged = Buffer.from('["2026-03-01","total","ln_x"]').toString('base64url');
    expect((await at(`after=${forged}`)).body.code).toBe('cursor_invalid');
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
    expect(await count('dune', 'day_total')).toBe(0n);
    expect(await count('aurora', 'day_total')).toBeGreaterThan(0n);
    expect(await count('*', 'day_total')).toBeGreaterThan(await count('aurora', 'day_total'));
    expect(await count('aurora', 'statement')).toBe(1n);
    expect(await count('*', 'statement')).toBe(4n);
    expect(await count('aurora', 'frozen_matrix')).toBe(0n);
    expect(await count(null, 'frozen_group')).toBe(0n);
  });

  it('is closed to brands where it is the operator’s, and the operator reads any brand’s', async () => {
    expect((await under.asBrand('aurora', 'GET', '/v1/operator/cycles/2026-03')).status).toBe(403);
    expect((await under.asBrand('aurora', 'GET', '/v1/operator/cycles/2026-03/statements/birch')).status).toBe(403);
    const theirs = await under.asOperator('GET', '/v1/operator/cycles/2026-03/statements/birch/lines');
    expect(theirs.body.data).toEqual(await linesOf('birch'));
    const statement = await under.asOperator('GET', '/v1/operator/cycles/2026-03/statements/birch');
    expect(statement.body).toEqual((await under.asBrand('birch', 'GET', '/v1/cycles/2026-03/statements/me')).body);
    const unknown = await under.asOperator('GET', '/v1/operator/cycles/2026-03/statements/nobody');
    expect([unknown.status, unknown.body.code]).toEqual([404, 'not_found']);
    expect((await under.asOperator('GET', '/v1/operator/cycles')).body.data[0].id).toBe('2026-03');
    expect((await under.asOperator('POST', '/v1/operator/cycles/2019-01/cut-off')).status).toBe(404);
  });

  it('is no more for a brand that bears the operator’s name', async () => {
    await under.learn(brandSnapshot('operator'));
    expect(await linesOf('operator')).toEqual([]);
    const { body } = await under.asBrand('operator', 'GET', '/v1/cycles/2026-03/statements/me');
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
    const { body } = await under.asBrand('dune', 'GET', '/v1/cycles/2026-04/statements/me/lines');
    expect(body.data[0].memberRef).toBe('mb_dune_m9');
  });
});
