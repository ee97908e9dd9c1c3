import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { CommissionPostedSchema } from '#libs/contracts';
import { BrandDirectory } from '#libs/directory';
import { runInTransaction } from '#libs/postgres';
import { brandSnapshot } from '#libs/testing';
import { DueFreezesService } from '../src/cycles/due-freezes.service.js';
import { FreezeService } from '../src/cycles/freeze.service.js';
import { NO_LINES } from '../src/days/lines-root.js';
import { ResultsService } from '../src/verification/results.service.js';
import { commission } from './earnings.js';
import { COLUMNS, CONTRIBUTED, CONTRIBUTION, editedBooks } from './edits.js';

const books = editedBooks();
const { verification, named, steps, refused, at, contribution, rewrite, copy, remove } = books;

const OF_MARCH = `${CONTRIBUTION} and cycle = '2026-03'`;
const TO_APRIL = `cycle = '2026-04', day = '2026-04-01'`;
const NOT_SEALED = 'cycle 2026-03: does not have the lines and results that its freeze put on record';

/** March goes back to the beginning of its freeze. */
const thaw = async (): Promise<void> => {
  const results = ['frozen_group', 'frozen_matrix', 'statement', 'day_total', 'day_seal'];
  for (const table of results) await books.admin.query(`delete from ${table} where cycle = '2026-03'`);
  await books.admin.query(
    `update cycle set status = 'freezing', line_count = null, lines_root = null, results_root = null where id = '2026-03'`,
  );
  await books.admin.query(`update cycle_freeze set stage = 'days', through = null, line_count = 0, lines_root = $1`, [
    NO_LINES,
  ]);
};

const freezes = (): FreezeService => books.under.service.app.get(FreezeService, { strict: false });

/** The service itself makes everything of March anew. */
const freezeAnew = async (): Promise<void> => {
  await thaw();
  // the days, too: only the seal is left of what is on record
  await books.admin.query(`delete from operator_audit where path like '%/days/%'`);
  await freezes().run('2026-03', 60_000);
};

const told = async (): Promise<number> =>
  Number((await books.admin.query<{ n: string }>('select count(*) as n from outbox')).rows[0]?.n);

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
      books.under.service.app.get(ResultsService, { strict: false }).root(tx, '2026-03'),
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

const SPENT = `posting_id = 'e5' and type = 'redemption' and lot_id = 'L1'`;

it('settles nothing as a late line that a cycle before it has no longer, though its digest is still there', async () => {
  at('2026-04-01T00:30:00+08:00');
  await books.under.settle('2026-03');
  at('2026-05-01T01:00:00+08:00');
  await contribution('april', '2026-04-15T10:00:00+08:00');
  expect(await named('2026-04')).toEqual([]);
  await books.under.asOperator('POST', '/v1/operator/cycles/2026-04/cut-off');
  await copy(SPENT, { cycle: `'2026-04'`, day: `'2026-04-10'`, points: '5000' });
  await books.admin.query(`update line set points = points - 5000 where cycle = '2026-03' and ${SPENT}`);
  expect(await named('2026-04')).toEqual([NOT_SEALED]);
  expect(await refused('freeze', '2026-04')).toContain('cycle 2026-03 does not have the lines');
});

describe('a line that is wrong only while it is read', () => {
  const RIGHT = 'fixed_micro = fixed_micro - 10000000000';
  const WRONG = 'fixed_micro = fixed_micro + 10000000000';
  const to = (set: string): Promise<void> => rewrite(`lot_id = 'l1'`, set);
  /** Goes on until March is in another stage of its freeze. */
  const through = async (stage: string): Promise<void> => {
    const at = async () =>
      (await books.admin.query<{ stage: string }>(`select stage from cycle_freeze where cycle = '2026-03'`)).rows[0];
    for (let left = 40; left > 0 && (await at())?.stage === stage; left -= 1) await freezes().step('2026-03');
    expect((await at())?.stage).not.toBe(stage);
  };
  beforeEach(() => books.under.service.app.get(DueFreezesService, { strict: false }).job.stop());

  it('is not frozen, whatever its sources were asked about', async () => {
    await steps('cut-off', 'freeze');
    await thaw();
    const before = await told();
    await to(WRONG);
    await through('days');
    await to(RIGHT);
    await expect(freezes().step('2026-03')).rejects.toMatchObject({ code: 'cycle_unproven' });
    await thaw();
    await through('days');
    // right while the sources are asked, wrong for groups and statements
    books.under.neighbours.answered = async () => {
      books.under.neighbours.answered = () => Promise.resolve();
      await to(WRONG);
    };
    await through('sums');
    for (const set of [RIGHT, WRONG]) {
      await expect(through('statements')).rejects.toMatchObject({ code: 'cycle_unproven' });
      await to(set);
    }
    await expect(through('statements')).rejects.toMatchObject({ code: 'cycle_unproven' });
    expect(await told()).toBe(before);
    await to(RIGHT);
    await freezeAnew();
    expect(await named()).toEqual([]);
  });

  it('is neither confirmed nor closed: lines, results and sources are held together at one moment', async () => {
    await steps('cut-off');
    await to(WRONG);
    // as if the seal had been made with it
    const kept = books.under.neighbours.commissions;
    const more = commission('ce1', '2026-03-15T10:00:00+08:00', [
      ['l1', 'distributor', 'members', 6_000n + 10_000n],
      ['l2', 'introducer', 'members', 1_000n],
      ['l3', 'contributor', 'brand:aurora', 2_000n],
      ['l4', 'operator', 'operator', 1_000n],
    ]);
    const wrong = new Map([...kept, ['ce1', create(CommissionPostedSchema, more)]]);
    books.under.neighbours.commissions = wrong;
    await steps('freeze');
    for (const step of ['confirm', 'close']) {
      books.under.neighbours.commissions = kept;
      await books.admin.query('begin; lock table statement in access exclusive mode');
      const answer = refused(step);
      for (;;) {
        const { rows } = await books.admin.query(`select from pg_locks where not granted and locktype = 'relation'`);
        if (rows.length > 0) break;
        await sleep(5);
      }
      const line = `lot_id = 'l1'`;
      await books.admin.query(
        `delete from line where ${line}; insert into line (${COLUMNS}) select ${COLUMNS} from kept where ${line}; commit`,
      );
      expect(await answer).toMatch(/lines? .*referral of brand:birch to members|seal/);
      await to(WRONG);
      books.under.neighbours.commissions = wrong;
      if (step === 'confirm') await steps('confirm');
    }
    books.under.neighbours.commissions = kept;
  });
});

