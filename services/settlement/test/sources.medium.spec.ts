import { PostingKind } from '#libs/contracts';
import { NetworkProbe } from '#libs/http';
import { commission, conversion } from './earnings.js';
import type { Leg } from './earnings.js';
import { COLUMNS, CONTRIBUTED, CONTRIBUTION, editedBooks } from './edits.js';
import { lotTerms, posting } from './worked-example.js';

const books = editedBooks();
const { verification, named, steps, at, contribution, undo, rewrite, copy, remove } = books;

const says = (set: string) => (line: string) => rewrite(line, set);
const gone = 'lines is 0, should be 1; amount is 0.00, should be';
const without = 'lines is 1, should be 0; amount is';

it('names every edit in an open cycle by what is paid, by whom and to whom', async () => {
  const edits: [edit: (line: string) => Promise<unknown>, line: string, ...faults: string[]][] = [
    [says('fixed_micro = fixed_micro + 1000000'), CONTRIBUTION, `${CONTRIBUTED}: amount is 2001.00, should be 2000.00`],
    [
      says(`payee = 'brand:crest'`),
      CONTRIBUTION,
      `${CONTRIBUTED}: ${gone} 2000.00`,
      `contributor of brand:birch to brand:crest, CNY: ${without} 2000.00, should be 0.00`,
    ],
    [
      says(`payer = 'brand:crest', issuer = 'brand:crest', actor = 'crest', reader = 'brand:crest'`),
      `lot_id = 'l4'`,
      `fee of brand:birch to operator, CNY: ${gone} 1000.00`,
      `fee of brand:crest to operator, CNY: ${without} 1000.00, should be 0.00`,
    ],
    [
      says(`redeemer = 'brand:crest', reader = null`),
      CONTRIBUTION,
      `${CONTRIBUTED}: ${gone} 2000.00`,
      `${CONTRIBUTED}, of brand:birch at brand:crest: ${without} 2000.00, should be 0.00`,
    ],
    [
      says(`type = 'referral'`),
      CONTRIBUTION,
      `${CONTRIBUTED}: ${gone} 2000.00`,
      `referral of brand:birch to brand:aurora, CNY: ${without} 2000.00, should be 0.00`,
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
      copy,
      `lot_id = 'r4'`,
      'fee_reversal of brand:birch to operator, CNY: lines is 2, should be 1; amount is -800.00, should be -400.00',
    ],
    [
      says('fixed_micro = fixed_micro - 10000'),
      `type = 'conversion'`,
      'conversion of members to operator, CNY: amount is 5999.69, should be 5999.70',
    ],
    [remove, `type = 'conversion_reversal'`, `conversion_reversal of members to operator, CNY: ${gone} -2399.25`],
    // points that come to no money
    [
      says('points = points + 5'),
      `posting_id = 'e1'`,
      'points of brand:aurora given, PTS: points is 10005, should be 10000',
    ],
    [remove, `posting_id = 'e6'`, 'points of brand:birch given, PTS: points is 10000, should be 9000'],
    [remove, `posting_id = 'e9'`, 'points of brand:crest expired, PTS: points is 0, should be 1500'],
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
    expect(await named()).toEqual(faults.map((fault) => `source ${fault}`));
    await undo();
  }
  expect(await verification()).toMatchObject({ ok: true, compared: true, faults: [] });
});

it('misses what came too late for a cycle and was then taken out of the next one, and a time between two cycles', async () => {
  await steps('cut-off', 'freeze');
  await books.under.deliverCommissions([
    commission('late', '2026-03-16T10:00:00+08:00', [['x1', 'contributor', 'brand:aurora', 7n]]),
  ]);
  at('2026-04-03T12:00:00+08:00');
  expect(await verification('2026-04')).toMatchObject({ ok: true, compared: true, lines: 1 });
  await books.admin.query(`update cycle set from_at = from_at + interval '2 days' where id = '2026-04'`);
  expect(await named('2026-04')).toEqual([
    'cycle 2026-04: from is 2026-04-02T04:00:00.000Z, should be 2026-03-31T04:00:00.000Z',
  ]);
  await books.admin.query(`update cycle set from_at = from_at - interval '2 days' where id = '2026-04'`);
  await books.admin.query(`delete from line where posting_id = 'late'`);
  expect(await named('2026-04')).toEqual([
    `source posted in 2026-03: ${CONTRIBUTED}: lines is 1, should be 2; amount is 2000.00, should be 2007.00`,
  ]);
});

