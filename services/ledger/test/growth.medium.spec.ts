import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';
import type { EntityManager } from 'typeorm';

import { requestHash, uuidv7 } from '#libs/kernel';
import { IN_ORDER } from '#libs/messaging';
import { createClient } from '#libs/postgres';

import { SpentRepository } from '../src/invariants/spent.repository.js';
import { OrderEventsSource } from '../src/orders/order-events.source.js';
import { PostingEventsSource } from '../src/postings/posting-events.source.js';
import { IN_FORCE, SPAN } from '../src/rules/earning-rules.repository.js';
import { WalletRepository } from '../src/wallet/wallet.repository.js';
import { aCapture, aGiveBack, aLot, anAccrual, anAuthorization, day, LedgerFixture, START } from './ledger-fixture.js';

/** Pages that a transaction has requested, from memory or disk: the cost of growth, without timing noise. */
const PAGES = `select sum(pg_stat_get_xact_blocks_fetched(oid))::integer as pages from pg_class
  where relkind in ('r', 'i') and relnamespace = 'public'::regnamespace`;

/** Allowed extra cost of indexes that are a level or two higher: some pages for each look-up of a statement. */
const HIGHER = 200;

/** The cost of an operation must not grow with unrelated data. */
describe('the ledger as its tables grow', () => {
  let ledger: LedgerFixture;
  let lane: pg.Client;

  beforeAll(async () => {
    ledger = await LedgerFixture.open();
    lane = createClient(ledger.db.adminUrl, 'growth');
    await lane.connect();
    // the planner settings of the lanes
    await lane.query(`set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_hashjoin = off;
      set enable_mergejoin = off; set enable_material = off; set jit = off`);
  }, 120_000);
  afterAll(async () => {
    await lane.end();
    await ledger.postings.onApplicationShutdown();
    await ledger.owner.end();
    await ledger.db.drop();
  });

  /** Pages that the work touches in a transaction, which is rolled back. */
  const cost = async (client: pg.Client, work: () => Promise<unknown>): Promise<number> => {
    const counted = async (): Promise<number> => (await client.query<{ pages: number }>(PAGES)).rows[0]?.pages ?? 0;
    await client.query('begin');
    try {
      // statistics of earlier transactions may not be flushed yet
      const before = await counted();
      await work();
      return (await counted()) - before;
    } finally {
      await client.query('rollback');
    }
  };
  const pages = (sql: string, values: unknown[]): Promise<number> => cost(lane, () => lane.query(sql, values));
  /** Costs of the same request with some rows and with a hundred times as many. */
  const grown = async (
    grow: (from: number, to: number) => Promise<unknown>,
    ask: () => Promise<number>,
  ): Promise<[number, number]> => {
    // done explicitly, because the timing of autovacuum is unpredictable
    const settled = async (): Promise<unknown> => ledger.owner.query('vacuum (analyze) earning_rule, lot');
    await grow(1, 500);
    await settled();
    await ask();
    const few = await ask();
    await grow(501, 50_000);
    await settled();
    return [few, await ask()];
  };

  it('finds the rules in force among all rules that ever existed', async () => {
    const grow = (from: number, to: number): Promise<unknown> =>
      ledger.owner.query(
        `insert into earning_rule (id, brand, name, version, valid_from, priority, terms)
         select gen_random_uuid(), 'aurora', 'rule ' || n % 10, n, '2000-01-01'::timestamptz + n * interval '1 minute', 0, '{}'
         from generate_series($1::int, $2::int) n`,
        [from, to],
      );
    await ledger.owner.query(`select set_config('hezong.brand', '*', false)`);
    const [few, many] = await grown(grow, async () => {
      const at = new Date();
      return (await pages(IN_FORCE, ['aurora', at])) + (await pages(SPAN, ['aurora', at]));
    });
    expect(many).toBeLessThan(few + HIGHER);
    const { rows } = await lane.query(IN_FORCE, ['aurora', new Date()]);
    expect(rows).toHaveLength(10);
  });

  it('ends a campaign batch by batch, at the cost of its own lots', async () => {
    const mine = uuidv7();
    await ledger.postings.accrue(anAccrual(mine, 'birch', [aLot(5, { campaign: 'spring' })]));
    // other lots of the campaign are spent or expired: a batch must not read them
    const spent = (from: number, to: number): Promise<unknown> =>
      ledger.owner.query(
        `insert into lot (cell, wallet_id, id, open, points, remaining, expires_at, earned_at, terms_id, issuer, reason, posting_id, campaign)
         select ledger_cell(w), w, w, false, 1, 0, $3, $3, 1, 'birch', 'purchase', w, 'spring'
         from (select gen_random_uuid() as w from generate_series($1::int, $2::int)) x`,
        [from, to, START],
      );
    const grow = (from: number, to: number): Promise<unknown> =>
      ledger.owner.query(
        `insert into lot (cell, wallet_id, id, points, remaining, earned_at, terms_id, issuer, reason, posting_id, campaign)
         select ledger_cell(w), w, w, 1, 1, $3, 1, 'birch', 'purchase', w, 'autumn ' || n % 7
         from (select gen_random_uuid() as w, n from generate_series($1::int, $2::int) n) x`,
        [from, to, START],
      );
    const call = `select * from ledger_expire_v1($1, array[row('*', 'x', gen_random_uuid(), '\\x00', null, gen_random_uuid(), 'birch',
      'spring', null, 'over', '{}')::ledger_expiration_item], 200)`;
    const [few, many] = await grown(
      async (from, to) => [await grow(from, to), await spent(from, Math.min(to, 5_000))],
      () => pages(call, [day(4)]),
    );
    expect(many).toBeLessThan(few + HIGHER);
    const run = {
      id: uuidv7(),
      brand: '*',
      externalId: 'x',
      requestHash: requestHash('x'),
      result: {},
      reason: 'over',
    };
    const ended = await ledger.postings.expire({ ...run, issuer: 'birch', campaign: 'spring', now: day(4) });
    expect(ended.detail).toMatchObject({ points: 5n, lots: 1 });
  });

  it('sweeps due lots without reading lots that wait for a delivery', async () => {
    const due = uuidv7();
    await ledger.postings.accrue(anAccrual(due, 'aurora', [aLot(5, { expiresAt: day(3) })]));
    const grow = (from: number, to: number): Promise<unknown> =>
      ledger.owner.query(
        `insert into lot (cell, wallet_id, id, pending, points, remaining, expires_at, earned_at, terms_id, issuer, reason, posting_id)
         select ledger_cell(w), w, w, true, 1, 1, $3, $3, 1, 'aurora', 'purchase', w
         from (select gen_random_uuid() as w from generate_series($1::int, $2::int)) x`,
        [from, to, day(1)],
      );
    const [few, many] = await grown(grow, () => pages('select * from ledger_settle_due_v1($1, $2)', [day(4), 50]));
    expect(many).toBeLessThan(few + HIGHER);
    expect(await ledger.postings.settleDue(day(4), 50)).toEqual({ done: 1, failed: [] });
  });

  it('seals and relays a posting at the cost of its own lots, however many lots its wallet has', async () => {
    const mine = uuidv7();
    await ledger.postings.accrue(anAccrual(mine, 'aurora', [aLot(5), aLot(7)]));
    const grow = (from: number, to: number): Promise<unknown> =>
      ledger.owner.query(
        `insert into lot (cell, wallet_id, id, points, remaining, earned_at, terms_id, issuer, reason, posting_id)
         select ledger_cell($4::uuid), $4::uuid, gen_random_uuid(), 1, 1, $3, 1, 'aurora', 'purchase', gen_random_uuid()
         from generate_series($1::int, $2::int)`,
        [from, to, START, mine],
      );
    const call = `select * from ledger_digests(0::smallint, $1, 0, null, null, null, 1000)`;
    const relay = createClient(ledger.db.adminUrl, 'relay');
    await relay.connect();
    const first = { epoch: 0, xid: '0', seq: '0' };
    const read = (): Promise<unknown> =>
      new PostingEventsSource().read(relay as unknown as pg.PoolClient, first, 1_000);
    try {
      await relay.query(IN_ORDER);
      const [few, many] = await grown(grow, async () => (await pages(call, ['0'])) + (await cost(relay, read)));
      expect(many).toBeLessThan(few + 2 * HIGHER);
    } finally {
      await relay.end();
    }
  });

  it('tells what was given back at its own cost, however long the wallets’ history', async () => {
    const mine = uuidv7();
    await ledger.postings.accrue(anAccrual(mine, 'aurora', [aLot(100)]));
    const hold = anAuthorization(mine, 'crest', 25);
    await ledger.postings.authorize(hold);
    for (let n = 0; n < 25; n += 1) await ledger.postings.capture(aCapture(hold, 1, n === 24, day(3)));
    for (let n = 0; n < 10; n += 1) await ledger.postings.returnRedemption(aGiveBack(hold, 1, day(3)));
    const versions = `(select max(wallet_version) from posting where wallet_id = '${mine}')`;
    const grow = (from: number, to: number): Promise<unknown> =>
      lane.query(`begin; set local session_replication_role = replica;
        insert into posting select q.* from generate_series(${from}, ${to}) n, posting p, lateral jsonb_populate_record(p,
          jsonb_build_object('id', gen_random_uuid(), 'wallet_version', ${versions} + n, 'seq', n, 'xid', '1')) q
          where p.wallet_id = '${mine}' and p.wallet_version = 1;
        commit`);
    const client = createClient(ledger.db.databaseUrl, 'reader');
    await client.connect();
    try {
      await client.query(`select set_config('hezong.brand', '*', false)`);
      const reader = { query: async (sql: string, values: unknown[]) => (await client.query(sql, values)).rows };
      const which = { from: day(3).toISOString(), to: day(4).toISOString(), postings: null };
      const ask = (): Promise<number> =>
        cost(client, async () => {
          const spent = await new SpentRepository().spent(reader as unknown as EntityManager, which);
          expect(spent.map(({ points }) => points)).toEqual(['15']);
        });
      await ledger.owner.query('vacuum (analyze) posting, allocation, lot, hold');
      const few = await ask();
      await grow(1, 20_000);
      await ledger.owner.query('vacuum (analyze) posting, allocation, lot, hold');
      // the index of times leads to ranges of 128 pages
      expect(await ask()).toBeLessThan(few + 2 * HIGHER);
    } finally {
      await client.end();
    }
  });

  it('shows a page of a brand’s entries at the cost of the page, however long the wallet’s history', async () => {
    const mine = uuidv7();
    await ledger.postings.accrue(anAccrual(mine, 'aurora', [aLot(5)]));
    // of the brand one in a thousand at first and every second later; a lot for each, expiries and repayments among them
    const grow = (from: number, to: number): Promise<unknown> =>
      lane.query(`begin; set local session_replication_role = replica;
        create temporary table made on commit drop as select gen_random_uuid() as id, n + 1 as version,
          case when n > 10000 and n % 2 = 0 or n % 1000 = 1 then 'aurora' else 'crest' end as brand,
          (array['accrual', 'expiry', 'debt_repayment', 'accrual_reversal'])[n % 8 / 2 + 1] as kind from generate_series(${from}, ${to}) n;
        insert into posting select q.* from made m, posting p, lateral jsonb_populate_record(p, jsonb_build_object('id', m.id,
          'wallet_version', m.version, 'seq', m.version, 'xid', '1', 'brand', m.brand, 'kind', m.kind, 'lot_id', m.id, 'order_id', m.id)) q
          where p.wallet_id = '${mine}' and p.wallet_version = 1;
        insert into lot select q.* from made m, lot l, lateral jsonb_populate_record(l, jsonb_build_object('id', m.id,
          'origin_id', m.id, 'remaining', 0, 'open', false)) q where l.wallet_id = '${mine}' and l.points = 5 and l.open;
        commit`);
    const client = createClient(ledger.db.databaseUrl, 'reader');
    await client.connect();
    try {
      await client.query(`select set_config('hezong.brand', 'aurora', false)`);
      const reader = { query: async (sql: string, values: unknown[]) => (await client.query(sql, values)).rows };
      const page = (before: bigint | null): Promise<number> =>
        cost(client, async () => {
          const rows = await new WalletRepository().entries(
            reader as unknown as EntityManager,
            mine,
            'aurora',
            before,
            8,
          );
          expect(rows).toHaveLength(8);
        });
      await grow(1, 8_000);
      await ledger.owner.query('vacuum (analyze) posting, lot');
      const few = await page(null);
      await grow(8_001, 20_000);
      await ledger.owner.query('vacuum (analyze) posting, lot');
      // other brands' entries are passed over in the index
      for (const pages of [few, await page(null), await page(15_000n)]) expect(pages).toBeLessThan(HIGHER);
    } finally {
      await client.end();
    }
  });

  /** Copies of an existing posting with its order, placed before all others, for wallets of their own. */
  const history = async (from: number, to: number): Promise<unknown> =>
    lane.query(`begin; set local session_replication_role = replica;
      create temporary table made on commit drop as select gen_random_uuid() as w, n from generate_series(${from}, ${to}) n;
      insert into posting select q.* from made, posting p, lateral jsonb_populate_record(p, jsonb_build_object('cell', ledger_cell(w),
        'wallet_id', w, 'id', w, 'xid', '1', 'seq', n, 'order_id', w)) q where p.id = (select id from posting where kind = 'accrual' limit 1);
      commit`);

  it('relays and seals the newest postings at their own cost, with plans made while there were few', async () => {
    const order = async (): Promise<unknown> => {
      await ledger.postings.accrue(anAccrual(uuidv7(), 'aurora', [aLot(5)]));
      return lane.query(
        `begin; set local session_replication_role = replica; update purchase set document = '{"lines":[]}'; commit`,
      );
    };
    await order();
    const { rows } = await ledger.owner.query<{ epoch: number; xid: string }>(
      'select epoch, xid::text as xid from posting order by epoch desc, xid desc limit 1',
    );
    const after = { epoch: rows[0]?.epoch ?? 0, xid: `${BigInt(rows[0]?.xid ?? 0) - 1n}`, seq: '0' };
    const relay = createClient(ledger.db.adminUrl, 'relay');
    const sealer = createClient(ledger.db.adminUrl, 'sealer');
    await Promise.all([relay.connect(), sealer.connect()]);
    await relay.query(IN_ORDER);
    const postings = new PostingEventsSource();
    const read = (): Promise<number> =>
      cost(relay, async () => {
        for (const source of [postings, new OrderEventsSource()])
          await source.read(relay as unknown as pg.PoolClient, after, 500);
      });
    const seal = (): Promise<number> => cost(sealer, () => sealer.query('select ledger_seal_v1(500)'));
    try {
      while ((await ledger.owner.query<{ n: number }>('select ledger_seal_v1(1000) as n')).rows[0]?.n === 1000);
      await order();
      // a running transaction of any database of the server delays the reads
      while ((await postings.read(relay as unknown as pg.PoolClient, after, 500)).records.length < 2) await sleep(20);
      // six times, after which the plan is cached
      const [few] = [await read(), await read(), await read(), await read(), await read(), await read()];
      const fewSealed = await seal();
      await history(1, 50_000);
      expect(await read()).toBeLessThan(few + HIGHER);
      expect(await seal()).toBeLessThan(fewSealed + HIGHER);
      await ledger.owner.query('vacuum (analyze) posting');
      expect(await seal()).toBeLessThan(fewSealed + HIGHER);
    } finally {
      await Promise.all([relay.end(), sealer.end()]);
    }
  });
});
