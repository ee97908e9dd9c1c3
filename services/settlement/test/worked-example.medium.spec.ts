import pg from 'pg';
import { PostingKind } from '#libs/contracts';
import { sha256Hex } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { brandSnapshot } from '#libs/testing';
import { settlementUnderTest } from './settlement-under-test.js';
import type { SettlementUnderTest } from './settlement-under-test.js';
import { interleaved, posting, workedExample } from './worked-example.js';

const BRANDS = ['aurora', 'birch', 'crest'];
const hashesOf = async (under: SettlementUnderTest, cycle: string): Promise<string[]> =>
  Promise.all(
    BRANDS.map(async (slug) =>
      String((await under.asBrand(slug, 'GET', `/v1/cycles/${cycle}/statements/me`)).body.hash),
    ),
  );

describe('the worked example, mode 2', () => {
  let under: SettlementUnderTest;
  let hashes: string[];

  beforeAll(async () => {
    under = await settlementUnderTest(BRANDS.map((slug) => brandSnapshot(slug)));
    await under.publish(workedExample());
  }, 60_000);
  afterAll(() => under.close());

  const expectPositions = (body: { positions: unknown; matrix: unknown }): void => {
    expect(body).toMatchObject({ gross: 12_150, netted: 8_550, sum: 0, currency: 'CNY' });
    expect(body.positions).toEqual([
      { party: 'brand:aurora', net: -7_350 },
      { party: 'brand:birch', net: -3_150 },
      { party: 'brand:crest', net: 8_475 },
      { party: 'operator', net: 2_025 },
      { party: 'members', net: 0 },
      { party: 'reserve', net: 0 },
      { party: 'rounding', net: 0 },
    ]);
    expect(body.matrix).toEqual([
      { issuer: 'aurora', redeemer: 'crest', points: 10_000, amount: '9000.00' },
      { issuer: 'birch', redeemer: 'aurora', points: 3_000, amount: '2700.00' },
      { issuer: 'birch', redeemer: 'crest', points: 0, amount: '0.00' },
      { issuer: 'crest', redeemer: 'aurora', points: 500, amount: '450.00' },
    ]);
  };

  it('stands in the preview of the open cycle to the fen', async () => {
    const answer = await under.asOperator('GET', '/v1/operator/cycles/2026-03');
    expect(answer.status).toBe(200);
    expect(answer.body.status).toBe('open');
    expectPositions(answer.body);
    const statement = await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me');
    expect(statement.body).toMatchObject({
      cycle: '2026-03',
      brand: 'aurora',
      version: 1,
      currency: 'CNY',
      status: 'open',
      lines: { count: 4, points: 33_500, amount: '13650.00' },
      pays: '9000.00',
      receives: '3150.00',
      fees: '1500.00',
      net: -7_350,
      counterparties: [
        { brand: 'birch', direction: 'receives', kind: 'reimbursement', points: 3_000, amount: '2700.00' },
        { brand: 'crest', direction: 'pays', kind: 'reimbursement', points: 10_000, amount: '9000.00' },
        { brand: 'crest', direction: 'receives', kind: 'reimbursement', points: 500, amount: '450.00' },
      ],
      hash: null,
      previousHash: null,
    });
  });

  it('lists the cycle with the bounds of the alliance’s month', async () => {
    const { body } = await under.asBrand('birch', 'GET', '/v1/cycles');
    expect(body.data).toEqual([
      {
        id: '2026-03',
        status: 'open',
        from: '2026-02-28T16:00:00Z',
        to: '2026-03-31T16:00:00Z',
        currency: 'CNY',
        cutOffAt: null,
      },
    ]);
  });

  it('balances: outstanding equals the ledger’s, positions sum to 0', async () => {
    under.neighbours.outstanding = { birch: 6_000, aurora: 0, crest: 0 };
    const internal = under.service.app.get((await import('#libs/http')).NetworkProbe, { strict: false });
    const checks = await internal.invariants();
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(checks).toHaveLength(7);
    expect(checks[0]).toMatchObject({ expected: 'birch 6000', measured: 'birch 6000' });
    under.neighbours.outstanding = { birch: 5_999 };
    expect((await internal.invariants())[0]?.ok).toBe(false);
    under.neighbours.outstanding = { birch: 6_000 };
  });

  it('refuses steps out of order', async () => {
    for (const step of ['freeze', 'confirm', 'close']) {
      const answer = await under.asOperator('POST', `/v1/operator/cycles/2026-03/${step}`);
      expect([step, answer.status, answer.body.code]).toEqual([step, 409, 'cycle_state']);
    }
  });

  it('goes from open to closed, and the frozen figures are those of the preview', async () => {
    for (const [step, status] of [
      ['cut-off', 'cut_off'],
      ['freeze', 'frozen'],
      ['confirm', 'confirmed'],
      ['close', 'closed'],
    ] as const) {
      const answer = await under.asOperator('POST', `/v1/operator/cycles/2026-03/${step}`, undefined, {
        'idempotency-key': `k-${step}`,
      });
      expect([step, answer.status, answer.body.status]).toEqual([step, 200, status]);
      expectPositions(answer.body);
      const again = await under.asOperator('POST', `/v1/operator/cycles/2026-03/${step}`, undefined, {
        'idempotency-key': `k-${step}`,
      });
      expect([again.status, again.body]).toEqual([200, answer.body]);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      const twice = await under.asOperator('POST', `/v1/operator/cycles/2026-03/${step}`);
      expect([twice.status, twice.body.code]).toEqual([409, 'cycle_state']);
    }
    hashes = await hashesOf(under, '2026-03');
    for (const hash of hashes) expect(hash).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(new Set(hashes).size).toBe(3);
  });

  it('hands out the file that the hash covers', async () => {
    const file = await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me/file');
    expect(file.status).toBe(200);
    expect(`sha256:${sha256Hex(file.text)}`).toBe(hashes[0]);
    const csv = await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me/file?format=csv');
    expect(csv.text.trimEnd().split('\r\n')).toHaveLength(5);
    const json = await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me/file?format=json');
    expect(json.body.lines).toHaveLength(4);
    expect(json.body.statement.hash).toBe(hashes[0]);
  });

  it('changes no hash when every event comes again, and opens no cycle', async () => {
    await under.deliver(workedExample());
    await under.deliver([...workedExample(), ...workedExample()]);
    expect(await hashesOf(under, '2026-03')).toEqual(hashes);
    const cycles = await runInTransaction(under.dataSource, { brand: '*' }, (tx) => tx.query('select id from cycle'));
    expect(cycles).toEqual([{ id: '2026-03' }]);
    const { body } = await under.asBrand('aurora', 'GET', '/v1/cycles');
    expect(body.data.map((cycle: { id: string; status: string }) => [cycle.id, cycle.status])).toEqual([
      ['2026-03', 'closed'],
      ['2026-04', 'open'],
    ]);
  });

  it('cannot be changed by anybody, not even the owner of the tables', async () => {
    const owner = new pg.Client({ connectionString: under.database.ownerUrl });
    await owner.connect();
    const refused = async (sql: string): Promise<void> => {
      await expect(owner.query(sql)).rejects.toMatchObject({ code: '23001' });
    };
    try {
      // neither through the parent table nor directly
      for (const table of ['line', 'line_2026_03']) {
        await refused(`update ${table} set reference = 'x'`);
        await refused(`delete from ${table}`);
        await refused(`truncate ${table}`);
        await refused(`insert into ${table} (id, own_id, day, cycle, type, posting_id, lot_id, wallet_id, actor, actor_member_ref, occurred_at, posted_at, payer, payee,
          issuer, asset, points, price_micro, fixed_micro, currency, issuer_contract, funding_mode, funders, earned_at, digest)
          values (gen_random_uuid(), gen_random_uuid(), '2026-03-31', '2026-03', 'accrual', 'p', 'l', 'w', 'aurora', '', now(), now(), 'brand:aurora', 'operator',
            'brand:aurora', 'PTS', 1, 0, 0, 'CNY', 1, 'pay_at_redemption', 'brand:aurora=10000', now(), sha256(''))`);
      }
      await refused(`update cycle set status = 'open', cut_off_at = null`);
      await refused(`update cycle set to_at = now()`);
      await refused(`delete from cycle`);
      await refused(`update statement set net = 0`);
      await refused(`update net_position set net = 0`);
      await refused(`update day_total set points = points + 1`);
      await refused(`delete from day_seal`);
      await refused(`update reader_key set key = sha256('')`);
      await refused(`update cycle set lines_root = results_root`);
      await refused(`insert into frozen_group values ('2026-03', 'operator', 'members', 'fee', 'PTS', 1, 1, 1, 1)`);
      await owner.query(`insert into party values ('entity:le-new', 'entity')`);
      await refused(`insert into net_position values ('2026-03', 'entity:le-new', 1, 0)`);
      await refused(`insert into disputed_line values ('2026-03', gen_random_uuid(), now())`);
    } finally {
      await owner.end();
    }
  });

  it('books a give-back that comes after the close in the next cycle, at the old price', async () => {
    const back = posting('e10', PostingKind.REDEMPTION_RETURN, 'm1', 'crest', '2026-03-31T11:59:59+08:00', [
      { lotId: 'L1', issuer: 'aurora', points: 1_000n, originalPostingId: 'e5' },
    ]);
    await under.deliver([back]);
    await under.deliver([back]);
    const april = await under.asOperator('GET', '/v1/operator/cycles/2026-04');
    expect(april.body).toMatchObject({ status: 'open', gross: 900, netted: 900, sum: 0 });
    expect(april.body.matrix).toEqual([{ issuer: 'aurora', redeemer: 'crest', points: -1_000, amount: '-900.00' }]);
    expect(april.body.from).toBe('2026-03-31T04:00:00Z');
    expect(await hashesOf(under, '2026-03')).toEqual(hashes);
  });

  it('chains the next statement to this one', async () => {
    under.clock.set(new Date('2026-05-01T00:30:00+08:00'));
    await under.settle('2026-04');
    const next = await under.asBrand('aurora', 'GET', '/v1/cycles/2026-04/statements/me');
    expect(next.body).toMatchObject({ net: 1_050, previousHash: hashes[0], lines: { count: 2, points: -2_000 } });
    const birch = await under.asBrand('birch', 'GET', '/v1/cycles/2026-04/statements/me');
    expect(birch.body).toMatchObject({ net: 0, previousHash: hashes[1], lines: { count: 0, points: 0 } });
    under.neighbours.outstanding = { birch: 6_000, aurora: 1_000 };
    const checks = await under.service.app
      .get((await import('#libs/http')).NetworkProbe, { strict: false })
      .invariants();
    expect(checks.filter((check) => !check.ok)).toEqual([]);
  });

  it('comes to the same hashes in another order between members, with every event twice', async () => {
    const other = await settlementUnderTest(
      BRANDS.map((slug) => brandSnapshot(slug)),
      under,
    );
    try {
      let seed = 7;
      const shuffled = interleaved(workedExample(), (choices) => (seed = (seed * 31 + 11) % 1_009) % choices);
      expect(shuffled.map((one) => one.postingId)).not.toEqual(workedExample().map((one) => one.postingId));
      for (const one of shuffled) {
        await other.deliver([one]);
        await other.deliver([one]);
      }
      await other.publish(workedExample());
      await other.settle('2026-03');
      expectPositions((await other.asOperator('GET', '/v1/operator/cycles/2026-03')).body);
      expect(await hashesOf(other, '2026-03')).toEqual(hashes);
    } finally {
      await other.close();
    }
  }, 60_000);
});
