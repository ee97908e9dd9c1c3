import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import pg from 'pg';
import { BrandChangedSchema, PostingKind, TOPICS } from '#libs/contracts';
import { eventsFromSnapshot } from '#libs/directory';
import { EVENT_LOG, toEntry } from '#libs/messaging';
import type { EventLog } from '#libs/messaging';
import { brandSnapshot } from '#libs/testing';
import { settlementUnderTest } from './settlement-under-test.js';
import type { Answer } from '#libs/testing';
import type { Posting, SettlementUnderTest } from './settlement-under-test.js';
import { lotTerms, posting } from './worked-example.js';

const SLUGS = ['aurora', 'birch', 'crest'];
const MARCH = '/v1/operator/cycles/2026-03';

/** Five days; on each, every brand issues points that another redeems. */
function days(): Posting[] {
  return ['02', '03', '09', '20', '30'].flatMap((day, d) =>
    SLUGS.flatMap((issuer, i) => {
      const redeemer = SLUGS[(i + 1 + (d % 2)) % 3] ?? '';
      const lot = { lotId: `l-${day}-${issuer}`, issuer };
      const at = `2026-03-${day}T10:00:00+08:00`;
      const points = BigInt(100 + 7 * d + i);
      return [
        posting(`a-${day}-${i}`, PostingKind.ACCRUAL, `w${i}`, issuer, at, [{ ...lot, points }]),
        posting(`c-${day}-${i}`, PostingKind.CAPTURE, `w${i}`, redeemer, at, [
          { ...lot, points: -points, terms: lotTerms(issuer) },
        ]),
      ];
    }),
  );
}

