import { PostingKind } from '#libs/contracts';
import { runInTransaction } from '#libs/postgres';
import { PositionsService } from '../src/positions/positions.service.js';
import { editedBooks, onlyPoints } from './edits.js';
import { posting } from './worked-example.js';

const books = editedBooks(onlyPoints);
const { verification, steps } = books;

it('leaves lines in dispute out of the positions: A −63.00, B −31.50, C +75.75, operator +18.75', async () => {
  await books.under.reset();
  // the redemptions of the worked example minus the give-back: C's 10,000 points are 100 lines of 100
  const at = '2026-03-20T10:00:00+08:00';
  const hundred = Array.from({ length: 100 }, (_, i) =>
    posting(`c${i}`, PostingKind.CAPTURE, `w${i}`, 'crest', at, [{ lotId: `L${i}`, issuer: 'aurora', points: -100n }]),
  );
  const others = posting('e7', PostingKind.CAPTURE, 'm2', 'aurora', at, [
    { lotId: 'L3', issuer: 'birch', points: -3_000n },
    { lotId: 'L4', issuer: 'crest', points: -500n },
  ]);
  await books.under.deliver([...hundred, others]);
  await steps('cut-off', 'freeze');
  const dispute = `insert into disputed_line select cycle, id, now() from line where posting_id = any($1)`;
  const ten = [Array.from({ length: 10 }, (_, i) => `c${i}`)];
  await expect(books.under.dataSource.query(dispute, ten)).rejects.toMatchObject({ code: '42501' });
  await books.admin.query(dispute, ten);
  const told = new Map([
    ['brand:aurora', -7_350n],
    ['brand:birch', -3_150n],
    ['brand:crest', 8_475n],
    ['operator', 2_025n],
  ]);
  const undone = new Error('rolled back');
  const positions: [string, bigint][] = [];
  const confirmed = runInTransaction(books.under.dataSource, { brand: '*' }, async (tx) => {
    const made = await books.under.service.app
      .get(PositionsService, { strict: false })
      .confirm(tx, '2026-03', told, []);
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

it('refuses to confirm a cycle with disputed lines and names each, because nothing opens disputes', async () => {
  await steps('cut-off', 'freeze');
  const { rows } = await books.admin.query<{ line_id: string }>(
    `insert into disputed_line select cycle, id, now() from line where type = 'redemption' returning line_id`,
  );
  const refused = await books.under.asOperator('POST', '/v1/operator/cycles/2026-03/confirm');
  expect([refused.status, refused.body.code, refused.body.errors.length]).toEqual([409, 'cycle_unproven', 4]);
  const { ok, status, faults } = await verification();
  expect([ok, status, faults.map(({ kind }) => kind)]).toEqual([false, 'frozen', rows.map(() => 'dispute')]);
  await books.admin.query('delete from disputed_line');
  await steps('confirm', 'close');
  expect((await verification()).faults).toEqual([]);
});
