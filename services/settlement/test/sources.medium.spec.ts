import { create } from '@bufbuild/protobuf';
import { CommissionPostedSchema, PostingKind } from '#libs/contracts';
import { BrandDirectory } from '#libs/directory';
import { NetworkProbe } from '#libs/http';
import { runInTransaction } from '#libs/postgres';
import { brandSnapshot } from '#libs/testing';
import { VerificationService } from '../src/verification/verification.service.js';
import { commission, conversion, converted, refund, sale, takenBack } from './earnings.js';
import type { Leg } from './earnings.js';
import { COLUMNS, editsOf } from './edits.js';
import type { Edits } from './edits.js';
import { settlementUnderTest } from './settlement-under-test.js';
import type { SettlementUnderTest } from './settlement-under-test.js';
import { lotTerms, posting, workedExample } from './worked-example.js';

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
  await under.deliverCommissions([sale, refund]);
  await under.deliverConversions([converted, takenBack]);
  await admin.query('create temp table kept as select * from line');
});
afterEach(() => admin.query('drop table kept'));
afterAll(async () => {
  await edits.end();
  await under.close();
});

const verification = async (cycle = '2026-03') =>
  (await under.asOperator('GET', `/v1/operator/cycles/${cycle}/verification`)).body as {
    ok: boolean;
    compared: boolean;
    faults: { kind: string; id: string; detail: string }[];
  };
const named = async (cycle?: string): Promise<string[]> =>
  (await verification(cycle)).faults.map(({ kind, id, detail }) =>
    kind === 'line' ? `${kind} ${id} ${detail}` : `${kind} ${id}: ${detail}`,
  );
const steps = async (...names: string[]): Promise<void> => {
  for (const name of names) {
    const answer = await under.asOperator('POST', `/v1/operator/cycles/2026-03/${name}`);
    expect([name, answer.status, answer.body.detail]).toEqual([name, 200, undefined]);
  }
};
const at = (time: string): void => under.clock.set(new Date(time));
/** A contribution of 100 minor units that referrals posted at this time. */
const contribution = (id: string, time: string): Promise<void> =>
  under.deliverCommissions([commission(id, time, [[id, 'contributor', 'brand:aurora', 100n]])]);

const contributor = `type = 'contributor'`;
const says = (set: string) => (line: string) => rewrite(line, set);
const remove = (line: string) => edits.remove(line);
const add = (line: string) => edits.copy(line);
const undo = async (): Promise<void> => {
  await admin.query(`delete from line; insert into line (${COLUMNS}) select ${COLUMNS} from kept`);
};

const CONTRIBUTED = 'contributor of brand:birch to brand:aurora, CNY';
const gone = 'lines is 0, should be 1; amount is 0.00, should be';
const without = 'lines is 1, should be 0; amount is';

it('names every edit in an open cycle by what is paid, by whom and to whom', async () => {
  const edits: [edit: (line: string) => Promise<unknown>, line: string, ...faults: string[]][] = [
    [says('fixed_micro = fixed_micro + 1000000'), contributor, `${CONTRIBUTED}: amount is 2001.00, should be 2000.00`],
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
    expect(await named()).toEqual(faults.map((fault) => `source ${fault}`));
    await undo();
  }
  expect(await verification()).toMatchObject({ ok: true, compared: true, faults: [] });
});

