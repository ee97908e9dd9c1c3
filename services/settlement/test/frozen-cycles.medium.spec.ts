import { create } from '@bufbuild/protobuf';
import { CommissionPostedSchema } from '#libs/contracts';
import { BrandDirectory } from '#libs/directory';
import { runInTransaction } from '#libs/postgres';
import { brandSnapshot } from '#libs/testing';
import { FreezeService } from '../src/cycles/freeze.service.js';
import { NO_LINES } from '../src/days/lines-root.js';
import { VerificationService } from '../src/verification/verification.service.js';
import { commission } from './earnings.js';
import { CONTRIBUTED, CONTRIBUTION, editedBooks } from './edits.js';

const books = editedBooks();
const { verification, named, steps, refused, at, contribution, rewrite, copy, remove } = books;

const OF_MARCH = `${CONTRIBUTION} and cycle = '2026-03'`;
const TO_APRIL = `cycle = '2026-04', day = '2026-04-01'`;
const NOT_SEALED = 'cycle 2026-03: does not have the lines and results that its freeze put on record';

/** March goes back to the beginning of its freeze, and the service itself makes everything anew. */
const freezeAnew = async (): Promise<void> => {
  const results = ['frozen_group', 'frozen_matrix', 'statement', 'day_total', 'day_seal'];
  for (const table of results) await books.admin.query(`delete from ${table} where cycle = '2026-03'`);
  await books.admin.query(
    `update cycle set status = 'freezing', line_count = null, lines_root = null, results_root = null where id = '2026-03'`,
  );
  await books.admin.query(`update cycle_freeze set stage = 'days', through = null, line_count = 0, lines_root = $1`, [
    NO_LINES,
  ]);
  await books.under.service.app.get(FreezeService, { strict: false }).run('2026-03', 60_000);
};

it('is verified by many at once', async () => {
  for (const step of ['cut-off', 'freeze']) {
    const answers = await Promise.all(
      Array.from({ length: 48 }, () => books.under.asOperator('GET', '/v1/operator/cycles/2026-03/verification')),
    );
    expect([...new Set(answers.map(({ status, body }) => [status, body.ok, body.compared].join()))]).toEqual([
      '200,true,true',
    ]);
    await steps(step);
  }
});

it('names the cycle before it when that has exchanged a line with it, or lost one with its count', async () => {
  at('2026-04-01T00:30:00+08:00');
  await books.under.settle('2026-03');
  at('2026-04-03T12:00:00+08:00');
  await contribution('late', '2026-03-16T10:00:00+08:00');
  expect(await named('2026-04')).toEqual([]);
  await rewrite(OF_MARCH, TO_APRIL);
  await rewrite(`posting_id = 'late'`, `cycle = '2026-03', day = '2026-03-16'`);
  expect(await named('2026-04')).toEqual([NOT_SEALED]);
  await books.under.asOperator('POST', '/v1/operator/cycles/2026-04/cut-off');
  expect(await refused('freeze', '2026-04')).toContain('cycle 2026-03 does not have the lines');
  await rewrite(`posting_id = 'late'`, TO_APRIL);
  await books.admin.query(`update cycle set line_count = line_count - 1 where id = '2026-03'`);
  expect(await named('2026-04')).toEqual([NOT_SEALED]);
});

it('is not confirmed when it was frozen anew without a line that the next cycle has', async () => {
  await steps('cut-off', 'freeze');
  await contribution('next', '2026-03-31T12:00:01+08:00');
  at('2026-04-02T12:00:00+08:00');
  await rewrite(OF_MARCH, TO_APRIL);
  await freezeAnew();
  expect(await named('2026-04')).toEqual([NOT_SEALED]);
  expect(await refused('confirm')).toContain('seal freeze is not the one that the freeze put on record');
});