it('says nothing while an event waits for the operator', async () => {
  const park = `insert into parked_record (kind, consumer_group, topic, partition, "offset", key, event_id, type, headers, error_code, error_message, attempts)
     values ('parked', 'settlement.commissions', 't', 0, 0, 'order-1', 'waits', 't', '{}', 'c', 'm', 1)`;
  await books.admin.query(park);
  expect(await verification()).toMatchObject({ ok: true, compared: false, faults: [] });
  await books.admin.query('delete from parked_record');
});

it('names a line that was moved to a later cycle, to an earlier one, or to none', async () => {
  const first = commission('first', '2026-03-01T00:00:20+08:00', [['f1', 'contributor', 'brand:aurora', 3n]]);
  const april = commission('april', '2026-04-01T00:00:20+08:00', [['f2', 'contributor', 'brand:aurora', 9n]]);
  await books.under.deliverCommissions([first]);
  at('2026-04-02T12:00:00+08:00');
  await books.under.deliverCommissions([april]);
  expect(await named()).toEqual([]);
  await rewrite(`posting_id = 'first'`, `cycle = '2026-04'`);
  const moved = 'lies in 2026-04 with 1 lines in all that were posted in 2026-03 in CNY and do not belong there';
  expect([await named(), await named('2026-04')]).toEqual(
    [[moved], [moved]].map(([text]) => [expect.stringMatching(`^line ln_.* ${text}$`)]),
  );
  await rewrite(`posting_id = 'first'`, `cycle = '2026-03'`);
  await rewrite(`posting_id = 'april'`, `cycle = '2026-03'`);
  for (const cycle of ['2026-03', '2026-04'])
    expect(await named(cycle)).toEqual([expect.stringMatching(/^line ln_.* lies in 2026-03 .* posted in 2026-04/)]);
  await steps('cut-off');
  expect((await books.under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze')).body.code).toBe('cycle_unproven');
  await rewrite(`posting_id = 'april'`, `cycle = '2026-04'`);
  await books.admin.query(`create table line_none partition of line for values in ('none')`);
  await rewrite(`posting_id = 'first'`, `cycle = 'none'`);
  expect(await named()).toEqual([
    `source ${CONTRIBUTED}: lines is 1, should be 2; amount is 2000.00, should be 2003.00`,
  ]);
  await books.admin.query('drop table line_none');
});

it('names a line that another brand may read than the one that it concerns', async () => {
  await rewrite(`posting_id = 'e5' and type = 'redemption' and lot_id = 'L1'`, `reader = 'brand:aurora'`);
  expect(await named()).toEqual([expect.stringMatching(/^line ln_.* does not say what it was written with$/)]);
  await steps('cut-off');
  expect(await books.refused('freeze')).toContain('does not say what it was written with');
});

it('lets nothing be frozen or reported as proven over an edit', async () => {
  await steps('cut-off');
  await rewrite(CONTRIBUTION, 'fixed_micro = fixed_micro * 2');
  const words = 'source contributor of brand:birch to brand:aurora, CNY amount is 4000.00, should be 2000.00';
  const refused = await books.under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
  expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
  expect(refused.body.detail).toContain(words);
  const checks = await books.under.service.app.get(NetworkProbe, { strict: false }).invariants();
  const check = checks.find(({ name }) => name.includes('referrals posted'));
  expect([check?.ok, check?.measured]).toEqual([false, `2026-03: ${words}`]);
  await undo();
  await steps('freeze', 'confirm');
});

it('takes nothing for an edit that came late, is on its way, or could not be asked for', async () => {
  await steps('cut-off', 'freeze');
  // too late for March
  const late = commission('late', '2026-03-16T10:00:00+08:00', [['x1', 'contributor', 'brand:aurora', 7n]]);
  await books.under.deliverCommissions([late]);
  await books.under.deliverConversions([conversion('late-cv', '2026-03-17T10:00:00+08:00', 10n, '10.50')]);
  at('2026-04-03T12:00:00+08:00');
  expect(await verification('2026-04')).toMatchObject({ ok: true, compared: true, lines: 2 });
  // referrals has posted it before it is handled here
  const coming = commission('coming', '2026-04-02T10:00:00+08:00', [['x2', 'contributor', 'brand:aurora', 9n]]);
  const known = books.under.neighbours.commissions;
  await books.under.deliverCommissions([coming]);
  const posted = known.get('coming');
  await books.admin.query(`delete from line where posting_id = 'coming'`);
  expect(posted).toBeDefined();
  books.under.neighbours.answered = async () => {
    books.under.neighbours.answered = () => Promise.resolve();
    await books.under.deliverCommissions([coming]);
  };
  expect(await verification('2026-04')).toMatchObject({ ok: true, compared: true, faults: [] });
  await books.admin.query(`delete from line where posting_id = 'coming'`);
  expect(await verification('2026-04')).toMatchObject({ ok: false, compared: true });
  books.under.neighbours.silent = 'posted';
  expect(await verification('2026-04')).toMatchObject({ ok: true, compared: false, faults: [] });
  books.under.neighbours.silent = 'nothing';
  // the operator decided to make no line of it: that is on record, and a row alone is not
  const { rows } = await books.admin.query<{
    id: string;
  }>(`insert into parked_record (kind, consumer_group, topic, partition, "offset", key, event_id, type, headers, error_code, error_message, attempts,
      set_aside_by, set_aside_reason, set_aside_at)
    values ('set_aside', 'settlement.commissions', 't', 0, 0, 'order-1', 'coming', 't', '{}', 'c', 'm', 1, 'cl_1', 'ticket 4711', now()) returning id`);
  expect(await verification('2026-04')).toMatchObject({ ok: false, compared: true });
  await books.admin.query(
    `update parked_record set kind = 'parked', set_aside_by = null, set_aside_reason = null, set_aside_at = null`,
  );
  const decision = { by: 'cl_1', requestId: 'r1', eventId: 'coming', reason: 'ticket 4711' };
  const decided = await books.under.asService('POST', `/internal/v1/parked/${rows[0]?.id}/set-aside`, decision);
  expect(decided.status).toBe(200);
  expect(await verification('2026-04')).toMatchObject({ ok: false, compared: true });
  // a second person agreed
  books.under.neighbours.approved = ['coming'];
  expect(await verification('2026-04')).toMatchObject({ ok: true, compared: true, faults: [] });
  await books.admin.query('delete from parked_record');
});

it('compares an open cycle up to some seconds ago while time goes on', async () => {
  books.under.clock.set(null);
  const now = Date.now();
  const cycle = new Date(now + 8 * 3_600_000).toISOString().slice(0, 7);
  const lose = async (id: string, ago: number): Promise<void> => {
    const leg: Leg = [id, 'contributor', 'brand:aurora', 5n];
    await books.under.deliverCommissions([commission(id, new Date(now - ago).toISOString(), [leg])]);
    await books.admin.query('delete from line where posting_id = $1', [id]);
  };
  // from another machine, whose clock is ahead
  await lose('just-now', -30_000);
  expect(await verification(cycle)).toMatchObject({ ok: true, compared: true });
  await lose('before', 20_000);
  expect((await verification(cycle)).faults).toMatchObject([
    { kind: 'source', detail: 'lines is 0, should be 1; amount is 0.00, should be 5.00' },
  ]);
});
it('names who pays for points that several fund, or at another price', async () => {
  const terms = lotTerms('aurora', {
    funders: [
      { party: 'aurora', shareBp: 7_000 },
      { party: 'operator', shareBp: 2_000 },
      { party: 'birch', shareBp: 999 },
      { party: 'crest', shareBp: 1 },
    ],
  });
  const lot = { lotId: 'F1', issuer: 'aurora', terms };
  await books.under.deliver([
    posting('f1', PostingKind.CAPTURE, 'wf', 'crest', '2026-03-05T10:00:00+08:00', [{ ...lot, points: -1_001n }]),
    // too few for the last to have a share
    ...Array.from({ length: 20 }, (_, i) =>
      posting(`g${i}`, PostingKind.CAPTURE, `wg${i}`, 'crest', '2026-03-05T11:00:00+08:00', [
        { lotId: `G${i}`, issuer: 'aurora', terms, points: -7n },
      ]),
    ),
    posting('f2', PostingKind.REDEMPTION_RETURN, 'wf', 'crest', '2026-03-06T10:00:00+08:00', [
      { ...lot, points: 333n, originalPostingId: 'f1' },
    ]),
  ]);
  const back = posting('f3', PostingKind.REDEMPTION_RETURN, 'wf', 'crest', '2026-03-07T10:00:00+08:00', [
    { ...lot, points: 667n, originalPostingId: 'f1' },
  ]);
  await books.under.deliver([back]);
  expect(await named()).toEqual([]);
  await books.admin.query('create temp table shared as select * from line');
  const f1 = (payer: string, type = 'redemption') => `posting_id = 'f1' and payer = '${payer}' and type = '${type}'`;
  const cases: [edit: () => Promise<void>, ...faults: string[]][] = [
    [() => rewrite(f1('operator'), `payer = 'brand:aurora'`), 'brand:aurora to brand:crest', 'operator to brand:crest'],
    [() => rewrite(f1('brand:birch', 'fee'), 'price_micro = 10000'), 'brand:birch to operator, PTS at 0.01'],
    [() => rewrite(f1('brand:aurora'), 'points = points - 1'), 'brand:aurora to brand:crest'],
    // a share that nobody agreed to, of one point at any price
    [
      () =>
        copy(f1('brand:aurora', 'fee'), {
          funders: `'brand:aurora=5000,brand:birch=5000'`,
          points: '1',
          price_micro: '100000000000',
        }),
      'brand:aurora to operator, PTS at 100000.00',
    ],
    // and taken back without one
    [
      async () => {
        await copy(f1('brand:aurora'), { payer: `'brand:birch'`, points: '1', price_micro: '100000000000' });
        const undone = { type: `'redemption_reversal'`, points: '-1', price_micro: '0' };
        await copy(`${f1('brand:aurora')} and points > 1`, undone);
      },
      'brand:birch to brand:crest, PTS at 100000.00',
    ],
    [
      () => rewrite(`posting_id = 'f2' and payer = 'operator' and type like 'redemption%'`, `payer = 'brand:birch'`),
      'operator to brand:crest',
    ],
  ];
  for (const [edit, ...faults] of cases) {
    await edit();
    const found = await named();
    for (const fault of faults) expect(found).toContainEqual(expect.stringContaining(fault));
    await books.admin.query(`delete from line; insert into line (${COLUMNS}) select ${COLUMNS} from shared`);
    expect(await named()).toEqual([]);
  }
  await books.admin.query('drop table shared');
});

it('cuts off no cycle that holds lines of a later time, and says how to go on', async () => {
  await contribution('ahead', '2026-03-31T12:01:30+08:00');
  const answer = await books.under.asOperator('POST', '/v1/operator/cycles/2026-03/cut-off');
  expect([answer.status, answer.body.code]).toEqual([409, 'cycle_state']);
  expect(answer.body.detail).toContain('posted at 2026-03-31T04:01:30Z');
  at('2026-03-31T12:02:00+08:00');
  await steps('cut-off', 'freeze');
});

describe('edits of the time that a line, a cycle or a step has', () => {
  it('names a copy of a line that says another time', async () => {
    for (const [time, twice] of [
      ['2025-12-05', true],
      ['2026-03-20', true],
      ['2031-01-01', false],
    ] as const) {
      await copy(CONTRIBUTION, { posted_at: `'${time}'` });
      const doubled = `source ${CONTRIBUTED}: lines is 2, should be 1; amount is 4000.00, should be 2000.00`;
      const outside = expect.stringMatching(`^line ln_.* posted in ${time.slice(0, 7)} in CNY`);
      expect(await named()).toEqual([
        ...(time < '2026' || time > '2030' ? [outside] : []),
        ...(twice ? [doubled] : []),
      ]);
      await undo();
    }
    // all lines of a capture, which referrals knows nothing of
    await copy(`posting_id = 'e5' and type = 'redemption' and lot_id = 'L1'`, { posted_at: `'2025-12-05'` });
    await steps('cut-off');
    const refused = await books.under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
    expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
  });

  it('names time that no cycle covers any more, with the lines of it', async () => {
    const SOME = `cycle = '2026-03' and posted_at > '2026-03-17'`;
    const gone = /^source (posted in 2026-03: )?\S+ of .* is .*, should be/;
    await steps('cut-off');
    at('2026-04-03T12:00:00+08:00');
    await contribution('april', '2026-04-02T10:00:00+08:00');
    // a cycle that ends sooner
    await books.admin.query(
      `delete from line where ${SOME}; update cycle set to_at = '2026-03-17' where id = '2026-03'`,
    );
    expect(await named()).toEqual(
      expect.arrayContaining([
        'cycle 2026-03: to is 2026-03-17T00:00:00.000Z, should be 2026-03-31T04:00:00.000Z',
        expect.stringMatching(gone),
      ]),
    );
    await books.admin.query(`update cycle set cut_off_at = to_at where id = '2026-03'`);
    expect(await named()).toContain(
      'cycle 2026-03: cutOffAt is 2026-03-17T00:00:00.000Z, should be 2026-03-31T04:00:00.000Z',
    );
    expect(await named('2026-04')).toContainEqual(expect.stringMatching(gone));
    // a first cycle that begins later
    await books.admin.query(
      `update cycle set cut_off_at = '2026-03-31T04:00Z', to_at = '2026-03-31T04:00Z', from_at = '2026-03-17' where id = '2026-03'`,
    );
    await undo();
    await contribution('april', '2026-04-02T10:00:00+08:00');
    await books.admin.query(`delete from line where posted_at < '2026-03-17'`);
    expect(await named()).toEqual(
      expect.arrayContaining([
        'cycle 2026-03: from is 2026-03-17T00:00:00.000Z, should be 2026-02-28T16:00:00.000Z',
        expect.stringMatching(gone),
      ]),
    );
    // a cycle that is gone
    await books.admin.query(`delete from line where cycle = '2026-03'; delete from cycle where id = '2026-03'`);
    expect(await named('2026-04')).toEqual(
      expect.arrayContaining([
        'cycle 2026-04: from is 2026-03-31T04:00:00.000Z, should be 2026-03-31T16:00:00.000Z',
        expect.stringMatching(/^source contributor of brand:birch to brand:aurora, CNY: lines is 1, should be 2/),
      ]),
    );
  });

  it('takes nothing for an edit that was posted ahead of an early cut-off by a clock that is fast', async () => {
    await contribution('fast', '2026-03-31T12:00:00.040+08:00');
    await steps('cut-off');
    await contribution('slow', '2026-03-31T12:00:00.050+08:00');
    expect(
      (await books.admin.query(`select posting_id, cycle from line where posting_id in ('fast', 'slow') order by 1`))
        .rows,
    ).toEqual([
      { posting_id: 'fast', cycle: '2026-03' },
      { posting_id: 'slow', cycle: '2026-04' },
    ]);
    for (const cycle of ['2026-03', '2026-04']) expect(await named(cycle)).toEqual([]);
    await steps('freeze', 'confirm', 'close');
    at('2026-05-02T12:00:00+08:00');
    expect(await named('2026-04')).toEqual([]);
    await books.under.settle('2026-04');
    await contribution('may', '2026-05-01T10:00:00+08:00');
    expect(await named('2026-05')).toEqual([]);
  });

  it('names a state and a currency that nobody gave', async () => {
    await steps('cut-off');
    await books.admin.query(`update cycle set status = 'freezing' where id = '2026-03'`);
    expect(await named()).toEqual(['cycle 2026-03: steps is cut-off, should be cut-off, freeze']);
    const noon = '2026-03-31T04:00:00.000Z';
    await books.admin.query(
      `insert into cycle_step (cycle, step, caller, at) values ('2026-03', 'freeze', 'cl_1', '${noon}')`,
    );
    expect(await named()).toEqual([`cycle 2026-03: freeze at ${noon} by cl_1 is not on record`]);
    await books.admin.query(`delete from cycle_step where step = 'freeze'`);
    // an early cut-off that is earlier still
    const set = (time: string): Promise<unknown> =>
      books.admin.query(
        `update cycle_step set at = '${time}'; update cycle set cut_off_at = '${time}', to_at = '${time}', status = 'cut_off' where id = '2026-03'`,
      );
    await set('2026-03-31T03:00Z');
    expect(await named()).toEqual([
      expect.stringMatching(/^cycle 2026-03: cut-off at 2026-03-31T03:00:00.000Z by \S+ is not on record$/),
    ]);
    await set(noon);
    const { rows } = await books.admin.query<{ caller: string }>(`select caller from cycle_step`);
    await books.admin.query(`update cycle_step set caller = 'cl_2'`);
    expect(await named()).toEqual([`cycle 2026-03: cut-off at ${noon} by cl_2 is not on record`]);
    await books.admin.query(`update cycle_step set caller = $1`, [rows[0]?.caller]);
    await books.admin.query(`update cycle set status = 'cut_off' where id = '2026-03'`);
    await rewrite(`posting_id = 'e1'`, `currency = 'USD'`);
    expect(await named()).toEqual([
      expect.stringMatching(/^line ln_.* posted in 2026-03 in USD and do not belong there$/),
      'source points of brand:aurora given, PTS: points is 0, should be 10000',
    ]);
    await undo();
    await steps('freeze', 'confirm');
    await books.admin.query(`update cycle set status = 'closed' where id = '2026-03'`);
    expect(await named()).toEqual([
      'cycle 2026-03: steps is cut-off, freeze, confirm, should be cut-off, freeze, confirm, close',
    ]);
  });
});
