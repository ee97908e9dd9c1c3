import { PostingKind } from '#libs/contracts';
import { NetworkProbe } from '#libs/http';
import { runInTransaction } from '#libs/postgres';

import { commission, conversion, converted, refund, sale, takenBack } from './earnings.js';
import type { Leg } from './earnings.js';
import { brandSnapshot } from '#libs/testing';
import { settlementUnderTest } from './settlement-under-test.js';
import type { SettlementUnderTest } from './settlement-under-test.js';
import { posting, workedExample } from './worked-example.js';

describe('commissions in a cycle', () => {
  let under: SettlementUnderTest;
  beforeAll(async () => {
    under = await settlementUnderTest(['aurora', 'birch', 'crest'].map((slug) => brandSnapshot(slug)));
  }, 60_000);
  beforeEach(() => under.reset());
  afterAll(() => under.close());

  const positions = async (): Promise<Record<string, number>> => {
    const { body } = await under.asOperator('GET', '/v1/operator/cycles/2026-03');
    expect(body.sum).toBe(0);
    return Object.fromEntries(
      (body.positions as { party: string; net: number }[])
        .filter(({ net }) => net !== 0)
        .map(({ party, net }) => [party, net]),
    );
  };
  const proven = async (): Promise<void> => {
    const checks = await under.service.app.get(NetworkProbe, { strict: false }).invariants();
    expect(checks.filter((check) => !check.ok)).toEqual([]);
  };
  const together = {
    'brand:aurora': -5_350,
    'brand:birch': -13_150,
    'brand:crest': 8_475,
    members: 7_000,
    operator: 3_025,
  };

  it('come beside the worked example to A −53.50, B −131.50, C +84.75, members +70.00, operator +30.25', async () => {
    await under.deliver(workedExample());
    await under.deliverCommissions([sale]);
    await under.deliverCommissions([sale, sale]);
    expect(await positions()).toEqual(together);
    under.neighbours.outstanding = { birch: 6_000 };
    under.neighbours.owed = { CNY: '7000.00' };
    await proven();
    await under.settle('2026-03');
    expect(await positions()).toEqual(together);
    await proven();
    const { body: birch } = await under.asBrand('birch', 'GET', '/v1/cycles/2026-03/statements/me');
    expect(birch).toMatchObject({ net: -13_150, fees: '1450.00' });
    const { body: aurora } = await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me');
    expect(aurora).toMatchObject({ net: -5_350, receives: '5150.00' });
  });

  it('are taken back by negative lines that name what they undo', async () => {
    await under.deliverCommissions([sale, refund]);
    expect(await positions()).toEqual({ 'brand:birch': -6_000, 'brand:aurora': 1_200, members: 4_200, operator: 600 });
    const { body } = await under.asBrand('birch', 'GET', '/v1/cycles/2026-03/statements/me/lines');
    const lines = body.data as Record<string, unknown>[];
    expect(lines.map((line) => [line['type'], line['payee'], line['points'], line['amount']]).sort()).toEqual(
      [
        ['contributor', 'alliance', 0, '2000.00'],
        ['contributor_reversal', 'alliance', 0, '-800.00'],
        ['fee', 'operator', 0, '1000.00'],
        ['fee_reversal', 'operator', 0, '-400.00'],
        ['referral', 'members', 0, '6000.00'],
        ['referral', 'members', 0, '1000.00'],
        ['referral_reversal', 'members', 0, '-2400.00'],
        ['referral_reversal', 'members', 0, '-400.00'],
      ].sort(),
    );
    const ids = new Set(lines.map(({ id }) => id));
    expect(lines.filter(({ originalLine }) => originalLine !== null && ids.has(originalLine))).toHaveLength(4);
  });

  it('show a brand only what it pays or is paid', async () => {
    await under.deliverCommissions([sale]);
    const linesOf = async (slug: string): Promise<unknown[]> =>
      (await under.asBrand(slug, 'GET', '/v1/cycles/2026-03/statements/me/lines')).body.data;
    expect(await linesOf('aurora')).toEqual([
      {
        id: expect.stringMatching(/^ln_/),
        type: 'contributor',
        day: '2026-03-15',
        payer: 'alliance',
        payee: 'aurora',
        seller: 'birch',
        count: 1,
        points: 0,
        price: '0.00',
        amount: '2000.00',
        currency: 'CNY',
        root: expect.stringMatching(/^sha256:/),
      },
    ]);
    expect(await linesOf('crest')).toEqual([]);
    await under.learn(brandSnapshot('members'));
    expect(await linesOf('members')).toEqual([]);
    expect(await linesOf('birch')).toHaveLength(4);
  });

  it('enter the next cycle when they come after the freeze', async () => {
    await under.deliverCommissions([sale]);
    await under.settle('2026-03');
    await under.deliverCommissions([sale, refund]);
    const { body } = await under.asOperator('GET', '/v1/operator/cycles/2026-04');
    expect(body.positions).toContainEqual({ party: 'brand:birch', net: 4_000 });
    expect(body.positions).toContainEqual({ party: 'members', net: -2_800 });
    expect(body.sum).toBe(0);
  });

  it('are money of members until it is converted: what points cost goes to the operator, who will pay for them', async () => {
    await under.deliverCommissions([sale]);
    await under.deliverConversions([converted]);
    await under.deliverConversions([converted, takenBack, takenBack]);
    // 70.00 − 59.997 + 23.9925, of which the conversions' group is rounded once: −36.0045
    expect(await positions()).toEqual({
      'brand:birch': -10_000,
      'brand:aurora': 2_000,
      members: 3_400,
      operator: 4_600,
    });
    under.neighbours.owed = { CNY: '3399.55' };
    await proven();
    await under.settle('2026-03');
    await proven();
    const lines = await runInTransaction(under.dataSource, { brand: '*' }, (tx) =>
      tx.query(
        `select id, type, payer, payee, original_line_id, points, fixed_micro::text, asset from line where type like 'conversion%' order by type`,
      ),
    );
    const shared = { payer: 'members', payee: 'operator', points: 0n, asset: null };
    expect(lines).toEqual([
      { ...shared, id: expect.any(String), type: 'conversion', fixed_micro: '5999700000', original_line_id: null },
      {
        ...shared,
        id: expect.any(String),
        type: 'conversion_reversal',
        fixed_micro: '-2399250000',
        original_line_id: lines[0].id,
      },
    ]);
    // brands are not part of it
    for (const slug of ['aurora', 'birch']) {
      const { body } = await under.asBrand(slug, 'GET', '/v1/cycles/2026-03/statements/me/lines');
      expect(JSON.stringify(body)).not.toContain('conversion');
    }
  });

  it('are held against what referrals owes to people', async () => {
    await under.deliverCommissions([sale]);
    await under.deliverConversions([converted]);
    const owed = async (): Promise<unknown> => {
      const checks = await under.service.app.get(NetworkProbe, { strict: false }).invariants();
      const found = checks.find(({ name }) => name.includes('members are owed'));
      return [found?.ok, found?.expected, found?.measured];
    };
    under.neighbours.owed = { CNY: '1000.30' };
    expect(await owed()).toEqual([true, 'CNY 1000.30', 'CNY 1000.30']);
    // one that settlement never received
    under.neighbours.owed = { CNY: '940.30' };
    expect(await owed()).toEqual([false, 'CNY 940.30', 'CNY 1000.30']);
    under.neighbours.owed = {};
    expect(await owed()).toEqual([false, 'none', 'CNY 1000.30']);
  });

  it('convert in the cycle of the conversion, or the next that takes it', async () => {
    await under.deliverConversions([conversion('early', '2026-02-10T10:00:00+08:00', 100n, '105.00')]);
    await under.settle('2026-03');
    await under.deliverConversions([converted]);
    const of = async (cycle: string): Promise<unknown> =>
      (await under.asOperator('GET', `/v1/operator/cycles/${cycle}`)).body.positions.find(
        ({ party }: { party: string }) => party === 'members',
      );
    expect(await of('2026-02')).toEqual({ party: 'members', net: -105 });
    expect(await of('2026-04')).toEqual({ party: 'members', net: -6_000 });
  });

  it('that name no payee or no known party are refused', async () => {
    const wrong = (leg: Leg): Promise<void> =>
      under.deliverCommissions([commission('cx', '2026-03-15T10:00:00+08:00', [leg])]);
    await expect(wrong(['x', 'contributor', 'aurora', 1n])).rejects.toThrow('payee');
    await expect(wrong(['x', 'uncle', 'members', 1n])).rejects.toThrow('party');
  });
});

