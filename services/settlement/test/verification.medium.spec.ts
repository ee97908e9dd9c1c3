import { PostingKind } from '#libs/contracts';
import { NetworkProbe } from '#libs/http';
import { runInTransaction } from '#libs/postgres';
import { DaysService } from '../src/days/days.service.js';
import { LINE_DIGEST } from '../src/entries/lines.tables.js';
import { PositionsService } from '../src/positions/positions.service.js';
import { brandSnapshot } from '#libs/testing';
import { sale } from './earnings.js';
import { COLUMNS, editsOf } from './edits.js';
import type { Edits } from './edits.js';
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
  let edits: Edits;
  let admin: Edits['admin'];
  let rewrite: Edits['rewrite'];
  beforeAll(async () => {
    under = await settlementUnderTest(['aurora', 'birch', 'crest'].map((slug) => brandSnapshot(slug)));
    edits = await editsOf(under);
    ({ admin, rewrite } = edits);
  }, 60_000);
  beforeEach(async () => {
    await under.reset();
    await under.deliver(workedExample());
  });
  afterAll(async () => {
    await edits.end();
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

  it.each([
    `campaign = 'x'`,
    `redeemer_contract = 9`,
    `expires_at = now()`,
    `occurred_at = occurred_at + interval '1 microsecond'`,
    `posted_at = posted_at + interval '1 microsecond'`,
    `asset = 'pts'`,
    `funders = replace(funders, '10000', '10000.0')`,
  ])('names a line in any of its columns: %s', async (set) => {
    await under.deliverCommissions([sale]);
    const where = /^(campaign|redeemer|expires)/.test(set) ? `lot_id = 'l1'` : `posting_id = 'e1'`;
    await admin.query(`update line set ${set} where ${where}`);
    const faults = (await verification()).faults.filter(({ kind }) => kind === 'line');
    expect(faults).toEqual([expect.objectContaining({ detail: 'does not say what it was written with' })]);
  });

  it('covers every column that a line has by its digest', async () => {
    const { rows: columns } = await admin.query<{ name: string; type: string; generated: boolean }>(
      `select column_name as name, data_type as type, is_generated = 'ALWAYS' as generated from information_schema.columns where table_name = 'line'`,
    );
    const other = ({ name, type }: { name: string; type: string }): string => {
      if (type === 'text') return `coalesce(${name}, '') || 'x'`;
      if (type === 'uuid') return 'gen_random_uuid()';
      if (type.startsWith('timestamp')) return `coalesce(${name}, now()) + interval '1 microsecond'`;
      return `coalesce(${name}, ${type === 'date' ? 'current_date' : '0'}) + 1`;
    };
    const missed: string[] = [];
    for (const column of columns) {
      const edited = columns.map((one) => (one === column ? `${other(one)} as ${one.name}` : one.name));
      const { rows } = await admin.query<{ same: boolean }>(
        `select ${LINE_DIGEST} = digest as same
           from (select ${column.type === 'bytea' ? '*' : edited.join(', ')} from line where posting_id = 'e5' limit 1) l`,
      );
      if (rows[0]?.same !== false) missed.push(column.name);
    }
    // itself, and what the database makes of others
    expect(missed.sort()).toEqual(['amount_micro', 'digest']);
    expect(columns.filter(({ generated }) => generated).map(({ name }) => name)).toEqual(['amount_micro']);
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
    ['seal', `update cycle_freeze set line_count = line_count + 1`],
    ['seal', `delete from cycle_freeze`],
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

  it('names results of a cycle that nobody froze or confirmed', async () => {
    const zero = `'sha256:' || repeat('0', 64)`;
    await admin.query(`
      insert into frozen_group (cycle, payer, payee, kind, price_micro, points, amount_micro, amount)
        values ('2026-03', 'brand:aurora', 'brand:birch', 'commission', 0, 0, 5000000, 5);
      insert into frozen_matrix values ('2026-03', 'brand:aurora', 'brand:birch', 'PTS', 5, 5);
      insert into statement (cycle, party, version, currency, line_count, points, amount_micro, pays_micro, receives_micro, fees_micro, net, hash)
        values ('2026-03', 'brand:aurora', 1, 'CNY', 0, 0, 0, 0, 0, 0, 0, ${zero});
      insert into net_position values ('2026-03', 'brand:aurora', 5, 0)`);
    expect(await faultsOf()).toEqual([
      ['group', 'brand:aurora brand:birch commission - 0.00'],
      ['matrix', 'brand:aurora brand:birch PTS'],
      ['statement', 'aurora v1'],
      ['position', 'brand:aurora'],
    ]);
    await admin.query('delete from frozen_group; delete from frozen_matrix; delete from statement');
    await admin.query('delete from net_position');
    await steps('cut-off', 'freeze');
    await admin.query(`insert into net_position values ('2026-03', 'brand:aurora', 5, 0)`);
    expect(await faultsOf()).toEqual([['position', 'brand:aurora']]);
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
    expect(await faultsOf('2026-04')).toContainEqual([
      'source',
      'posted in 2026-03: points of brand:aurora given, PTS',
    ]);
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

  it('names a closed day whose totals were made anew over an edited line', async () => {
    const days = under.service.app.get(DaysService, { strict: false });
    await days.close();
    await rewrite(aLine, `occurred_at = occurred_at + interval '1 second'`);
    for (const table of ['day_total', 'day_seal']) await admin.query(`delete from ${table} where day = '2026-03-20'`);
    await days.close();
    expect(await faultsOf()).toEqual([['day', '2026-03-20']]);
    await steps('cut-off');
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
    expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
    expect(refused.body.detail).toContain('day 2026-03-20 was not closed with these lines and totals');
  });

  const own = `posting_id = 'e1'`;
  it.each([
    [own, `store = 'aurora-9'`],
    [own, `campaign = 'other'`],
    [own, `posted_at = posted_at + interval '1 hour'`],
    [own, `posted_at = posted_at + interval '9 days'`],
    [own, `occurred_at = occurred_at - interval '1 microsecond'`],
    [own, `posting_id = 'eX'`],
    [own, `lot_id = 'LX'`],
    [own, `issuer_contract = 77`],
    [aLine, `reference = 'other'`],
    [aLine, `wallet_id = 'm9'`],
    [aLine, `actor_member_ref = 'mb_other'`],
  ])('names the closed day of a line that was edited, digest and all: %s, %s', async (line, set) => {
    await under.service.app.get(DaysService, { strict: false }).close();
    await rewrite(line, set);
    const day = line === own ? '2026-03-02' : '2026-03-20';
    expect((await verification()).faults).toContainEqual({
      kind: 'day',
      id: day,
      detail: 'was not closed with these lines and totals',
    });
    await steps('cut-off');
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
    expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
    expect(refused.body.detail).toContain(`day ${day}`);
  });

  it('freezes nothing over a closed day that has lost its lines', async () => {
    await under.service.app.get(DaysService, { strict: false }).close();
    const { rows } = await admin.query<object>(`delete from line where day = '2026-03-02' returning id`);
    expect(rows).toHaveLength(1);
    expect(await faultsOf()).toContainEqual(['day', '2026-03-02']);
    await steps('cut-off');
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
    expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
    expect(refused.body.detail).toContain('points of brand:aurora given, PTS points is 0, should be 10000');
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