it('is not confirmed beside a later cycle that nobody closed', async () => {
  await steps('cut-off', 'freeze');
  await contribution('next', '2026-03-31T12:00:01+08:00');
  at('2026-04-02T12:00:00+08:00');
  await rewrite(OF_MARCH, TO_APRIL);
  await freezeAnew();
  await books.admin.query(
    `update cycle n set status = 'closed', (to_at, cut_off_at) = (x, x), line_count = 2,
        lines_root = m.lines_root, results_root = m.results_root
       from cycle m, (select timestamptz '2026-04-01T04:00Z' as x) t where m.id = '2026-03' and n.id = '2026-04'`,
  );
  await books.admin.query(
    `insert into cycle_step (cycle, step, caller, at)
     select '2026-04', step, 'cl_1', '2026-04-01T04:00Z' from unnest(array['cut-off', 'freeze', 'confirm', 'close']) step`,
  );
  const text = await refused('confirm');
  expect(text).toContain('cycle 2026-04 freeze at 2026-04-01T04:00:00.000Z by cl_1 is not on record');
  expect((await named()).filter((fault) => fault.startsWith('cycle 2026-04'))).toHaveLength(5);
});

it('closes on no positions that were edited together with a line once they were proven', async () => {
  await steps('cut-off', 'freeze', 'confirm');
  books.under.neighbours.answered = async () => {
    books.under.neighbours.answered = () => Promise.resolve();
    await rewrite(CONTRIBUTION, 'fixed_micro = fixed_micro + 1000000');
    await books.admin.query(
      `update net_position set net = net + case party when 'brand:aurora' then 1 else -1 end where party in ('brand:aurora', 'brand:birch')`,
    );
  };
  expect(await refused('close')).toMatch(/position brand:aurora net is .*position brand:birch net is/);
  expect(await verification()).toMatchObject({ ok: false, status: 'confirmed' });
});

it('confirms nothing that its sources do not know, though all its digests fit', async () => {
  await steps('cut-off', 'freeze');
  // as if lines, results and seal had been made anew without it
  const kept = books.under.neighbours.commissions;
  const more = commission('more', '2026-03-09T10:00:00+08:00', [['m1', 'contributor', 'brand:aurora', 100n]]);
  books.under.neighbours.commissions = new Map([...kept, ['more', create(CommissionPostedSchema, more)]]);
  expect(await refused('confirm')).toContain(`${CONTRIBUTED} lines is 1, should be 2`);
  books.under.neighbours.commissions = kept;
  await steps('confirm', 'close');
  books.under.neighbours.commissions = new Map([...kept, ['more', create(CommissionPostedSchema, more)]]);
  expect(await verification()).toMatchObject({ ok: false, compared: true });
  books.under.neighbours.commissions = kept;
});

it('names lines of it that lie in another cycle, and another cycle that lost lines to it', async () => {
  at('2026-04-01T00:30:00+08:00');
  await books.under.settle('2026-03');
  at('2026-05-03T12:00:00+08:00');
  await contribution('april', '2026-04-15T10:00:00+08:00');
  await rewrite(`posting_id = 'april'`, `cycle = '2026-03'`);
  expect(await named('2026-04')).toEqual([
    expect.stringMatching(/^line ln_.* lies in 2026-03 .* posted in 2026-04/),
    NOT_SEALED,
  ]);
  await rewrite(`posting_id = 'april'`, `cycle = '2026-04'`);
  expect(await named('2026-04')).toEqual([]);
  await rewrite(OF_MARCH, TO_APRIL);
  expect(await named('2026-04')).toEqual([NOT_SEALED]);
  await rewrite(CONTRIBUTION + ` and posting_id <> 'april'`, `cycle = '2026-03', day = '2026-03-15'`);
  expect(await named('2026-04')).toEqual([]);
  // old lines that are copied into it once it is frozen are new to a remembered proof
  await books.under.settle('2026-04');
  await contribution('may', '2026-05-02T10:00:00+08:00');
  expect(await named('2026-05')).toEqual([]);
  await books.under.asOperator('POST', '/v1/operator/cycles/2026-05/cut-off');
  await books.under.asOperator('POST', '/v1/operator/cycles/2026-05/freeze');
  await copy(OF_MARCH, { cycle: `'2026-05'`, day: `'2026-05-01'` });
  expect(await named('2026-05')).toContainEqual(
    expect.stringMatching(/^source posted before .* lines is 2, should be 1/),
  );
});

