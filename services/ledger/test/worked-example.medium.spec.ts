import pg from 'pg';
import { runInTransaction } from '#libs/postgres';
import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

/** A member's lots as in the table of the worked example: issuer, points left, expiry. */
type Lots = [issuer: string, remaining: number, expires: string][];

const SHANGHAI_DAYS: Record<string, string> = {
  '2027-03-31T15:59:59Z': '2027-03-31',
  '2027-04-30T15:59:59Z': '2027-04-30',
  '2026-12-31T15:59:59Z': '2026-12-31',
};

describe('the worked example of settlement, E1 to E9', () => {
  let rig: LedgerUnderTest;
  let m1: Record<'A' | 'B' | 'C', string>;
  let m2: Record<'A' | 'B' | 'C', string>;
  let e5: string;
  const slugs = { A: 'aurora', B: 'birch', C: 'crest' } as const;

  beforeAll(async () => {
    rig = await ledgerUnderTest('2026-03-01T08:00:00+08:00');
    for (const slug of Object.values(slugs)) await rig.brand(slug);
    const rules: [string, string, number][] = [
      ['aurora', 'base', 12],
      ['birch', 'base', 13],
      ['crest', 'base', 12],
    ];
    for (const [brand, name, months] of rules) {
      await rig.rule(brand, {
        name,
        earn: { points: 1, per: 1 },
        expiry: { kind: 'rolling', months, roundTo: 'month' },
      });
    }
    const december = { kind: 'fixed', at: '2026-12-31T23:59:59+08:00' };
    await rig.rule('birch', {
      name: 'seasonal',
      match: { categories: ['seasonal'] },
      earn: { points: 1, per: 1 },
      expiry: december,
    });
    const person = (): Record<'A' | 'B' | 'C', string> => {
      const { memberRef, walletId } = rig.member(slugs.A);
      return { A: memberRef, B: rig.member(slugs.B, walletId).memberRef, C: rig.member(slugs.C, walletId).memberRef };
    };
    m1 = person();
    m2 = person();
  }, 120_000);

  afterAll(async () => {
    await rig.close();
  });

  async function order(
    brand: keyof typeof slugs,
    id: string,
    memberRef: string,
    net: number,
    more = {},
    line = {},
  ): Promise<void> {
    const slug = slugs[brand];
    const answer = await rig.asBrand(slug, 'POST', '/v1/orders', {
      externalId: id,
      memberRef,
      storeRef: `${slug}-1`,
      occurredAt: rig.clock.now().toISOString(),
      currency: 'CNY',
      lines: [{ lineId: '1', sku: 'x', category: 'y', quantity: 4, net, ...line }],
      ...more,
    });
    expect(answer.status).toBe(201);
    expect(answer.body.points).toEqual({ earned: net, pending: 0, availableAt: null });
  }

  async function redeem(brand: keyof typeof slugs, id: string, memberRef: string, points: number): Promise<string> {
    const slug = slugs[brand];
    const body = { externalId: id, memberRef, storeRef: `${slug}-1`, points };
    const held = await rig.asBrand(slug, 'POST', '/v1/authorizations', body);
    expect(held.status).toBe(201);
    const taken = await rig.asBrand(slug, 'POST', `/v1/authorizations/${held.body.id}/captures`, {
      externalId: `${id}-1`,
    });
    expect([taken.status, taken.body.points, taken.body.authorization]).toEqual([
      201,
      points,
      { status: 'captured', captured: points },
    ]);
    return held.body.id as string;
  }

  async function expectMember(who: Record<'A' | 'B' | 'C', string>, available: number, lots: Lots): Promise<void> {
    for (const [brand, slug] of Object.entries(slugs)) {
      const wallet = await rig.asBrand(slug, 'GET', `/v1/members/${who[brand as 'A']}/wallet`);
      expect(wallet.body).toMatchObject({ available, pending: 0, held: 0, debt: 0 });
    }
    const answer = await rig.asOperator('GET', `/v1/operator/members/${who.A}/lots`);
    const seen = (answer.body.data as { issuer: string; remaining: number; expiresAt: string }[]).map((lot) => [
      lot.issuer,
      lot.remaining,
      SHANGHAI_DAYS[lot.expiresAt],
    ]);
    expect(seen).toEqual(lots);
  }

  it('E1: A issues 10,000 to M1', async () => {
    await rig.at('2026-03-02T10:00:00+08:00');
    await order('A', 'E1', m1.A, 10_000);
    await expectMember(m1, 10_000, [['aurora', 10_000, '2027-03-31']]);
  });

  it('E2: B issues 6,000 to M1', async () => {
    await rig.at('2026-03-03T10:00:00+08:00');
    await order('B', 'E2', m1.B, 6000);
    await expectMember(m1, 16_000, [
      ['aurora', 10_000, '2027-03-31'],
      ['birch', 6000, '2027-04-30'],
    ]);
  });

  it('E3: B issues 4,000 to M2', async () => {
    await rig.at('2026-03-05T10:00:00+08:00');
    await order('B', 'E3', m2.B, 4000, {}, { category: 'seasonal' });
    await expectMember(m2, 4000, [['birch', 4000, '2026-12-31']]);
  });

  it('E4: C issues 2,000 to M2', async () => {
    await rig.at('2026-03-06T10:00:00+08:00');
    await order('C', 'E4', m2.C, 2000, { campaign: 'spring' });
    await expectMember(m2, 6000, [
      ['birch', 4000, '2026-12-31'],
      ['crest', 2000, '2027-03-31'],
    ]);
  });

  it('E5: M1 redeems 12,000 at C', async () => {
    await rig.at('2026-03-20T10:00:00+08:00');
    e5 = await redeem('C', 'E5', m1.C, 12_000);
    await expectMember(m1, 4000, [
      ['aurora', 0, '2027-03-31'],
      ['birch', 4000, '2027-04-30'],
    ]);
  });

  it('E6: B refunds a quarter of the sale of E3', async () => {
    await rig.at('2026-03-22T10:00:00+08:00');
    const back = {
      externalId: 'E6',
      occurredAt: '2026-03-22T10:00:00+08:00',
      lines: [{ lineId: '1', quantity: 1, net: 1000 }],
    };
    const answer = await rig.asBrand('birch', 'POST', '/v1/orders/E3/returns', back);
    expect(answer.body).toMatchObject({
      points: { reversed: 1000, fromPending: 0, expired: 0, toDebt: 0 },
      wallet: { available: 5000 },
    });
    await expectMember(m2, 5000, [
      ['birch', 3000, '2026-12-31'],
      ['crest', 2000, '2027-03-31'],
    ]);
  });

  it('E7: M2 redeems 3,500 at A', async () => {
    await rig.at('2026-03-25T10:00:00+08:00');
    await redeem('A', 'E7', m2.A, 3500);
    await expectMember(m2, 1500, [
      ['birch', 0, '2026-12-31'],
      ['crest', 1500, '2027-03-31'],
    ]);
  });

  it('E8: C gives back 2,000 of E5, to the newest lot with its own expiry', async () => {
    await rig.at('2026-03-26T10:00:00+08:00');
    const body = { externalId: 'E8', points: 2000, occurredAt: '2026-03-26T10:00:00+08:00' };
    const answer = await rig.asBrand('crest', 'POST', `/v1/authorizations/${e5}/returns`, body);
    expect([answer.status, answer.body.restored]).toEqual([201, [{ points: 2000, expiresAt: '2027-04-30T15:59:59Z' }]]);
    await expectMember(m1, 6000, [
      ['aurora', 0, '2027-03-31'],
      ['birch', 6000, '2027-04-30'],
    ]);
  });

  it('E9: the rest of E4 expires with its promotion', async () => {
    await rig.at('2026-03-31T10:00:00+08:00');
    const body = { externalId: 'x-1', brand: 'crest', campaign: 'spring', reason: 'promotion closed' };
    const answer = await rig.asOperator('POST', '/v1/operator/expirations', body);
    expect([answer.status, answer.body]).toEqual([201, { points: 1500, lots: 1 }]);
    const again = await rig.asOperator('POST', '/v1/operator/expirations', body);
    expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([{ points: 1500, lots: 1 }, 'true']);
    const lots = await rig.asOperator('GET', `/v1/operator/members/${m2.A}/lots`);
    expect((lots.body.data as { remaining: number }[]).map(({ remaining }) => remaining)).toEqual([0, 0]);
    const wallet = await rig.asBrand('aurora', 'GET', `/v1/members/${m2.A}/wallet`);
    expect(wallet.body).toMatchObject({ available: 0, nextExpiry: null });
  });

  it('leaves 6,000 outstanding, all of B', async () => {
    const answer = await rig.asService('GET', '/internal/v1/outstanding');
    const open = (answer.body.issuers as { brand: string; points: string }[]).filter(({ points }) => points !== '0');
    expect(open).toEqual([{ brand: 'birch', points: '6000' }]);
  });

  it('returns what was spent as stamped, for a time range and for named postings', async () => {
    const spent = async (which: object): Promise<unknown[]> =>
      ((await rig.asService('POST', '/internal/v1/spent', which)).body.spent as Record<string, unknown>[])
        .map(({ issuer, redeemer, points, reimbursementMicro, operatorFeeMicro, funders }) =>
          [issuer, redeemer, points, reimbursementMicro, operatorFeeMicro, funders].join(' '),
        )
        .sort();
    const at = (day: number): string => `2026-03-${day}T10:00:00+08:00`;
    expect(await spent({ from: at(1).replace('-1T', '-01T'), to: '2026-04-01T00:00:00+08:00' })).toEqual([
      'aurora crest 10000 900000 150000 aurora:10000',
      'birch aurora 3000 900000 150000 birch:10000',
      'crest aurora 500 900000 150000 crest:10000',
    ]);
    // E5 is dated the 20th; points given back of it on the 26th count on the 26th
    expect(await spent({ from: at(20), to: at(21) })).toEqual([
      'aurora crest 10000 900000 150000 aurora:10000',
      'birch crest 2000 900000 150000 birch:10000',
    ]);
    expect(await spent({ from: at(26), to: at(27) })).toEqual(['birch crest -2000 900000 150000 birch:10000']);
    const postings = await runInTransaction(rig.dataSource, { brand: '*' }, (tx) =>
      tx.query<object[]>(
        `select wallet_id as "walletId", id as "postingId" from posting where kind = 'redemption_return'`,
      ),
    );
    expect(await spent({ postings })).toEqual(['birch crest -2000 900000 150000 birch:10000']);
    expect(await spent({ postings, to: at(26) })).toEqual([]);
    expect(
      (await rig.asService('POST', '/internal/v1/spent', { postings: [{ ...postings[0], postingId: 'e8' }] })).status,
    ).toBe(422);
  });

  it('returns what was given less taken back, and what expired', async () => {
    const issued = async (which: object): Promise<string[]> =>
      ((await rig.asService('POST', '/internal/v1/spent', which)).body.issued as Record<string, unknown>[])
        .map(({ issuer, expired, asset, currency, points }) =>
          [issuer, expired === true ? 'expired' : 'given', asset, currency, points].join(' '),
        )
        .sort();
    // E1 to E4 less E6, and E9
    expect(await issued({ from: '2026-03-01T10:00:00+08:00', to: '2026-04-01T00:00:00+08:00' })).toEqual([
      'aurora given PTS CNY 10000',
      'birch given PTS CNY 9000',
      'crest expired PTS CNY 1500',
      'crest given PTS CNY 2000',
    ]);
    expect(await issued({ from: '2026-03-22T00:00:00+08:00', to: '2026-03-23T00:00:00+08:00' })).toEqual([
      'birch given PTS CNY -1000',
    ]);
    const postings = await runInTransaction(rig.dataSource, { brand: '*' }, (tx) =>
      tx.query<object[]>(`select wallet_id as "walletId", id as "postingId" from posting where kind = 'expiry'`),
    );
    expect(await issued({ postings })).toEqual(['crest expired PTS CNY 1500']);
  });

  it('returns each movement of points that several funders pay for', async () => {
    const admin = new pg.Client({ connectionString: rig.database.adminUrl });
    await admin.connect();
    // no contract has several yet
    await admin.query(
      'set session_replication_role = replica; alter table contract_terms drop constraint contract_terms_named_by_content',
    );
    const fund = (from: string, to: string) =>
      admin.query('update contract_terms set funders = $2 where funders = $1', [from, to]);
    await fund('birch:10000', 'birch:7000,operator:3000');
    const { spent } = (await rig.asService('POST', '/internal/v1/spent', {})).body as {
      spent: { funders: string; redeemer: string; points: string; each: object | null }[];
    };
    await fund('birch:7000,operator:3000', 'birch:10000');
    await admin.end();
    const told = spent.map(({ funders, redeemer, points, each }) => ({ funders, redeemer, points, each }));
    expect(told).toHaveLength(5);
    const shared = { funders: 'birch:7000,operator:3000', redeemer: 'crest' };
    expect(told).toEqual(
      expect.arrayContaining([
        { funders: 'aurora:10000', redeemer: 'crest', points: '10000', each: null },
        { ...shared, points: '2000', each: { points: '2000', movements: '1', captured: null, returned: null } },
        { ...shared, points: '-2000', each: { points: '-2000', movements: '1', captured: '2000', returned: '0' } },
      ]),
    );
  });

  it('late return: the sale of E1 comes back after its points were spent, and leaves a debt to A', async () => {
    await rig.at('2026-04-03T10:00:00+08:00');
    const lines = [{ lineId: '1', quantity: 4, net: 10_000 }];
    const back = { externalId: 'late', occurredAt: '2026-04-03T10:00:00+08:00', lines };
    const answer = await rig.asBrand('aurora', 'POST', '/v1/orders/E1/returns', back);
    expect([answer.status, answer.body.points]).toEqual([
      201,
      { reversed: 10_000, fromPending: 0, expired: 0, toDebt: 10_000 },
    ]);
    expect(answer.body.wallet).toEqual({ available: 0 });
    const lots = await rig.asOperator('GET', `/v1/operator/members/${m1.A}/lots`);
    expect(lots.body.data).toMatchObject([
      { issuer: 'aurora', remaining: 0 },
      { issuer: 'birch', remaining: 6000 },
    ]);
    expect(lots.body.debts).toMatchObject([{ issuer: 'aurora', points: 10_000, remaining: 10_000 }]);
    const wallet = await rig.asBrand('birch', 'GET', `/v1/members/${m1.B}/wallet`);
    expect(wallet.body).toMatchObject({ available: 0, debt: 10_000, balance: -4000 });
  });

  it('keeps another issuer’s points locked until the debt is repaid by points of its owner', async () => {
    const declined = await rig.asBrand('crest', 'POST', '/v1/authorizations', {
      externalId: 'locked',
      memberRef: m1.C,
      storeRef: 'crest-1',
      points: 1,
    });
    expect([declined.status, declined.body.code, declined.body.limit]).toEqual([422, 'points_insufficient', 0]);
    await order('A', 'again', m1.A, 7000);
    const wallet = await rig.asBrand('crest', 'GET', `/v1/members/${m1.C}/wallet`);
    expect(wallet.body).toMatchObject({ available: 3000, debt: 3000, balance: 3000 });
  });

  it('balances in the ledger’s own checks', async () => {
    const answer = await rig.asService('GET', '/internal/v1/invariants');
    expect(answer.body.checks.length).toBeGreaterThan(10);
    expect((answer.body.checks as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
  });
});
