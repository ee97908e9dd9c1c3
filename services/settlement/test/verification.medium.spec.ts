import pg from 'pg';
import { PostingKind } from '#libs/contracts';
import { NetworkProbe } from '#libs/http';
import { runInTransaction } from '#libs/postgres';
import { DaysService } from '../src/days/days.service.js';
import { lineDigest } from '../src/entries/line.js';
import { LinesService } from '../src/lines/lines.service.js';
import { PositionsService } from '../src/positions/positions.service.js';
import { commission, conversion, converted, refund, sale, takenBack } from './earnings.js';
import { brandSnapshot } from '#libs/testing';
import type { Leg } from './earnings.js';
import { settlementUnderTest } from './settlement-under-test.js';
import type { SettlementUnderTest } from './settlement-under-test.js';
import { lotTerms, posting, redeemerTerms, workedExample } from './worked-example.js';

interface Fault {
  kind: string;
  id: string;
  detail: string;
}

describe('the verification of a cycle', () => {
  let under: SettlementUnderTest;
  let admin: pg.Client;
  beforeAll(async () => {
    under = await settlementUnderTest(['aurora', 'birch', 'crest'].map((slug) => brandSnapshot(slug)));
    admin = new pg.Client({ connectionString: under.database.adminUrl });
    await admin.connect();
    // edits as the server's owner can, without triggers
    await admin.query('set session_replication_role = replica');
  }, 60_000);
  beforeEach(async () => {
    await under.reset();
    await under.deliver(workedExample());
  });
  afterAll(async () => {
    await admin.end();
    await under.close();
  });

  const verification = async (cycle = '2026-03') =>
    (await under.asOperator('GET', `/v1/operator/cycles/${cycle}/verification`)).body as {
      ok: boolean;
      compared: boolean;
      status: string;
      lines: number;
      faults: Fault[];
    };
  const faultsOf = async (cycle?: string): Promise<[string, string][]> =>
    (await verification(cycle)).faults.map(({ kind, id }) => [kind, id]);
  const steps = async (...names: string[]): Promise<void> => {
    for (const name of names) {
      const answer = await under.asOperator('POST', `/v1/operator/cycles/2026-03/${name}`);
      expect([name, answer.status]).toEqual([name, 200]);
    }
  };

  it('finds nothing in a cycle that nobody touched, in every state', async () => {
    for (const step of ['cut-off', 'freeze', 'confirm', 'close']) {
      expect(await verification()).toMatchObject({ ok: true, lines: 16, faults: [] });
      await steps(step);
    }
    expect(await verification()).toMatchObject({ ok: true, status: 'closed', lines: 16, faults: [] });
    expect((await under.asOperator('GET', '/v1/operator/cycles/2020-01/verification')).status).toBe(404);
    expect((await under.asBrand('aurora', 'GET', '/v1/operator/cycles/2026-03/verification')).status).toBe(403);
  });

  it('names a line that was edited before the freeze, and nothing is frozen over it', async () => {
    await admin.query(
      `update line set reference = 'another' where posting_id = 'e7' and type = 'redemption' and lot_id = 'L3'`,
    );
    const { faults } = await verification();
    expect(faults).toEqual([
      { kind: 'line', id: expect.stringMatching(/^ln_/), detail: 'does not say what it was written with' },
    ]);
    await steps('cut-off');
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
    expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
    expect(refused.body.detail).toContain(faults[0]?.id);
  });

  const aLine = `posting_id = 'e5' and type = 'redemption' and lot_id = 'L1'`;
  it.each([
    // its wallet, cost, owner, time and terms
    ['line', `update line set wallet_id = 'm2' where ${aLine}`],
    ['line', `update line set fixed_micro = 0, reference = 'other' where ${aLine}`],
    ['line', `update line set redeemer_contract = 9 where ${aLine}`],
    ['line', `update line set expires_at = now() where ${aLine}`],
    ['line', `update line set price_micro = price_micro + 1 where ${aLine}`],
    ['line', `update line set payer = 'brand:birch' where ${aLine}`],
    ['line', `update line set day = day + 1 where ${aLine}`],
    ['line', `update line set reader = 'brand:aurora' where ${aLine}`],
    ['line', `update line set own_id = id where ${aLine}`],
    ['day', `update day_total set points = points + 1 where reader = 'brand:aurora' and type = 'redemption'`],
    ['day', `update day_total set root = 'sha256:' || repeat('0', 64) where reader = 'brand:aurora'`],
    ['day', `update day_total set legs = legs + 1 where reader = 'brand:birch' and redeemer = 'brand:aurora'`],
    ['day', `delete from day_total where reader = 'brand:crest'`],
    ['day', `update day_seal set legs = legs + 1 where day = '2026-03-20'`],
    ['dispute', `insert into disputed_line select cycle, id, now() from line where ${aLine}`],
    ['line', `update line set digest = sha256('') where ${aLine}`],
    ['seal', `delete from line where posting_id = 'e9'`],
    ['seal', `update cycle set line_count = line_count + 1`],
    ['seal', `update cycle set results_root = lines_root`],
    ['seal', `update frozen_group set payer_entity = 'le-mine' where payer = 'brand:aurora'`],
    ['seal', `update frozen_group set fx_rate = 2 where payer = 'brand:aurora' and kind = 'fee'`],
    ['group', `update frozen_group set amount = amount + 1 where payer = 'brand:aurora' and kind = 'reimbursement'`],
    ['group', `update frozen_group set points = points + 1 where payer = 'brand:aurora' and kind = 'fee'`],
    ['group', `delete from frozen_group where payer = 'brand:crest' and kind = 'fee'`],
    ['matrix', `update frozen_matrix set amount_micro = 0 where issuer = 'brand:aurora'`],
    ['statement', `update statement set net = net + 1 where party = 'brand:aurora'`],
    ['statement', `update statement set pays_micro = 0 where party = 'brand:aurora'`],
    ['statement', `update statement set hash = 'sha256:' || repeat('0', 64) where party = 'brand:aurora'`],
    ['statement', `update statement set previous_hash = 'sha256:' || repeat('0', 64) where party = 'brand:aurora'`],
    ['statement', `update statement set version = 2 where party = 'brand:aurora'`],
    ['statement', `update statement set currency = 'USD' where party = 'brand:aurora'`],
    ['statement', `delete from statement where party = 'brand:aurora'`],
    ['position', `update net_position set net = net + 1 where party = 'brand:aurora'`],
    ['position', `update net_position set net = net + 1 where party = 'reserve'`],
    ['position', `update net_position set disputed = 5 where party = 'operator'`],
    ['position', `delete from net_position where party = 'brand:aurora'`],
  ])('finds and names a %s: %s', async (kind, sql) => {
    await steps('cut-off', 'freeze', 'confirm', 'close');
    const { rowCount } = await admin.query(sql);
    expect(rowCount).toBeGreaterThan(0);
    const { ok, faults } = await verification();
    expect(ok).toBe(false);
    expect(faults.map((fault) => fault.kind)).toContain(kind);
    const named = faults.find((fault) => fault.kind === kind);
    expect(named?.id).toMatch(
      /^(line|dispute)$/.test(kind) ? /^ln_/ : kind === 'seal' ? /freeze/ : /aurora|crest|operator|reserve|2026-03-20/,
    );
    const checks = await under.service.app.get(NetworkProbe, { strict: false }).invariants();
    expect(checks.find(({ name }) => name.includes('follow from their lines'))?.ok).toBe(false);
  });

  it('does not trust nets that were rewritten together with their hash', async () => {
    await steps('cut-off', 'freeze');
    // another brand's statement under this brand's name: a well-formed hash of the same cycle
    await admin.query(`update statement a set net = b.net, hash = b.hash, pays_micro = b.pays_micro, receives_micro = b.receives_micro
      from statement b where b.party = 'brand:crest' and a.party = 'brand:aurora'`);
    expect(await faultsOf()).toContainEqual(['statement', 'aurora v1']);
  });

  it('finds a line that lies in two cycles', async () => {
    await steps('cut-off', 'freeze');
    const late = posting('late', PostingKind.ACCRUAL, 'm1', 'aurora', '2026-03-31T13:00:00+08:00', [
      { lotId: 'LL', issuer: 'aurora', points: 1n },
    ]);
    await under.deliver([late]);
    await admin.query(
      `insert into line (${COLUMNS}) select ${COLUMNS.replace('cycle', `'2026-04'`)} from line where posting_id = 'e1'`,
    );
    expect((await verification('2026-04')).faults.map(({ detail }) => detail)).toContain('lies in 2026-03, too');
  });

  it('compares the chain of statements along the months', async () => {
    await steps('cut-off', 'freeze', 'confirm', 'close');
    under.clock.set(new Date('2026-04-30T12:00:00+08:00'));
    await under.settle('2026-04');
    expect(await faultsOf('2026-04')).toEqual([]);
    // March is replaced by another month, complete and consistent
    await admin.query(
      `update statement set hash = 'sha256:' || repeat('1', 64) where cycle = '2026-03' and party = 'brand:birch'`,
    );
    expect(await faultsOf('2026-04')).toContainEqual(['statement', 'birch v1']);
  });

  it('lets two cycles that are frozen at once follow each other in one chain', async () => {
    const usd = { lotId: 'L9', issuer: 'aurora', points: -7n, terms: lotTerms('aurora', { operatorFee: '0' }) };
    await under.deliver([
      posting('usd', PostingKind.CAPTURE, 'w-usd', 'liberty', '2026-03-05T10:00:00+08:00', [usd], {
        redeemerTerms: redeemerTerms({ currency: 'USD' }),
      }),
    ]);
    const cycles = ['2026-03', '2026-03-USD'];
    for (const cycle of cycles) await under.asOperator('POST', `/v1/operator/cycles/${cycle}/cut-off`);
    const frozen = await Promise.all(
      cycles.map((cycle) => under.asOperator('POST', `/v1/operator/cycles/${cycle}/freeze`)),
    );
    expect(frozen.map(({ status }) => status)).toEqual([200, 200]);
    const { rows } = await admin.query<{ hash: string; previous_hash: string | null }>(
      `select hash, previous_hash from statement where party = 'brand:aurora' order by seq`,
    );
    expect(rows).toHaveLength(2);
    expect(rows.map((row) => row.previous_hash)).toEqual([null, rows[0]?.hash]);
    for (const cycle of cycles) expect(await faultsOf(cycle)).toEqual([]);
    // and the database refuses a fork
    await admin.query('set session_replication_role = origin');
    await expect(
      admin.query(`insert into statement (cycle, party, version, currency, line_count, points, amount_micro, pays_micro, receives_micro, fees_micro, net, hash)
        values ('2026-03', 'brand:aurora', 2, 'CNY', 0, 0, 0, 0, 0, 0, 0, 'sha256:' || repeat('0', 64))`),
    ).rejects.toMatchObject({ code: '23505' });
    await admin.query('set session_replication_role = replica');
  });

  it('leaves lines in dispute out of the positions: A −63.00, B −31.50, C +75.75, operator +18.75', async () => {
    await under.reset();
    // the redemptions of the worked example minus the give-back: C's 10,000 points are 100 lines of 100
    const at = '2026-03-20T10:00:00+08:00';
    const hundred = Array.from({ length: 100 }, (_, i) =>
      posting(`c${i}`, PostingKind.CAPTURE, `w${i}`, 'crest', at, [
        { lotId: `L${i}`, issuer: 'aurora', points: -100n },
      ]),
    );
    const others = posting('e7', PostingKind.CAPTURE, 'm2', 'aurora', at, [
      { lotId: 'L3', issuer: 'birch', points: -3_000n },
      { lotId: 'L4', issuer: 'crest', points: -500n },
    ]);
    await under.deliver([...hundred, others]);
    await steps('cut-off', 'freeze');
    const dispute = `insert into disputed_line select cycle, id, now() from line where posting_id = any($1)`;
    const ten = [Array.from({ length: 10 }, (_, i) => `c${i}`)];
    await expect(under.dataSource.query(dispute, ten)).rejects.toMatchObject({ code: '42501' });
    await admin.query(dispute, ten);
    const told = new Map([
      ['brand:aurora', -7_350n],
      ['brand:birch', -3_150n],
      ['brand:crest', 8_475n],
      ['operator', 2_025n],
    ]);
    const undone = new Error('rolled back');
    const positions: [string, bigint][] = [];
    const confirmed = runInTransaction(under.dataSource, { brand: '*' }, async (tx) => {
      const made = await under.service.app.get(PositionsService, { strict: false }).confirm(tx, '2026-03', told, []);
      positions.push(...made.map(({ party, net }): [string, bigint] => [party, net]));
      throw undone;
    });
    await expect(confirmed).rejects.toBe(undone);
    expect(positions).toEqual([
      ['brand:aurora', -6_300n],
      ['brand:birch', -3_150n],
      ['brand:crest', 7_575n],
      ['operator', 1_875n],
      ['members', 0n],
      ['reserve', 0n],
      ['rounding', 0n],
    ]);
  });

  it('confirms nothing over lines in dispute, as nothing opens disputes, and names each', async () => {
    await steps('cut-off', 'freeze');
    const { rows } = await admin.query<{ line_id: string }>(
      `insert into disputed_line select cycle, id, now() from line where type = 'redemption' returning line_id`,
    );
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/confirm');
    expect([refused.status, refused.body.code, refused.body.errors.length]).toEqual([409, 'cycle_unproven', 4]);
    const { ok, status, faults } = await verification();
    expect([ok, status, faults.map(({ kind }) => kind)]).toEqual([false, 'frozen', rows.map(() => 'dispute')]);
    await admin.query('delete from disputed_line');
    await steps('confirm', 'close');
    expect(await faultsOf()).toEqual([]);
  });

  it('confirms nothing over what the verification finds', async () => {
    await steps('cut-off', 'freeze');
    await admin.query(`update frozen_group set amount = amount + 1 where payer = 'brand:aurora' and kind = 'fee'`);
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/confirm');
    expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
    expect(refused.body.detail).toContain('group brand:aurora operator fee');
    expect((await verification()).status).toBe('frozen');
  });

  /** Edits a line like an attacker who can compute its digest. */
  const rewrite = async (where: string, set: string): Promise<void> => {
    const { rows } = await admin.query<{ id: string }>(`update line set ${set} where ${where} returning id`);
    expect(rows).toHaveLength(1);
    await runInTransaction(under.dataSource, { brand: '*' }, async (tx) => {
      for await (const lines of under.service.app.get(LinesService, { strict: false }).all(tx, '2026-03')) {
        const found = lines.find(({ line }) => line.id === rows[0]?.id);
        if (found === undefined) continue;
        await admin.query('update line set digest = $2 where id = $1', [found.line.id, lineDigest(found.line)]);
      }
    });
  };

  it('freezes nothing over a closed day whose line was edited, digest and all', async () => {
    await under.service.app.get(DaysService, { strict: false }).close();
    await rewrite(aLine, `occurred_at = occurred_at + interval '1 second'`);
    const checks = await under.service.app.get(NetworkProbe, { strict: false }).invariants();
    const check = checks.find(({ name }) => name.includes('closed days'));
    expect([check?.ok, check?.measured]).toEqual([false, expect.stringContaining('day brand:aurora 2026-03-20')]);
    expect((await verification()).ok).toBe(false);
    await steps('cut-off');
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
    expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
    expect(refused.body.detail).toContain('day brand:aurora 2026-03-20');
    await rewrite(aLine, `occurred_at = occurred_at - interval '1 second'`);
    await steps('freeze', 'confirm');
  });

  it('freezes nothing over a closed day that has lost its lines', async () => {
    await under.service.app.get(DaysService, { strict: false }).close();
    const { rows } = await admin.query<object>(`delete from line where day = '2026-03-02' returning id`);
    expect(rows).toHaveLength(1);
    expect(await faultsOf()).toContainEqual(['day', '2026-03-02']);
    await steps('cut-off');
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
    expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
    expect(refused.body.detail).toContain('day 2026-03-02');
  });

  it.each([
    ['a price', (line: string) => rewrite(line, 'price_micro = 2700000'), '2.70', '27000.00', '0.00'],
    ['a deletion', (line: string) => admin.query(`delete from line where ${line}`), '0.90', '0.00', '9000.00'],
    [
      'an addition',
      (line: string) =>
        admin.query(
          `insert into line (${COLUMNS}) select gen_random_uuid(), ${COLUMNS.slice(4)} from line where ${line}`,
        ),
      '0.90',
      '18000.00',
      '9000.00',
    ],
  ])('holds lines of an open day against what the ledger stamped: %s', async (_, edit, price, found, stamped) => {
    const stampedCheck = async () => {
      const checks = await under.service.app.get(NetworkProbe, { strict: false }).invariants();
      return checks.find(({ name }) => name.includes('the ledger stamped'));
    };
    const faulty = `reimbursement of points of brand:aurora at brand:crest, brand:aurora to brand:crest, PTS at ${price}`;
    expect((await stampedCheck())?.ok).toBe(true);
    await admin.query(`create temp table kept as select * from line where ${aLine}`);
    await edit(aLine);
    const check = await stampedCheck();
    expect([check?.ok, check?.measured]).toEqual([false, expect.stringContaining('aurora at brand:crest')]);
    await steps('cut-off');
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
    expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
    const named = (refused.body.errors as Fault[]).map(({ detail }) => detail).find((text) => text.includes(faulty));
    expect(named).toContain(`amount is ${found}, should be ${stamped}`);
    // it still takes lines, so missing ones may arrive
    expect((await verification()).status).toBe('cut_off');
    await admin.query(`delete from line where posting_id = 'e5' and type = 'redemption' and lot_id = 'L1'`);
    await admin.query(`insert into line (${COLUMNS}) select ${COLUMNS} from kept; drop table kept`);
    await steps('freeze', 'confirm');
  });

  describe('of commissions and conversions', () => {
    const sourceFaults = async (): Promise<string[]> =>
      (await verification()).faults.filter(({ kind }) => kind === 'source').map(({ id, detail }) => `${id}: ${detail}`);
    const contributor = `type = 'contributor'`;
    /** The attacker can also compute totals and signatures. */
    const says = (set: string) => (line: string) => rewrite(line, set);
    const remove = (line: string) => admin.query(`delete from line where ${line}`);
    const add = (line: string) =>
      admin.query(
        `insert into line (${COLUMNS}) select gen_random_uuid(), ${COLUMNS.slice(4)} from line where ${line} limit 1`,
      );
    beforeEach(async () => {
      await under.deliverCommissions([sale, refund]);
      await under.deliverConversions([converted, takenBack]);
      await admin.query('create temp table kept as select * from line');
    });
    afterEach(() => admin.query('drop table kept'));
    const undo = async (): Promise<void> => {
      await admin.query(`delete from line; insert into line (${COLUMNS}) select ${COLUMNS} from kept`);
    };

    const CONTRIBUTED = 'contributor of brand:birch to brand:aurora, CNY';
    const gone = 'lines is 0, should be 1; amount is 0.00, should be';
    const without = 'lines is 1, should be 0; amount is';

    it('names every edit in an open cycle by what is paid, by whom and to whom', async () => {
      const edits: [edit: (line: string) => Promise<unknown>, line: string, ...faults: string[]][] = [
        [
          says('fixed_micro = fixed_micro + 1000000'),
          contributor,
          `${CONTRIBUTED}: amount is 2001.00, should be 2000.00`,
        ],
        [
          says(`payee = 'brand:crest'`),
          contributor,
          `${CONTRIBUTED}: ${gone} 2000.00`,
          `contributor of brand:birch to brand:crest, CNY: ${without} 2000.00, should be 0.00`,
        ],
        [
          says(`payer = 'brand:crest', issuer = 'brand:crest'`),
          `lot_id = 'l4'`,
          `fee of brand:birch to operator, CNY: ${gone} 1000.00`,
          `fee of brand:crest to operator, CNY: ${without} 1000.00, should be 0.00`,
        ],
        [
          says(`redeemer = 'brand:crest'`),
          contributor,
          `${CONTRIBUTED}: ${gone} 2000.00`,
          `${CONTRIBUTED}, of brand:birch at brand:crest: ${without} 2000.00, should be 0.00`,
        ],
        [
          says(`type = 'referral'`),
          contributor,
          `${CONTRIBUTED}: ${gone} 2000.00`,
          `referral of brand:birch to brand:aurora, CNY: ${without} 2000.00, should be 0.00`,
        ],
        // another month's line, which then exists twice
        [
          says(`posted_at = posted_at - interval '1 month'`),
          `type = 'conversion'`,
          'conversion of members to operator, CNY: lines is 1, should be 2; amount is 5999.70, should be 11999.40',
        ],
        [
          remove,
          `lot_id = 'l1'`,
          'referral of brand:birch to members, CNY: lines is 1, should be 2; amount is 1000.00, should be 7000.00',
        ],
        [
          remove,
          `type = 'contributor_reversal'`,
          `contributor_reversal of brand:birch to brand:aurora, CNY: ${gone} -800.00`,
        ],
        [
          add,
          `lot_id = 'r4'`,
          'fee_reversal of brand:birch to operator, CNY: lines is 2, should be 1; amount is -800.00, should be -400.00',
        ],
        [
          says('fixed_micro = fixed_micro - 10000'),
          `type = 'conversion'`,
          'conversion of members to operator, CNY: amount is 5999.69, should be 5999.70',
        ],
        [remove, `type = 'conversion_reversal'`, `conversion_reversal of members to operator, CNY: ${gone} -2399.25`],
        // money on points without a cost
        [
          says('price_micro = 10000'),
          `posting_id = 'e1'`,
          `accrual of brand:aurora to operator, CNY: ${without} 100.00, should be 0.00`,
        ],
      ];
      expect(await verification()).toMatchObject({ ok: true, compared: true, faults: [] });
      for (const [edit, line, ...faults] of edits) {
        await edit(line);
        expect(await sourceFaults()).toEqual(faults);
        await undo();
      }
      expect(await verification()).toMatchObject({ ok: true, compared: true, faults: [] });
    });

    it('misses what came too late for a cycle and was then taken out of the next one, and a time between two cycles', async () => {
      await steps('cut-off', 'freeze');
      await under.deliverCommissions([
        commission('late', '2026-03-16T10:00:00+08:00', [['x1', 'contributor', 'brand:aurora', 7n]]),
      ]);
      under.clock.set(new Date('2026-04-03T12:00:00+08:00'));
      expect(await verification('2026-04')).toMatchObject({ ok: true, compared: true, lines: 1 });
      const named = async (): Promise<string[]> =>
        (await verification('2026-04')).faults.map(({ kind, id, detail }) => `${kind} ${id}: ${detail}`);
      await admin.query(`update cycle set from_at = from_at + interval '2 days' where id = '2026-04'`);
      expect(await named()).toEqual(['source beginning: from is 2026-04-02T04:00:00Z, should be 2026-03-31T04:00:00Z']);
      await admin.query(`update cycle set from_at = from_at - interval '2 days' where id = '2026-04'`);
      await admin.query(`delete from line where posting_id = 'late'`);
      expect(await named()).toEqual([
        `source posted in 2026-03: ${CONTRIBUTED}: lines is 1, should be 2; amount is 2000.00, should be 2007.00`,
      ]);
    });

    it('says nothing while an event waits for the operator', async () => {
      const park = `insert into parked_record (kind, consumer_group, topic, partition, "offset", key, event_id, type, headers, error_code, error_message, attempts)
         values ('parked', 'settlement.commissions', 't', 0, 0, 'order-1', 'waits', 't', '{}', 'c', 'm', 1)`;
      await admin.query(park);
      expect(await verification()).toMatchObject({ ok: true, compared: false, faults: [] });
      await admin.query('delete from parked_record');
    });

    it('misses a line of the first minute that was moved to a later cycle, or to none', async () => {
      const first = commission('first', '2026-03-01T00:00:20+08:00', [['f1', 'contributor', 'brand:aurora', 3n]]);
      const april = commission('april', '2026-04-01T10:00:00+08:00', [['f2', 'contributor', 'brand:aurora', 9n]]);
      await under.deliverCommissions([first]);
      under.clock.set(new Date('2026-04-02T12:00:00+08:00'));
      await under.deliverCommissions([april]);
      expect(await verification()).toMatchObject({ ok: true, compared: true, faults: [] });
      await admin.query(`create table line_none partition of line for values in ('none')`);
      for (const cycle of ['2026-04', 'none']) {
        await rewrite(`posting_id = 'first'`, `cycle = '${cycle}'`);
        expect(await sourceFaults()).toEqual([
          `${CONTRIBUTED}: lines is 1, should be 2; amount is 2000.00, should be 2003.00`,
        ]);
        await rewrite(`posting_id = 'first'`, `cycle = '2026-03'`);
      }
      await admin.query('drop table line_none');
    });

    it('lets nothing be frozen or reported as proven over an edit', async () => {
      await steps('cut-off');
      await rewrite(contributor, 'fixed_micro = fixed_micro * 2');
      const words = 'source contributor of brand:birch to brand:aurora, CNY amount is 4000.00, should be 2000.00';
      const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
      expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
      expect(refused.body.detail).toContain(words);
      const checks = await under.service.app.get(NetworkProbe, { strict: false }).invariants();
      const check = checks.find(({ name }) => name.includes('referrals posted'));
      expect([check?.ok, check?.measured]).toEqual([false, `2026-03: ${words}`]);
      await undo();
      await steps('freeze', 'confirm');
    });

    it('takes nothing for an edit that came late, is on its way, or could not be asked for', async () => {
      await steps('cut-off', 'freeze');
      // too late for March
      const late = commission('late', '2026-03-16T10:00:00+08:00', [['x1', 'contributor', 'brand:aurora', 7n]]);
      await under.deliverCommissions([late]);
      await under.deliverConversions([conversion('late-cv', '2026-03-17T10:00:00+08:00', 10n, '10.50')]);
      under.clock.set(new Date('2026-04-03T12:00:00+08:00'));
      expect(await verification('2026-04')).toMatchObject({ ok: true, compared: true, lines: 2 });
      // referrals has posted it before it is handled here
      const coming = commission('coming', '2026-04-02T10:00:00+08:00', [['x2', 'contributor', 'brand:aurora', 9n]]);
      const known = under.neighbours.commissions;
      await under.deliverCommissions([coming]);
      const posted = known.get('coming');
      await admin.query(`delete from line where posting_id = 'coming'`);
      expect(posted).toBeDefined();
      under.neighbours.answered = async () => {
        under.neighbours.answered = () => Promise.resolve();
        await under.deliverCommissions([coming]);
      };
      expect(await verification('2026-04')).toMatchObject({ ok: true, compared: true, faults: [] });
      await admin.query(`delete from line where posting_id = 'coming'`);
      expect(await verification('2026-04')).toMatchObject({ ok: false, compared: true });
      under.neighbours.silent = 'posted';
      expect(await verification('2026-04')).toMatchObject({ ok: true, compared: false, faults: [] });
      under.neighbours.silent = 'nothing';
      // the operator decided to make no line of it
      await admin.query(`insert into parked_record (kind, consumer_group, topic, partition, "offset", key, event_id, type, headers, error_code, error_message, attempts,
          set_aside_by, set_aside_reason, set_aside_at)
        values ('set_aside', 'settlement.commissions', 't', 0, 0, 'order-1', 'coming', 't', '{}', 'c', 'm', 1, 'operator:cl_1', 'ticket 4711', now())`);
      expect(await verification('2026-04')).toMatchObject({ ok: true, compared: true, faults: [] });
      await admin.query('delete from parked_record');
    });

    it('compares an open cycle up to some seconds ago while time goes on', async () => {
      under.clock.set(null);
      const now = Date.now();
      const cycle = new Date(now + 8 * 3_600_000).toISOString().slice(0, 7);
      const lose = async (id: string, ago: number): Promise<void> => {
        const leg: Leg = [id, 'contributor', 'brand:aurora', 5n];
        await under.deliverCommissions([commission(id, new Date(now - ago).toISOString(), [leg])]);
        await admin.query('delete from line where posting_id = $1', [id]);
      };
      // from another machine, whose clock is ahead
      await lose('just-now', -30_000);
      expect(await verification(cycle)).toMatchObject({ ok: true, compared: true });
      await lose('before', 20_000);
      expect((await verification(cycle)).faults).toMatchObject([
        { kind: 'source', detail: 'lines is 0, should be 1; amount is 0.00, should be 5.00' },
      ]);
    });
  });

  it.each([
    ['positions sum to 0', `update net_position set net = net + 1 where party = 'operator'`],
    ['positions sum to 0', `update statement set net = net + 1 where party = 'brand:birch'`],
    [
      'groups and matrix agree',
      `update frozen_matrix set amount_micro = amount_micro + 1 where redeemer = 'brand:crest' and issuer = 'brand:birch'`,
    ],
  ])('has an invariant of its own: %s (%s)', async (name, sql) => {
    await steps('cut-off', 'freeze', 'confirm');
    await admin.query(sql);
    const checks = await under.service.app.get(NetworkProbe, { strict: false }).invariants();
    const found = checks.find((check) => check.name.includes(name));
    expect([found?.ok, found?.measured]).toEqual([false, expect.stringContaining('2026-03')]);
  });
});

const COLUMNS = `id, cycle, day, reader, own_id, type, posting_id, lot_id, original_line_id, original_posting_id, wallet_id, actor, actor_member_ref, occurred_at, posted_at, payer, payee, issuer,
  redeemer, store, asset, points, price_micro, fixed_micro, currency, reference, issuer_contract, redeemer_contract, funding_mode, funders, campaign,
  earned_at, expires_at, digest`;