describe('points that the operator issued', () => {
  it('are paid by the operator, without a fee', async () => {
    const under = await settlementUnderTest(['aurora', 'crest'].map((slug) => brandSnapshot(slug)));
    try {
      const lot = (
        points: bigint,
        original = '',
      ): { lotId: string; issuer: string; points: bigint; originalPostingId: string } => ({
        lotId: 'o1',
        issuer: 'operator',
        points,
        originalPostingId: original,
      });
      const { ACCRUAL, CAPTURE, REDEMPTION_RETURN } = PostingKind;
      await under.deliver([
        posting('o-1', ACCRUAL, 'm1', 'aurora', '2026-03-02T10:00:00+08:00', [
          { lotId: 'a1', issuer: 'aurora', points: 56n },
          lot(14n),
        ]),
        posting('o-2', CAPTURE, 'm1', 'crest', '2026-03-03T10:00:00+08:00', [lot(-10n)]),
        posting('o-3', REDEMPTION_RETURN, 'm1', 'crest', '2026-03-04T10:00:00+08:00', [lot(4n, 'o-2')]),
      ]);
      const { body } = await under.asOperator('GET', '/v1/operator/cycles/2026-03');
      expect(body).toMatchObject({ gross: 0, netted: 0, sum: 0 });
      expect(body.matrix).toEqual([{ issuer: 'operator', redeemer: 'crest', points: 6, amount: '5.40' }]);
      expect(body.positions).toContainEqual({ party: 'operator', net: -5 });
      expect(body.positions).toContainEqual({ party: 'brand:crest', net: 5 });
      under.neighbours.outstanding = { aurora: 56, operator: 8 };
      const probe = under.service.app.get(NetworkProbe, { strict: false });
      expect((await probe.invariants()).filter((check) => !check.ok)).toEqual([]);
      await under.settle('2026-03');
      expect((await probe.invariants()).filter((check) => !check.ok)).toEqual([]);
      expect((await under.asBrand('crest', 'GET', '/v1/cycles/2026-03/statements/me')).body).toMatchObject({
        receives: '5.40',
        net: 5,
      });
    } finally {
      await under.close();
    }
  }, 60_000);
});
