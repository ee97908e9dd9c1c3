import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { create, toBinary } from '@bufbuild/protobuf';
import { PostingKind, PostingRecordedSchema } from '#libs/contracts';
import type { ParkedEvent } from '#libs/http';
import { runInTransaction } from '#libs/postgres';
import { brandSnapshot } from '#libs/testing';
import { settlementUnderTest } from './settlement-under-test.js';
import type { Posting, SettlementUnderTest } from './settlement-under-test.js';
import { lotTerms, posting, redeemerTerms } from './worked-example.js';

const { ACCRUAL, CAPTURE, EXPIRY, REDEMPTION_RETURN } = PostingKind;
const BRANDS = [brandSnapshot('aurora'), brandSnapshot('crest')];

let serial = 0;
function redemption(at: string, points: bigint, over: Posting = {}): Posting {
  serial += 1;
  const lot = [{ lotId: 'L1', issuer: 'aurora', points: -points, terms: lotTerms('aurora', { operatorFee: '0' }) }];
  const prices = { redeemerTerms: redeemerTerms({ reimbursementPrice: '1.05' }) };
  return posting(`r${serial}`, CAPTURE, `w${serial}`, 'crest', at, lot, { ...prices, ...over });
}

describe('the life of cycles', () => {
  let under: SettlementUnderTest;
  beforeAll(async () => {
    under = await settlementUnderTest(BRANDS);
  }, 60_000);
  beforeEach(() => under.reset());
  afterAll(() => under.close());

  const step = async (cycle: string, name: string): Promise<string> => {
    const { status, body } = await under.asOperator('POST', `/v1/operator/cycles/${cycle}/${name}`);
    return status === 200 ? body.status : body.code;
  };
  const net = async (cycle: string, brand: string): Promise<number> =>
    (await under.asBrand(brand, 'GET', `/v1/cycles/${cycle}/statements/me`)).body.net;

  it('rounds three lines of 333 points at 1.05 once, and shows what rounding left aside', async () => {
    await under.deliver([1, 2, 3].map(() => redemption('2026-03-05T10:00:00+08:00', 333n)));
    await under.settle('2026-03');
    const { body } = await under.asOperator('GET', '/v1/operator/cycles/2026-03');
    expect(body).toMatchObject({ gross: 1_049, netted: 1_049, sum: 0, roundingRemainder: '-0.05' });
    expect(body.positions).toContainEqual({ party: 'rounding', net: 0 });
    const statement = await under.asBrand('crest', 'GET', '/v1/cycles/2026-03/statements/me');
    expect(statement.body).toMatchObject({
      receives: '1048.95',
      net: 1_049,
      lines: { count: 3, points: 999, amount: '1048.95' },
    });
    const lines = await under.asBrand('crest', 'GET', '/v1/cycles/2026-03/statements/me/lines');
    expect(lines.body.data.map((line: { amount: string }) => line.amount)).toEqual(['349.65', '349.65', '349.65']);
  });

  it('keeps what was posted before the cut-off and arrives before the freeze; the rest enters the next cycle', async () => {
    await under.deliver([redemption('2026-03-05T10:00:00+08:00', 100n)]);
    expect(await step('2026-03', 'cut-off')).toBe('cut_off');
    // the clock stands at 03-31 12:00, so the month was cut off early
    await under.deliver([redemption('2026-03-31T12:00:00+08:00', 10n), redemption('2026-03-31T12:00:01+08:00', 1n)]);
    expect([await net('2026-03', 'crest'), await net('2026-04', 'crest')]).toEqual([116, 1]);
    const { body } = await under.asBrand('crest', 'GET', '/v1/cycles');
    expect(
      body.data.map((cycle: Record<string, unknown>) => [cycle['id'], cycle['status'], cycle['from'], cycle['to']]),
    ).toEqual([
      ['2026-03', 'cut_off', '2026-02-28T16:00:00Z', '2026-03-31T04:00:00Z'],
      ['2026-04', 'open', '2026-03-31T04:00:00Z', '2026-04-30T16:00:00Z'],
    ]);
    expect(await step('2026-03', 'freeze')).toBe('frozen');
    await under.deliver([redemption('2026-03-10T10:00:00+08:00', 1_000n)]);
    expect([await net('2026-03', 'crest'), await net('2026-04', 'crest')]).toEqual([116, 1_051]);
  });

  it('belongs to the month of posting in the alliance’s zone', async () => {
    await under.deliver([redemption('2026-02-28T23:59:59+08:00', 100n), redemption('2026-03-01T00:00:00+08:00', 10n)]);
    expect([await net('2026-02', 'crest'), await net('2026-03', 'crest')]).toEqual([105, 11]);
  });

  it('needs no body for a step, whatever content type the client names', async () => {
    const answer = await under.asOperator('POST', '/v1/operator/cycles/2026-03/cut-off', undefined, {
      'content-type': 'application/json',
    });
    expect([answer.status, answer.body.status]).toEqual([200, 'cut_off']);
  });

  it('is not cut off before its month has begun, though an early cut-off before it made it begin', async () => {
    expect(await step('2026-03', 'cut-off')).toBe('cut_off');
    await under.deliver([redemption('2026-03-31T12:30:00+08:00', 100n)]);
    const early = await under.asOperator('POST', '/v1/operator/cycles/2026-04/cut-off');
    expect([early.status, early.body.code]).toEqual([409, 'cycle_state']);
    // a freeze before the cut-off is refused and has no effect on the cycle
    const frozen = await under.asOperator('POST', '/v1/operator/cycles/2026-04/freeze');
    expect([frozen.status, frozen.body.code]).toEqual([409, 'cycle_state']);
    expect((await under.asOperator('GET', '/v1/operator/cycles/2026-04')).body.status).toBe('open');
    under.clock.set(new Date('2026-04-01T00:00:00+08:00'));
    expect(await step('2026-04', 'cut-off')).toBe('cut_off');
  });

  it('settles a month in which nothing happened', async () => {
    await under.settle('2026-03');
    const { body } = await under.asBrand('crest', 'GET', '/v1/cycles/2026-03/statements/me');
    expect(body).toMatchObject({ status: 'closed', net: 0, lines: { count: 0 }, previousHash: null });
    expect(body.hash).toMatch(/^sha256:/);
  });

  it('freezes once the ledger has sent all, and not while it has not', async () => {
    await under.deliver([redemption('2026-03-05T10:00:00+08:00', 100n)]);
    expect(await step('2026-03', 'cut-off')).toBe('cut_off');
    under.neighbours.backlog = 3;
    const started = Date.now();
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
    expect([refused.status, refused.body.code, refused.body.retryable]).toEqual([409, 'cycle_not_settled', true]);
    expect(Date.now() - started).toBeLessThan(15_000);
    const waiting = step('2026-03', 'freeze');
    setTimeout(() => (under.neighbours.backlog = 0), 300);
    expect(await waiting).toBe('frozen');
  }, 40_000);

  it('freezes while traffic goes on, once all is there that was committed before', async () => {
    await under.deliver([redemption('2026-03-05T10:00:00+08:00', 100n)]);
    expect(await step('2026-03', 'cut-off')).toBe('cut_off');
    Object.assign(under.neighbours, { moving: true, backlog: 7, orders: 7 });
    expect(await step('2026-03', 'freeze')).toBe('frozen');
    Object.assign(under.neighbours, { moving: false, backlog: 0, orders: 0 });
  }, 40_000);

  it('tells everybody by an event of each step', async () => {
    await under.deliver([redemption('2026-03-05T10:00:00+08:00', 100n)]);
    await under.settle('2026-03');
    const rows: { key: string }[] = await under.dataSource.query(
      `select key from outbox where topic = 'hezong.settlement.cycles.v1'`,
    );
    expect(rows.map((row) => row.key)).toEqual(['2026-03', '2026-03', '2026-03', '2026-03', '2026-03']);
  });

  it('keeps another currency in cycles of its own', async () => {
    under.neighbours.brands['liberty'] = {
      ...brandSnapshot('liberty', { contracts: [{ currency: 'USD' }] }),
      currency: 'USD',
    };
    await under.deliver([
      redemption('2026-03-05T10:00:00+08:00', 100n),
      posting(
        'usd',
        CAPTURE,
        'w-usd',
        'liberty',
        '2026-03-05T10:00:00+08:00',
        [{ lotId: 'L9', issuer: 'liberty', points: -7n, terms: lotTerms('liberty', { currency: 'USD' }) }],
        { redeemerTerms: redeemerTerms({ currency: 'USD' }) },
      ),
    ]);
    const { body } = await under.asBrand('liberty', 'GET', '/v1/cycles');
    expect(body.data.map((cycle: Record<string, unknown>) => [cycle['id'], cycle['currency']])).toEqual([
      ['2026-03', 'CNY'],
      ['2026-03-USD', 'USD'],
    ]);
    const usd = await under.asOperator('GET', '/v1/operator/cycles/2026-03-USD');
    expect(usd.body.matrix).toEqual([{ issuer: 'liberty', redeemer: 'liberty', points: 7, amount: '0.00' }]);
  });

  it('prices by what the ledger stamped, whatever contracts say by now, and lets a quote win', async () => {
    // its contract has ended, and the issuer is unknown here
    await under.learn(
      brandSnapshot('dune', { contracts: [{ validTo: '2026-03-01T00:00:00.000Z', reimbursementPrice: '0.10' }] }),
    );
    const dune = { brand: 'dune', store: '' };
    const cheaper = { redeemerTerms: redeemerTerms({ reimbursementPrice: '0.50', contractVersion: 2 }) };
    await under.deliver([
      redemption('2026-03-10T07:59:59+08:00', 100n, dune),
      redemption('2026-03-10T08:00:00+08:00', 100n, { ...dune, ...cheaper }),
      redemption('2026-03-11T08:00:00+08:00', 100n, { ...dune, ...cheaper, quotedReimbursement: '0.90' }),
      posting('gone', CAPTURE, 'wg', 'dune', '2026-03-12T08:00:00+08:00', [
        { lotId: 'L5', issuer: 'left-long-ago', points: -100n, terms: lotTerms('left-long-ago', { operatorFee: '0' }) },
      ]),
    ]);
    const { body } = await under.asBrand('dune', 'GET', '/v1/cycles/2026-03/statements/me/lines');
    expect(body.data.map((line: { price: string }) => line.price)).toEqual(['1.05', '0.50', '0.90', '0.90']);
    expect(await net('2026-03', 'left-long-ago')).toBe(-90);
  });

  it('keeps on the line what was agreed about its points', async () => {
    const earnedAt = timestampFromDate(new Date('2026-01-05T00:00:00Z'));
    const expiresAt = timestampFromDate(new Date('2027-01-31T15:59:59Z'));
    const terms = lotTerms('aurora', { contractVersion: 3 });
    await under.deliver([
      posting(
        'k1',
        CAPTURE,
        'wk',
        'crest',
        '2026-03-05T10:00:00+08:00',
        [{ lotId: 'K1', issuer: 'aurora', points: -10n, terms, earnedAt, expiresAt, campaign: 'spring' }],
        { redeemerTerms: redeemerTerms({ contractVersion: 2 }) },
      ),
    ]);
    const rows = await runInTransaction(under.dataSource, { brand: '*' }, (tx) =>
      tx.query(`select type, payer, payee, issuer, redeemer, asset, issuer_contract, redeemer_contract, funding_mode, funders, campaign,
        earned_at, expires_at from line order by type desc`),
    );
    const common = {
      payer: 'brand:aurora',
      issuer: 'brand:aurora',
      redeemer: 'brand:crest',
      asset: 'PTS',
      issuer_contract: 3,
      redeemer_contract: 2,
      funding_mode: 'pay_at_redemption',
      funders: 'brand:aurora=10000',
      campaign: 'spring',
      earned_at: new Date('2026-01-05T00:00:00Z'),
      expires_at: new Date('2027-01-31T15:59:59Z'),
    };
    expect(rows).toEqual([
      { ...common, type: 'redemption', payee: 'brand:crest' },
      { ...common, type: 'fee', payee: 'operator' },
    ]);
  });

  it('parks the wallet of a posting without a stamp, and goes on with all others', async () => {
    const at = '2026-03-05T10:00:00+08:00';
    const event = (n: number): string => `e0000000-0000-4000-8000-00000000000${n}`;
    const wallet = (n: number): string => `a0000000-0000-4000-8000-00000000000${n}`;
    const lot = { lotId: 'S1', issuer: 'aurora', points: -5n };
    const incomplete: Posting[] = [
      posting(event(1), CAPTURE, wallet(1), 'crest', at, [lot], { redeemerTerms: undefined }),
      posting(event(2), CAPTURE, wallet(2), 'crest', at, [{ ...lot, terms: undefined }]),
      posting(event(3), ACCRUAL, wallet(3), 'aurora', at, [
        { ...lot, points: 5n, terms: lotTerms('aurora', { funders: [] }) },
      ]),
      posting(event(4), EXPIRY, wallet(4), '', at, [lot], { asset: '' }),
    ];
    const good = Array.from({ length: 20 }, (_, i) =>
      posting(`g${i}`, ACCRUAL, `wg${i}`, 'aurora', at, [{ lotId: `G${i}`, issuer: 'aurora', points: 7n }]),
    );
    // decided long ago: more than one page of them hides none that waits
    await under.dataSource.query(
      `insert into parked_record (kind, consumer_group, topic, partition, "offset", key, event_id, type, headers, error_code,
          error_message, attempts, set_aside_by, set_aside_reason, set_aside_at)
       select 'set_aside', 'settlement.ledger', 't', 0, n, 'k', 'old-' || n, 't', '{}', 'c', 'm', 1, 'cl_1', 'r', now()
         from generate_series(1, 120) n`,
    );
    await under.publish([...incomplete, ...good]);
    const lines = await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me');
    expect(lines.body.lines).toMatchObject({ count: 20, points: 140 });
    const parked: { key: string }[] = await under.dataSource.query('select key from parked_key order by key');
    expect(parked.map(({ key }) => key)).toEqual([wallet(1), wallet(2), wallet(3), wallet(4)]);
    expect(await step('2026-03', 'cut-off')).toBe('cut_off');
    const refused = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
    expect(refused.body).toMatchObject({ code: 'cycle_not_settled', errors: [{ code: 'event_parked' }, {}, {}, {}] });
    for (const named of [
      'settlement',
      'hezong.ledger.postings.v1',
      `key ${wallet(1)}`,
      `event ${event(1)}`,
      'redeemer_terms',
    ]) {
      expect(refused.body.detail).toContain(named);
    }
    const page = async (query: string) =>
      ((await under.asService('GET', `/internal/v1/parked?${query}`)).body as ParkedEvent[]).map(({ id }) =>
        Number(id),
      );
    const all = await page('limit=200');
    expect(all).toHaveLength(124);
    expect(await page(`limit=50&after=${all[49]}`)).toEqual(all.slice(50, 100));
    expect(await page('open=true&consumer=settlement.ledger')).toEqual(all.slice(120));
    expect(await page('open=true&consumer=settlement.brands')).toEqual([]);
    await under.dataSource.query(`delete from parked_record where event_id like 'old-%'`);
    // the events behind the first are not named: they wait for it
    await under.publish([posting('s1-next', ACCRUAL, wallet(1), 'aurora', at, [{ ...lot, lotId: 'S5', points: 2n }])]);
    const parkedEvents = async () => (await under.asService('GET', '/internal/v1/parked')).body as ParkedEvent[];
    const waiting = await parkedEvents();
    expect(waiting.map(({ key, eventId, status }) => [key, eventId, status]).sort()).toEqual([
      [wallet(1), event(1), 'waiting'],
      [wallet(2), event(2), 'waiting'],
      [wallet(3), event(3), 'waiting'],
      [wallet(4), event(4), 'waiting'],
    ]);
    for (const { id, eventId } of waiting) {
      const body = { by: 'cl_1', requestId: 'r1', eventId, reason: 'ticket 4711' };
      const answer = await under.asService('POST', `/internal/v1/parked/${id}/set-aside`, body);
      expect(answer.status).toBe(200);
      // the same again, as after a lost answer, and what somebody else decides now
      expect((await under.asService('POST', `/internal/v1/parked/${id}/set-aside`, body)).status).toBe(200);
      const other = { ...body, by: 'another' };
      expect((await under.asService('POST', `/internal/v1/parked/${id}/set-aside`, other)).status).toBe(404);
    }
    expect((await under.asService('POST', '/internal/v1/parked/x1/retry', { by: 'b', requestId: 'r' })).status).toBe(
      404,
    );
    await under.publish([]);
    // the events that waited behind it are handled without it
    expect((await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me')).body.lines).toMatchObject({
      points: 142,
    });
    expect(await parkedEvents()).toContainEqual(
      expect.objectContaining({
        eventId: event(1),
        status: 'set_aside',
        setAside: { by: 'cl_1', reason: 'ticket 4711', at: expect.any(String) },
      }),
    );
    expect(await step('2026-03', 'freeze')).toBe('cycle_unproven');
    under.neighbours.approved = waiting.map(({ eventId }) => eventId);
    expect(await step('2026-03', 'freeze')).toBe('frozen');
    // sent again it stays parked, and a retry fails as before
    await under.publish(incomplete);
    const again = waiting.find(({ eventId }) => eventId === event(1));
    await under.asService('POST', `/internal/v1/parked/${again?.id}/retry`, { by: 'cl_1', requestId: 'r2' });
    await under.publish([]);
    expect((await parkedEvents()).filter(({ status }) => status === 'set_aside')).toHaveLength(4);
    // an event that has become valid is handled, once
    await under.dataSource.query('update parked_record set body = $1 where event_id = $2', [
      Buffer.from(
        toBinary(
          PostingRecordedSchema,
          create(PostingRecordedSchema, { ...incomplete[0], redeemerTerms: redeemerTerms() }),
        ),
      ),
      event(1),
    ]);
    await under.asService('POST', `/internal/v1/parked/${again?.id}/retry`, { by: 'cl_1', requestId: 'r3' });
    await under.publish([]);
    expect((await parkedEvents()).map(({ eventId }) => eventId).sort()).toEqual([event(2), event(3), event(4)]);
    expect((await under.asBrand('crest', 'GET', '/v1/cycles/2026-04/statements/me')).body.lines.points).toBe(5);
    const audit: { path: string; client: string }[] = await under.dataSource.query(
      `select path, client from operator_audit where path like '/v1/operator/parked/%' order by seq`,
    );
    expect(audit.at(-1)).toEqual({
      path: `/v1/operator/parked/settlement/${again?.id}/retry`,
      client: 'cl_1',
    });
  }, 60_000);

  it('refuses a give-back before its original', async () => {
    const early = posting('b1', REDEMPTION_RETURN, 'wb', 'crest', '2026-03-06T10:00:00+08:00', [
      { lotId: 'L7', issuer: 'aurora', points: 5n, originalPostingId: 'c1' },
    ]);
    await expect(under.deliver([early])).rejects.toThrow('no line yet');
    const original = posting('c1', CAPTURE, 'wb', 'crest', '2026-03-05T10:00:00+08:00', [
      { lotId: 'L7', issuer: 'aurora', points: -5n },
    ]);
    await under.deliver([original, early]);
    expect(await net('2026-03', 'crest')).toBe(0);
  });

  it('finds a line again whose cycle has closed since', async () => {
    const march = redemption('2026-03-05T10:00:00+08:00', 100n);
    const late = redemption('2026-03-06T10:00:00+08:00', 10n);
    await under.deliver([march]);
    await under.settle('2026-03');
    await under.deliver([march, late]);
    under.clock.set(new Date('2026-05-01T00:30:00+08:00'));
    await under.settle('2026-04');
    const before = [await net('2026-03', 'crest'), await net('2026-04', 'crest')];
    // without the inbox, twice at the same time, in another order
    await Promise.all([under.deliver([late, march]), under.deliver([march, late, march])]);
    expect([await net('2026-03', 'crest'), await net('2026-04', 'crest')]).toEqual(before);
    expect(before).toEqual([105, 11]);
    expect(await net('2026-05', 'crest')).toBe(0);
  });

  it('lets the funders of a lot pay by their shares, to the fen, however its points are given back', async () => {
    const terms = lotTerms('aurora', {
      funders: [
        { party: 'aurora', shareBp: 7_000 },
        { party: 'operator', shareBp: 2_000 },
        { party: 'birch', shareBp: 1_000 },
      ],
    });
    const lot = { lotId: 'F1', issuer: 'aurora', terms };
    const at = (day: number): string => `2026-03-0${day}T10:00:00+08:00`;
    const spent = posting('f1', CAPTURE, 'wf', 'crest', at(5), [{ ...lot, points: -1_001n }]);
    const back = (id: string, day: number, points: bigint): Posting =>
      posting(id, REDEMPTION_RETURN, 'wf', 'crest', at(day), [{ ...lot, points, originalPostingId: 'f1' }]);
    const positions = async (): Promise<unknown> => {
      const { body } = await under.asOperator('GET', '/v1/operator/cycles/2026-03');
      const nets = body.positions as { party: string; net: number }[];
      return Object.fromEntries(
        nets.filter(({ net: value }) => value !== 0).map(({ party, net: value }) => [party, value]),
      );
    };
    await under.deliver([spent]);
    // 701, 200 and 100 points: 630.90, 180.00 and 90.00 to crest, fees 105.15 and 15.00
    expect(await positions()).toEqual({ 'brand:aurora': -736, 'brand:birch': -105, 'brand:crest': 901, operator: -60 });
    await under.deliver([back('f2', 6, 500n)]);
    // 351, 100 and 50 points remain: 315.90, 90.00 and 45.00, fees 52.65 and 7.50
    const halfway = { 'brand:aurora': -369, 'brand:birch': -53, 'brand:crest': 451, operator: -29 };
    expect(await positions()).toEqual(halfway);
    await under.deliver([spent, back('f2', 6, 500n), spent, back('f2', 6, 500n)]);
    expect(await positions()).toEqual(halfway);
    await under.deliver([back('f3', 7, 1n), back('f4', 7, 1n), back('f5', 7, 1n), back('f2', 6, 500n)]);
    await under.deliver([back('f6', 8, 498n), back('f3', 7, 1n)]);
    expect(await positions()).toEqual({});
    const { body } = await under.asBrand('crest', 'GET', '/v1/cycles/2026-03/statements/me/lines');
    expect(body.data[0]).toMatchObject({ payer: 'alliance', points: 1_001, price: '0.90', amount: '900.90' });
    expect((await under.asOperator('GET', '/v1/operator/cycles/2026-03/verification')).body.faults).toEqual([]);
  });

  it('makes no line of holds and of points that mature', async () => {
    const quiet = [
      PostingKind.AUTHORIZATION,
      PostingKind.VOID,
      PostingKind.AUTHORIZATION_EXPIRED,
      PostingKind.ACCRUAL_RELEASE,
      PostingKind.DEBT_REPAYMENT,
    ];
    await under.deliver(
      quiet.map((kind, i) =>
        posting(`q${i}`, kind, 'wq', 'crest', '2026-03-05T10:00:00+08:00', [
          { lotId: 'L6', issuer: 'aurora', points: -5n },
        ]),
      ),
    );
    await under.deliver([
      posting('p1', PostingKind.ACCRUAL_PENDING, 'wq', 'aurora', '2026-03-05T10:00:00+08:00', [
        { lotId: 'L6', issuer: 'aurora', points: 9n },
      ]),
      posting('x1', EXPIRY, 'wq', '', '2026-03-05T10:00:00+08:00', [{ lotId: 'L6', issuer: 'aurora', points: -4n }]),
    ]);
    const { body } = await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me/lines');
    expect(body.data.map((line: { type: string; points: number }) => [line.type, line.points]).sort()).toEqual([
      ['accrual', 9],
      ['expiry', 4],
    ]);
  });
});