it('misses what came too late for a cycle and was then taken out of the next one, and a time between two cycles', async () => {
  await steps('cut-off', 'freeze');
  await under.deliverCommissions([
    commission('late', '2026-03-16T10:00:00+08:00', [['x1', 'contributor', 'brand:aurora', 7n]]),
  ]);
  at('2026-04-03T12:00:00+08:00');
  expect(await verification('2026-04')).toMatchObject({ ok: true, compared: true, lines: 1 });
  await admin.query(`update cycle set from_at = from_at + interval '2 days' where id = '2026-04'`);
  expect(await named('2026-04')).toEqual([
    'cycle 2026-04: from is 2026-04-02T04:00:00.000Z, should be 2026-03-31T04:00:00.000Z',
  ]);
  await admin.query(`update cycle set from_at = from_at - interval '2 days' where id = '2026-04'`);
  await admin.query(`delete from line where posting_id = 'late'`);
  expect(await named('2026-04')).toEqual([
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

it('names a line that was moved to a later cycle, to an earlier one, or to none', async () => {
  const first = commission('first', '2026-03-01T00:00:20+08:00', [['f1', 'contributor', 'brand:aurora', 3n]]);
  const april = commission('april', '2026-04-01T00:00:20+08:00', [['f2', 'contributor', 'brand:aurora', 9n]]);
  await under.deliverCommissions([first]);
  at('2026-04-02T12:00:00+08:00');
  await under.deliverCommissions([april]);
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
  expect((await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze')).body.code).toBe('cycle_unproven');
  await rewrite(`posting_id = 'april'`, `cycle = '2026-04'`);
  await admin.query(`create table line_none partition of line for values in ('none')`);
  await rewrite(`posting_id = 'first'`, `cycle = 'none'`);
  expect(await named()).toEqual([
    `source ${CONTRIBUTED}: lines is 1, should be 2; amount is 2000.00, should be 2003.00`,
  ]);
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
  at('2026-04-03T12:00:00+08:00');
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
  // the operator decided to make no line of it: that is on record, and a row alone is not
  const { rows } = await admin.query<{
    id: string;
  }>(`insert into parked_record (kind, consumer_group, topic, partition, "offset", key, event_id, type, headers, error_code, error_message, attempts,
      set_aside_by, set_aside_reason, set_aside_at)
    values ('set_aside', 'settlement.commissions', 't', 0, 0, 'order-1', 'coming', 't', '{}', 'c', 'm', 1, 'cl_1', 'ticket 4711', now()) returning id`);
  expect(await verification('2026-04')).toMatchObject({ ok: false, compared: true });
  await admin.query(
    `update parked_record set kind = 'parked', set_aside_by = null, set_aside_reason = null, set_aside_at = null`,
  );
  const decision = { by: 'cl_1', requestId: 'r1', eventId: 'coming', reason: 'ticket 4711' };
  const decided = await under.asService('POST', `/internal/v1/parked/${rows[0]?.id}/set-aside`, decision);
  expect(decided.status).toBe(200);
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
  await under.deliver([
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
  await under.deliver([back]);
  expect(await named()).toEqual([]);
  await admin.query('create temp table shared as select * from line');
  const f1 = (payer: string, type = 'redemption') => `posting_id = 'f1' and payer = '${payer}' and type = '${type}'`;
  const cases: [edit: () => Promise<void>, ...faults: string[]][] = [
    [() => rewrite(f1('operator'), `payer = 'brand:aurora'`), 'brand:aurora to brand:crest', 'operator to brand:crest'],
    [() => rewrite(f1('brand:birch', 'fee'), 'price_micro = 10000'), 'brand:birch to operator, PTS at 0.01'],
    [() => rewrite(f1('brand:aurora'), 'points = points - 1'), 'brand:aurora to brand:crest'],
    // a share that nobody agreed to, of one point at any price
    [
      () =>
        edits.copy(f1('brand:aurora', 'fee'), {
          funders: `'brand:aurora=5000,brand:birch=5000'`,
          points: '1',
          price_micro: '100000000000',
        }),
      'brand:aurora to operator, PTS at 100000.00',
    ],
    // and taken back without one
    [
      async () => {
        await edits.copy(f1('brand:aurora'), { payer: `'brand:birch'`, points: '1', price_micro: '100000000000' });
        const undone = { type: `'redemption_reversal'`, points: '-1', price_micro: '0' };
        await edits.copy(`${f1('brand:aurora')} and points > 1`, undone);
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
    await admin.query(`delete from line; insert into line (${COLUMNS}) select ${COLUMNS} from shared`);
    expect(await named()).toEqual([]);
  }
  await admin.query('drop table shared');
});

describe('of a frozen cycle', () => {
  const refused = async (step: string): Promise<string> => {
    const answer = await under.asOperator('POST', `/v1/operator/cycles/2026-03/${step}`);
    expect([answer.status, answer.body.code]).toEqual([409, 'cycle_unproven']);
    return answer.body.detail as string;
  };

  it('confirms nothing that its sources do not know, though all its digests fit', async () => {
    await steps('cut-off', 'freeze');
    // as if lines, results and seal had been made anew without it
    const kept = under.neighbours.commissions;
    const more = commission('more', '2026-03-09T10:00:00+08:00', [['m1', 'contributor', 'brand:aurora', 100n]]);
    under.neighbours.commissions = new Map([...kept, ['more', create(CommissionPostedSchema, more)]]);
    expect(await refused('confirm')).toContain(`${CONTRIBUTED} lines is 1, should be 2`);
    under.neighbours.commissions = kept;
    await steps('confirm', 'close');
    under.neighbours.commissions = new Map([...kept, ['more', create(CommissionPostedSchema, more)]]);
    expect(await verification()).toMatchObject({ ok: false, compared: true });
    under.neighbours.commissions = kept;
  });

  it('is wrong where lines of it lie in another one, and where another one lost them to it', async () => {
    at('2026-04-01T00:30:00+08:00');
    await under.settle('2026-03');
    at('2026-05-03T12:00:00+08:00');
    await contribution('april', '2026-04-15T10:00:00+08:00');
    await edits.rewrite(`posting_id = 'april'`, `cycle = '2026-03'`);
    const [moved, count] = [
      /^line ln_.* lies in 2026-03 .* posted in 2026-04/,
      /^cycle 2026-03: lines is \d+, should be \d+$/,
    ];
    for (const text of [moved, count]) expect(await named('2026-04')).toContainEqual(expect.stringMatching(text));
    await edits.rewrite(`posting_id = 'april'`, `cycle = '2026-04'`);
    expect(await named('2026-04')).toEqual([]);
    await edits.rewrite(contributor + ` and cycle = '2026-03'`, `cycle = '2026-04', day = '2026-04-01'`);
    expect(await named('2026-04')).toContainEqual(expect.stringMatching(count));
    await edits.rewrite(contributor + ` and posting_id <> 'april'`, `cycle = '2026-03', day = '2026-03-15'`);
    expect(await named('2026-04')).toEqual([]);
    // old lines that are copied into it once it is frozen are new to a remembered proof
    await under.settle('2026-04');
    await contribution('may', '2026-05-02T10:00:00+08:00');
    expect(await named('2026-05')).toEqual([]);
    await under.asOperator('POST', '/v1/operator/cycles/2026-05/cut-off');
    await under.asOperator('POST', '/v1/operator/cycles/2026-05/freeze');
    await edits.copy(contributor + ` and cycle = '2026-03'`, { cycle: `'2026-05'`, day: `'2026-05-01'` });
    expect(await named('2026-05')).toContainEqual(
      expect.stringMatching(/^source posted before .* lines is 2, should be 1/),
    );
  });

  it('closes on no positions but those that follow from its lines', async () => {
    await steps('cut-off', 'freeze', 'confirm');
    await admin.query(`update net_position set net = net + 1 where party = 'brand:aurora'`);
    expect(await refused('close')).toContain('position brand:aurora net is');
    await admin.query(`update net_position set net = net - 1 where party = 'brand:aurora'`);
    await steps('close');
  });

  it('is not frozen with the entities of a copy of brands that lacks one', async () => {
    await steps('cut-off');
    const directory = under.service.app.get(BrandDirectory, { strict: false });
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
    under.neighbours.silent = 'spent';
    const answer = await under.asOperator('POST', '/v1/operator/cycles/2026-03/confirm');
    expect([answer.status, answer.body.code]).toEqual([409, 'cycle_not_settled']);
    under.neighbours.silent = 'nothing';
    await steps('confirm');
  });

  it('is settled by the legal entities that partners has, and at no rate', async () => {
    const directory = under.service.app.get(BrandDirectory, { strict: false });
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
      await admin.query(`update frozen_group set ${set}`);
      const root = await runInTransaction(under.dataSource, { brand: '*' }, (tx) =>
        under.service.app.get(VerificationService, { strict: false }).resultsRoot(tx, '2026-03'),
      );
      await admin.query(`update cycle set results_root = $1 where id = '2026-03'`, [root]);
    };
    await seal(`fx_rate = case payee when 'brand:crest' then 7 else 1 end`);
    expect(await refused('confirm')).toContain('fxRate is 7, should be 1');
    await seal(`fx_rate = 1, payee_entity = case payee when 'brand:crest' then 'le-other' else payee_entity end`);
    expect(await refused('confirm')).toContain(entity);
  });
});

describe('of events that were set aside', () => {
  const setAside = (id: string, eventId: string) =>
    under.asService('POST', `/internal/v1/parked/${id}/set-aside`, {
      by: 'cl_1',
      requestId: 'r1',
      eventId,
      reason: 'ticket 4711',
    });
  const row = `insert into parked_record (id, kind, consumer_group, topic, partition, "offset", key, event_id, type, headers, error_code, error_message, attempts,
      set_aside_by, set_aside_reason, set_aside_at)
    overriding system value values (777, 'set_aside', 'settlement.ledger', 't', 0, 0, 'm1', 'e5', 't', '{}', 'c', 'm', 1, 'cl_1', 'ticket 4711', now())`;
  afterEach(() => admin.query('delete from parked_record'));

  it('leaves out none whose call was refused', async () => {
    expect((await setAside('777', 'e5')).status).toBe(404);
    await admin.query(row);
    await admin.query(`delete from line where posting_id = 'e5'`);
    expect(await named()).toContainEqual(
      expect.stringMatching(/^source reimbursement of points of brand:aurora at brand:crest/),
    );
  });

  it('asks about none whose id or key is of no posting', async () => {
    await admin.query(row.replace(`'m1', 'e5'`, `'', 'hezong.ledger.postings.v1/0/17'`));
    await admin.query(
      `update parked_record set kind = 'parked', set_aside_by = null, set_aside_reason = null, set_aside_at = null`,
    );
    expect((await setAside('777', 'hezong.ledger.postings.v1/0/17')).status).toBe(200);
    under.neighbours.refuses = ({ postings }) =>
      postings?.some(({ postingId }) => !/^[0-9a-f-]{36}$/.test(postingId)) === true;
    expect(await verification()).toMatchObject({ ok: true, compared: true });
    under.neighbours.refuses = () => false;
  });

  it('leaves out none but the one that was set aside', async () => {
    await admin.query(row.replace(`'e5'`, `'e1'`));
    await admin.query(
      `update parked_record set kind = 'parked', set_aside_by = null, set_aside_reason = null, set_aside_at = null`,
    );
    expect((await setAside('777', 'e1')).status).toBe(200);
    expect(await named()).toEqual([]);
    await admin.query(`update parked_record set event_id = 'e5'`);
    await admin.query(`delete from line where posting_id = 'e5'`);
    expect(await named()).toContainEqual(
      expect.stringMatching(/^source reimbursement of points of brand:aurora at brand:crest/),
    );
  });
});

it('cuts off no cycle that holds lines of a later time, and says how to go on', async () => {
  await contribution('ahead', '2026-03-31T12:01:30+08:00');
  const answer = await under.asOperator('POST', '/v1/operator/cycles/2026-03/cut-off');
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
      await edits.copy(contributor, { posted_at: `'${time}'` });
      const doubled = `source ${CONTRIBUTED}: lines is 2, should be 1; amount is 4000.00, should be 2000.00`;
      const outside = expect.stringMatching(`^line ln_.* posted in ${time.slice(0, 7)} in CNY`);
      expect(await named()).toEqual([
        ...(time < '2026' || time > '2030' ? [outside] : []),
        ...(twice ? [doubled] : []),
      ]);
      await undo();
    }
    // all lines of a capture, which referrals knows nothing of
    await edits.copy(`posting_id = 'e5' and type = 'redemption' and lot_id = 'L1'`, { posted_at: `'2025-12-05'` });
    await steps('cut-off');
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
    expect([refused.status, refused.body.code]).toEqual([409, 'cycle_unproven']);
  });

  it('names a line of a frozen cycle that lies in an open one again, and a late one that does not, however late', async () => {
    at('2026-04-01T00:30:00+08:00');
    await under.settle('2026-03');
    at('2026-05-03T12:00:00+08:00');
    await contribution('april', '2026-04-15T10:00:00+08:00');
    await under.settle('2026-04');
    // set aside in March, say, and taken back in May
    await contribution('late', '2026-03-16T10:00:00+08:00');
    expect((await admin.query(`select cycle from line where posting_id = 'late'`)).rows[0]).toEqual({
      cycle: '2026-05',
    });
    expect(await verification('2026-05')).toMatchObject({ ok: true, compared: true });
    const before = `source posted before 2026-03-31T16:00:00Z: ${CONTRIBUTED}: lines is`;
    await edits.copy(`${contributor} and cycle = '2026-03'`, { cycle: `'2026-05'`, day: `'2026-05-01'` });
    expect(await named('2026-05')).toEqual([`${before} 3, should be 2; amount is 4100.00, should be 2100.00`]);
    await edits.remove(`${contributor} and cycle = '2026-05' and posting_id <> 'late'`);
    expect(await named('2026-05')).toEqual([]);
    await edits.remove(`posting_id = 'late'`);
    expect(await named('2026-05')).toEqual([`${before} 1, should be 2; amount is 2000.00, should be 2100.00`]);
  });

  it('names time that no cycle covers any more, with the lines of it', async () => {
    const SOME = `cycle = '2026-03' and posted_at > '2026-03-17'`;
    const gone = /^source (posted in 2026-03: )?\S+ of .* is .*, should be/;
    await steps('cut-off');
    at('2026-04-03T12:00:00+08:00');
    await contribution('april', '2026-04-02T10:00:00+08:00');
    // a cycle that ends sooner
    await admin.query(`delete from line where ${SOME}; update cycle set to_at = '2026-03-17' where id = '2026-03'`);
    expect(await named()).toEqual(
      expect.arrayContaining([
        'cycle 2026-03: to is 2026-03-17T00:00:00.000Z, should be 2026-03-31T04:00:00.000Z',
        expect.stringMatching(gone),
      ]),
    );
    await admin.query(`update cycle set cut_off_at = to_at where id = '2026-03'`);
    expect(await named()).toContain(
      'cycle 2026-03: cutOffAt is 2026-03-17T00:00:00.000Z, should be 2026-03-31T04:00:00.000Z',
    );
    expect(await named('2026-04')).toContainEqual(expect.stringMatching(gone));
    // a first cycle that begins later
    await admin.query(
      `update cycle set cut_off_at = '2026-03-31T04:00Z', to_at = '2026-03-31T04:00Z', from_at = '2026-03-17' where id = '2026-03'`,
    );
    await undo();
    await contribution('april', '2026-04-02T10:00:00+08:00');
    await admin.query(`delete from line where posted_at < '2026-03-17'`);
    expect(await named()).toEqual(
      expect.arrayContaining([
        'cycle 2026-03: from is 2026-03-17T00:00:00.000Z, should be 2026-02-28T16:00:00.000Z',
        expect.stringMatching(gone),
      ]),
    );
    // a cycle that is gone
    await admin.query(`delete from line where cycle = '2026-03'; delete from cycle where id = '2026-03'`);
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
      (await admin.query(`select posting_id, cycle from line where posting_id in ('fast', 'slow') order by 1`)).rows,
    ).toEqual([
      { posting_id: 'fast', cycle: '2026-03' },
      { posting_id: 'slow', cycle: '2026-04' },
    ]);
    for (const cycle of ['2026-03', '2026-04']) expect(await named(cycle)).toEqual([]);
    await steps('freeze', 'confirm', 'close');
    at('2026-05-02T12:00:00+08:00');
    expect(await named('2026-04')).toEqual([]);
    await under.settle('2026-04');
    await contribution('may', '2026-05-01T10:00:00+08:00');
    expect(await named('2026-05')).toEqual([]);
  });

  it('names a state and a currency that nobody gave', async () => {
    await steps('cut-off');
    await admin.query(`update cycle set status = 'freezing' where id = '2026-03'`);
    expect(await named()).toEqual(['cycle 2026-03: steps is cut-off, should be cut-off, freeze']);
    await admin.query(`update cycle set status = 'cut_off' where id = '2026-03'`);
    await rewrite(`posting_id = 'e1'`, `currency = 'USD'`);
    expect(await named()).toEqual([
      expect.stringMatching(/^line ln_.* posted in 2026-03 in USD and do not belong there$/),
    ]);
    await undo();
    await steps('freeze', 'confirm');
    await admin.query(`update cycle set status = 'closed', closed_at = now() where id = '2026-03'`);
    expect(await named()).toEqual([
      'cycle 2026-03: steps is cut-off, freeze, confirm, should be cut-off, freeze, confirm, close',
    ]);
  });
});