it('closes on no positions but those that follow from its lines', async () => {
  await steps('cut-off', 'freeze', 'confirm');
  await books.admin.query(`update net_position set net = net + 1 where party = 'brand:aurora'`);
  expect(await refused('close')).toContain('position brand:aurora net is');
  await books.admin.query(`update net_position set net = net - 1 where party = 'brand:aurora'`);
  await steps('close');
});

it('is not frozen with the entities of a copy of brands that lacks one', async () => {
  await steps('cut-off');
  const directory = books.under.service.app.get(BrandDirectory, { strict: false });
  const crest = brandSnapshot('crest');
  await directory.apply({
    ...crest,
    version: crest.version + 10,
    legalEntity: { ...crest.legalEntity, id: 'le-other' },
  });
  expect(await refused('freeze')).toContain('payeeEntity is le-other');
  await directory.apply({ ...crest, version: crest.version + 11 });
  await steps('freeze', 'confirm');
});

it('confirms nothing while its sources give no answer', async () => {
  await steps('cut-off', 'freeze');
  books.under.neighbours.silent = 'spent';
  const answer = await books.under.asOperator('POST', '/v1/operator/cycles/2026-03/confirm');
  expect([answer.status, answer.body.code]).toEqual([409, 'cycle_not_settled']);
  books.under.neighbours.silent = 'nothing';
  await steps('confirm');
});

it('is settled by the legal entities that partners has, and at no rate', async () => {
  const directory = books.under.service.app.get(BrandDirectory, { strict: false });
  const crest = brandSnapshot('crest');
  await directory.apply({
    ...crest,
    version: crest.version + 20,
    legalEntity: { ...crest.legalEntity, id: 'le-other' },
  });
  const entity = `payeeEntity is le-other, should be ${crest.legalEntity.id}`;
  expect(await named()).toContainEqual(expect.stringContaining(entity));
  await directory.apply({ ...crest, version: crest.version + 21 });
  await steps('cut-off', 'freeze');
  // edited together with the digest of the results
  const seal = async (set: string): Promise<void> => {
    await books.admin.query(`update frozen_group set ${set}`);
    const root = await runInTransaction(books.under.dataSource, { brand: '*' }, (tx) =>
      books.under.service.app.get(VerificationService, { strict: false }).resultsRoot(tx, '2026-03'),
    );
    await books.admin.query(`update cycle set results_root = $1 where id = '2026-03'`, [root]);
  };
  await seal(`fx_rate = case payee when 'brand:crest' then 7 else 1 end`);
  expect(await refused('confirm')).toContain('fxRate is 7, should be 1');
  await seal(`fx_rate = 1, payee_entity = case payee when 'brand:crest' then 'le-other' else payee_entity end`);
  expect(await refused('confirm')).toContain(entity);
});

it('names a line of a frozen cycle that lies in an open one again, and a late one that does not, however late', async () => {
  at('2026-04-01T00:30:00+08:00');
  await books.under.settle('2026-03');
  at('2026-05-03T12:00:00+08:00');
  await contribution('april', '2026-04-15T10:00:00+08:00');
  await books.under.settle('2026-04');
  // set aside in March, say, and taken back in May
  await contribution('late', '2026-03-16T10:00:00+08:00');
  expect((await books.admin.query(`select cycle from line where posting_id = 'late'`)).rows[0]).toEqual({
    cycle: '2026-05',
  });
  expect(await verification('2026-05')).toMatchObject({ ok: true, compared: true });
  const before = `source posted before 2026-03-31T16:00:00Z: ${CONTRIBUTED}: lines is`;
  await copy(OF_MARCH, { cycle: `'2026-05'`, day: `'2026-05-01'` });
  expect(await named('2026-05')).toEqual([`${before} 3, should be 2; amount is 4100.00, should be 2100.00`]);
  await remove(`${CONTRIBUTION} and cycle = '2026-05' and posting_id <> 'late'`);
  expect(await named('2026-05')).toEqual([]);
  await remove(`posting_id = 'late'`);
  expect(await named('2026-05')).toEqual([`${before} 1, should be 2; amount is 2000.00, should be 2100.00`]);
});