describe('a freeze', () => {
  let under: SettlementUnderTest;
  let admin: pg.Client;
  const freeze = (headers: Record<string, string> = {}): Promise<Answer> =>
    under.asOperator('POST', `${MARCH}/freeze`, undefined, headers);
  const state = async (): Promise<{ status: string; freeze: { stage: string; lines: number } | null }> =>
    (await under.asOperator('GET', MARCH)).body;
  /** Makes the server end the writer's session on each insert into a table, until the returned function is called. */
  const cutting = async (table: string, when: string): Promise<() => Promise<unknown>> => {
    await admin.query(`create or replace function cut() returns trigger language plpgsql security definer as $$ begin
        perform pg_terminate_backend(pg_backend_pid()); return new; end $$;
      create trigger cut before insert on ${table} for each row when (${when}) execute function cut()`);
    return () => admin.query(`drop trigger cut on ${table}`);
  };
  const untilFrozen = async (): Promise<void> => {
    for (let left = 300; (await state()).status !== 'frozen'; left -= 1) {
      if (left === 0) throw new Error(`still ${JSON.stringify(await state())}`);
      await sleep(50);
    }
  };
  const results = async (of: SettlementUnderTest): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: of.database.adminUrl });
    await client.connect();
    try {
      const found = [];
      for (const sql of [
        `select party, version, line_count, points, net, hash from statement where cycle = '2026-03' order by 1`,
        `select payer, payee, kind, price_micro, points, amount from frozen_group order by 1, 2, 3, 4`,
        `select day, reader, type, payer, redeemer, legs, points, root from day_total order by 1, 2, 3, 4, 5`,
        `select line_count, lines_root, results_root from cycle where id = '2026-03'`,
      ]) {
        found.push((await client.query(sql)).rows);
      }
      return found;
    } finally {
      await client.end();
    }
  };

  beforeAll(async () => {
    under = await settlementUnderTest(SLUGS.map((slug) => brandSnapshot(slug)));
    admin = new pg.Client({ connectionString: under.database.adminUrl });
    await admin.connect();
  }, 60_000);
  beforeEach(async () => {
    await under.reset();
    await under.deliver(days());
    await under.asOperator('POST', `${MARCH}/cut-off`);
  });
  afterAll(async () => {
    await admin.end();
    await under.close();
  });

  it('goes on where its connection was cut, and ends like one that nobody disturbed', async () => {
    expect((await freeze()).status).toBe(200);
    const undisturbed = await results(under);
    await under.reset();
    await under.deliver(days());
    await under.asOperator('POST', `${MARCH}/cut-off`);
    // in the middle of the days, then in the middle of the statements
    for (const [table, when, stage] of [
      ['day_seal', `new.day = '2026-03-09'`, 'days'],
      ['statement', `new.party = 'brand:birch'`, 'statements'],
    ] as const) {
      const mend = await cutting(table, when);
      const answer = await freeze();
      expect([answer.status, answer.body.retryable]).toEqual([503, true]);
      expect(await state()).toMatchObject({ status: 'freezing', freeze: { stage } });
      await mend();
    }
    // a posting that arrives now enters the next cycle, though the statements are not written
    const late = posting('late', PostingKind.ACCRUAL, 'w9', 'aurora', '2026-03-30T11:00:00+08:00', [
      { lotId: 'late', issuer: 'aurora', points: 5n },
    ]);
    await under.deliver([late]);
    // no call repeats it: it continues by itself
    await untilFrozen();
    expect(await results(under)).toEqual(undisturbed);
    expect((await under.asOperator('GET', `${MARCH}/verification`)).body).toMatchObject({ ok: true, faults: [] });
    expect((await under.asBrand('aurora', 'GET', '/v1/cycles/2026-04/statements/me')).body.lines.points).toBe(5);
  }, 60_000);

  it('is the same when two ask for it at once', async () => {
    const answers = await Promise.all([freeze({ 'idempotency-key': 'one' }), freeze({ 'idempotency-key': 'two' })]);
    expect(answers.map(({ status, body }) => [status, body.status])).toEqual([
      [200, 'frozen'],
      [200, 'frozen'],
    ]);
    const { rows } = await admin.query(`select party, count(*) from statement group by party`);
    expect(rows.map(({ count }) => count)).toEqual([1n, 1n, 1n].map(String));
    expect((await freeze()).body.code).toBe('cycle_state');
    expect((await under.asOperator('GET', `${MARCH}/verification`)).body.ok).toBe(true);
  });

  it('is found made by the repeat of a call whose answer was lost', async () => {
    const key = { 'idempotency-key': 'lost' };
    const mend = await cutting('idempotency', 'true');
    expect((await freeze(key)).status).toBe(503);
    await mend();
    await untilFrozen();
    const repeated = await freeze(key);
    expect([repeated.status, repeated.body.status]).toEqual([200, 'frozen']);
    const misused = await under.asOperator('POST', `${MARCH}/confirm`, undefined, key);
    expect(misused.body.code).toBe('idempotency_conflict');
  });

  it('waits for orders that referrals has not split yet, and names what it waits for', async () => {
    under.neighbours.orders = 3;
    const refused = await freeze();
    expect([refused.status, refused.body.code]).toEqual([409, 'cycle_not_settled']);
    expect(refused.body.detail).toContain('referrals.orders');
    under.neighbours.orders = 0;
    under.neighbours.parked = [
      {
        id: '7',
        service: 'referrals',
        status: 'waiting',
        consumer: 'referrals.orders',
        topic: TOPICS.orders,
        key: 'w1',
        eventId: 'od_1',
        code: 'handler_failed',
        reason: 'no such store',
      },
    ];
    const parked = await freeze();
    expect(parked.body).toMatchObject({ code: 'cycle_not_settled', errors: [{ code: 'event_parked' }] });
    for (const word of ['referrals 7', TOPICS.orders, 'w1', 'od_1', 'no such store']) {
      expect(parked.body.detail).toContain(word);
    }
    under.neighbours.parked = [];
    expect((await freeze()).status).toBe(200);
  }, 40_000);

  it('waits for what partners said about brands', async () => {
    const writer = new pg.Client({ connectionString: under.database.adminUrl });
    await writer.connect();
    await writer.query('begin; lock table brand_directory in share mode');
    const [news] = eventsFromSnapshot({ ...brandSnapshot('aurora'), version: 2 }, new Date());
    const body = create(BrandChangedSchema, news ?? {});
    const log = under.service.app.get<EventLog>(EVENT_LOG, { strict: false });
    await log.append([
      toEntry({
        topic: TOPICS.brands,
        key: 'aurora',
        id: 'brand-news',
        type: BrandChangedSchema.typeName,
        schemaName: BrandChangedSchema.typeName,
        time: new Date(),
        value: toBinary(BrandChangedSchema, body),
      }),
    ]);
    const refused = await freeze();
    await writer.query('rollback');
    await writer.end();
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining('settlement.brands')]);
    expect((await freeze()).status).toBe(200);
  }, 40_000);
});
