import { PostingKind } from '#libs/contracts';
import { NetworkProbe } from '#libs/http';
import { DaysService } from '../src/days/days.service.js';
import { COLUMNS, editedBooks, onlyPoints } from './edits.js';
import type { Fault } from './edits.js';
import { posting } from './worked-example.js';

const books = editedBooks(onlyPoints);
const { verification, steps, refused, rewrite, undo } = books;
const faultsOf = async (cycle?: string): Promise<[string, string][]> =>
  (await verification(cycle)).faults.map(({ kind, id }) => [kind, id]);

const aLine = `posting_id = 'e5' and type = 'redemption' and lot_id = 'L1'`;

it('refuses to freeze a cycle with an edited line in a closed day, although its digest was edited, too', async () => {
  await books.under.service.app.get(DaysService, { strict: false }).close();
  await rewrite(aLine, `occurred_at = occurred_at + interval '1 second'`);
  const checks = await books.under.service.app.get(NetworkProbe, { strict: false }).invariants();
  const check = checks.find(({ name }) => name.includes('closed days'));
  expect([check?.ok, check?.measured]).toEqual([false, expect.stringContaining('day brand:aurora 2026-03-20')]);
  expect((await verification()).ok).toBe(false);
  await steps('cut-off');
  expect(await refused('freeze')).toContain('day brand:aurora 2026-03-20');
  await rewrite(aLine, `occurred_at = occurred_at - interval '1 second'`);
  await steps('freeze', 'confirm');
});

it('names a closed day whose totals were computed again from an edited line', async () => {
  const days = books.under.service.app.get(DaysService, { strict: false });
  await days.close();
  await rewrite(aLine, `occurred_at = occurred_at + interval '1 second'`);
  for (const table of ['day_total', 'day_seal'])
    await books.admin.query(`delete from ${table} where day = '2026-03-20'`);
  await days.close();
  expect(await faultsOf()).toEqual([['day', '2026-03-20']]);
  await steps('cut-off');
  expect(await refused('freeze')).toContain('day 2026-03-20 was not closed with these totals');
});

it('refuses to freeze a cycle with a closed day that has lost its lines', async () => {
  await books.under.service.app.get(DaysService, { strict: false }).close();
  const { rows } = await books.admin.query<object>(`delete from line where day = '2026-03-02' returning id`);
  expect(rows).toHaveLength(1);
  expect(await faultsOf()).toContainEqual(['day', '2026-03-02']);
  await steps('cut-off');
  expect(await refused('freeze')).toContain('points of brand:aurora given, PTS points is 0, should be 10000');
});

it.each([
  ['a price', (line: string) => rewrite(line, 'price_micro = 2700000'), '2.70', '27000.00', '0.00'],
  ['a deletion', (line: string) => books.admin.query(`delete from line where ${line}`), '0.90', '0.00', '9000.00'],
  [
    'an addition',
    (line: string) =>
      books.admin.query(
        `insert into line (${COLUMNS}) select gen_random_uuid(), ${COLUMNS.slice(4)} from line where ${line}`,
      ),
    '0.90',
    '18000.00',
    '9000.00',
  ],
])('compares lines of an open day with the ledger: %s', async (_, edit, price, found, stamped) => {
  const stampedCheck = async () => {
    const checks = await books.under.service.app.get(NetworkProbe, { strict: false }).invariants();
    return checks.find(({ name }) => name.includes('the ledger stamped'));
  };
  const faulty = `reimbursement of points of brand:aurora at brand:crest, brand:aurora to brand:crest, PTS at ${price}`;
  expect((await stampedCheck())?.ok).toBe(true);
  await edit(aLine);
  const check = await stampedCheck();
  expect([check?.ok, check?.measured]).toEqual([false, expect.stringContaining('aurora at brand:crest')]);
  await steps('cut-off');
  const answer = await books.under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
  expect([answer.status, answer.body.code]).toEqual([409, 'cycle_unproven']);
  const named = (answer.body.errors as Fault[]).map(({ detail }) => detail).find((text) => text.includes(faulty));
  expect(named).toContain(`amount is ${found}, should be ${stamped}`);
  // it still takes lines, so missing ones may arrive
  expect((await verification()).status).toBe('cut_off');
  await undo();
  await steps('freeze', 'confirm');
});

it('names a line that lies in two cycles', async () => {
  await steps('cut-off', 'freeze');
  const late = posting('late', PostingKind.ACCRUAL, 'm1', 'aurora', '2026-03-31T13:00:00+08:00', [
    { lotId: 'LL', issuer: 'aurora', points: 1n },
  ]);
  await books.under.deliver([late]);
  await books.admin.query(
    `insert into line (${COLUMNS}) select ${COLUMNS.replace('cycle', `'2026-04'`)} from line where posting_id = 'e1'`,
  );
  expect(await faultsOf('2026-04')).toContainEqual(['source', 'posted in 2026-03: points of brand:aurora given, PTS']);
});