describe('results that no freeze made', () => {
  const STATEMENT = (cycle: string, party: string): string =>
    `insert into statement (cycle, party, version, currency, line_count, points, amount_micro, pays_micro, receives_micro, fees_micro, net, hash, previous_hash)
     values ('${cycle}', '${party}', 1, 'CNY', 0, 0, 0, 0, 0, 0, 0, 'sha256:' || repeat('f', 64), 'none')`;
  const GROUP = (cycle: string): string =>
    `insert into frozen_group (cycle, payer, payee, kind, price_micro, points, amount_micro, amount)
     values ('${cycle}', 'brand:aurora', 'brand:birch', 'commission', 1, 0, 100000000000, 100000)`;
  const gone = async (): Promise<void> => {
    await books.admin.query(
      `delete from statement where hash like '%fff'; delete from frozen_group where price_micro = 1`,
    );
  };

  it.each([
    ['a group', GROUP('2026-03'), 'group brand:aurora brand:birch commission - 0.000001 follows from no line'],
    ['a statement', STATEMENT('2026-03', 'brand:zzz'), 'statement zzz v1 follows from no line'],
  ])('are not frozen with the cycle: %s', async (_, sql, words) => {
    await steps('cut-off');
    await books.admin.query(sql);
    expect(await refused('freeze')).toContain(words);
    expect((await verification()).status).toBe('cut_off');
    await gone();
    await steps('freeze');
    // put in while it is being frozen
    await thaw();
    const before = await told();
    while ((await books.admin.query(`select from cycle_freeze where stage <> 'statements'`)).rows.length > 0)
      await freezes().step('2026-03');
    await books.admin.query(sql);
    await expect(freezes().run('2026-03', 60_000)).rejects.toMatchObject({ code: 'cycle_unproven' });
    expect([(await verification()).status, await told()]).toEqual(['freezing', before]);
    await gone();
    // statements that were written over it
    await books.admin.query(`delete from statement where cycle = '2026-03'`);
    await freezes().run('2026-03', 60_000);
    await steps('confirm', 'close');
    expect(await named()).toEqual([]);
  });

  it('are named when their cycle does not exist or is not frozen, and no statement follows them', async () => {
    at('2026-04-01T00:30:00+08:00');
    await books.under.settle('2026-03');
    const { hash } = (await books.under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me')).body;
    at('2026-05-01T01:00:00+08:00');
    await contribution('april', '2026-04-15T10:00:00+08:00');
    await contribution('may', '2026-05-01T00:30:00+08:00');
    await books.under.asOperator('POST', '/v1/operator/cycles/2026-04/cut-off');
    const next = async () => (await books.under.asBrand('aurora', 'GET', '/v1/cycles/2026-04/statements/me')).body;
    for (const [sql, words] of [
      [STATEMENT('2026-02', 'brand:aurora'), 'statement 2026-02: is of a cycle that nobody froze'],
      [STATEMENT('2026-05', 'brand:aurora'), 'statement 2026-05: is of a cycle that nobody froze'],
      [GROUP('2026-02'), 'group 2026-02: is of a cycle that nobody froze'],
    ] as const) {
      await books.admin.query(sql);
      for (const cycle of ['2026-03', '2026-04']) expect(await named(cycle)).toEqual([words]);
      expect((await next()).previousHash).toBe(hash);
      expect(await refused('freeze', '2026-04')).toContain('of a cycle that nobody froze');
      await gone();
    }
    // another version of a statement of the cycle before
    await books.admin.query(STATEMENT('2026-03', 'brand:aurora').replace(', 1,', ', 2,'));
    expect(await named('2026-04')).toEqual([NOT_SEALED]);
    expect(await refused('freeze', '2026-04')).toContain('cycle 2026-03 does not have the lines');
    await gone();
    for (const step of ['freeze', 'confirm', 'close'])
      expect((await books.under.asOperator('POST', `/v1/operator/cycles/2026-04/${step}`)).status).toBe(200);
    expect((await next()).previousHash).toBe(hash);
  });
});
