import { NetworkProbe } from '#libs/http';
import { editedBooks, onlyPoints } from './edits.js';

const books = editedBooks(onlyPoints);
const { verification, steps, refused } = books;
const faultsOf = async (cycle?: string): Promise<[string, string][]> =>
  (await verification(cycle)).faults.map(({ kind, id }) => [kind, id]);

const aLine = `posting_id = 'e5' and type = 'redemption' and lot_id = 'L1'`;

it('finds no fault in an unedited cycle, in any state', async () => {
  for (const step of ['cut-off', 'freeze', 'confirm', 'close']) {
    expect(await verification()).toMatchObject({ ok: true, lines: 16, faults: [] });
    await steps(step);
  }
  expect(await verification()).toMatchObject({ ok: true, status: 'closed', lines: 16, faults: [] });
  expect((await books.under.asOperator('GET', '/v1/operator/cycles/2020-01/verification')).status).toBe(404);
  expect((await books.under.asBrand('aurora', 'GET', '/v1/operator/cycles/2026-03/verification')).status).toBe(403);
});

it('names a line that was edited before the freeze, and refuses the freeze', async () => {
  await books.admin.query(
    `update line set reference = 'another' where posting_id = 'e7' and type = 'redemption' and lot_id = 'L3'`,
  );
  const { faults } = await verification();
  expect(faults).toEqual([
    { kind: 'line', id: expect.stringMatching(/^ln_/), detail: 'does not say what it was written with' },
  ]);
  await steps('cut-off');
  expect(await refused('freeze')).toContain(faults[0]?.id);
});

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
  const { rowCount } = await books.admin.query(sql);
  expect(rowCount).toBeGreaterThan(0);
  const { ok, faults } = await verification();
  expect(ok).toBe(false);
  expect(faults.map((fault) => fault.kind)).toContain(kind);
  const named = faults.find((fault) => fault.kind === kind);
  expect(named?.id).toMatch(
    /^(line|dispute)$/.test(kind) ? /^ln_/ : kind === 'seal' ? /freeze/ : /aurora|crest|operator|reserve|2026-03-20/,
  );
  const checks = await books.under.service.app.get(NetworkProbe, { strict: false }).invariants();
  expect(checks.find(({ name }) => name.includes('follow from their lines'))?.ok).toBe(false);
});

it('names results that exist before the freeze or the confirmation', async () => {
  const zero = `'sha256:' || repeat('0', 64)`;
  await books.admin.query(`
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
  await books.admin.query('delete from frozen_group; delete from frozen_matrix; delete from statement');
  await books.admin.query('delete from net_position');
  await steps('cut-off', 'freeze');
  await books.admin.query(`insert into net_position values ('2026-03', 'brand:aurora', 5, 0)`);
  expect(await faultsOf()).toEqual([['position', 'brand:aurora']]);
});

it('refuses to confirm a cycle in which the verification finds a fault', async () => {
  await steps('cut-off', 'freeze');
  await books.admin.query(`update frozen_group set amount = amount + 1 where payer = 'brand:aurora' and kind = 'fee'`);
  expect(await refused('confirm')).toContain('group brand:aurora operator fee');
  expect((await verification()).status).toBe('frozen');
});

it.each([
  ['positions sum to 0', `update net_position set net = net + 1 where party = 'operator'`],
  ['positions sum to 0', `update statement set net = net + 1 where party = 'brand:birch'`],
  [
    'groups and matrix agree',
    `update frozen_matrix set amount_micro = amount_micro + 1 where redeemer = 'brand:crest' and issuer = 'brand:birch'`,
  ],
])('breaks an invariant, too: %s (%s)', async (name, sql) => {
  await steps('cut-off', 'freeze', 'confirm');
  await books.admin.query(sql);
  const checks = await books.under.service.app.get(NetworkProbe, { strict: false }).invariants();
  const found = checks.find((check) => check.name.includes(name));
  expect([found?.ok, found?.measured]).toEqual([false, expect.stringContaining('2026-03')]);
});
