import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { uuidv7 } from '#libs/kernel';
import { RELAY_START } from '#libs/messaging';
import type { OutgoingRecord, RelayPosition, RelaySource } from '#libs/messaging';
import { createClient, createPool } from '#libs/postgres';
import { OrderEventsSource } from '../orders/order-events.source.js';
import {
  aCapture,
  aLot,
  anAccrual,
  anAuthorization,
  aReversal,
  day,
  LedgerFixture,
} from '../../test/ledger-fixture.js';
import { PostingEventsSource } from './posting-events.source.js';

describe('events of a wallet', () => {
  let ledger: LedgerFixture;
  beforeAll(async () => {
    ledger = await LedgerFixture.open();
  }, 120_000);
  afterAll(() => ledger.close());

  /** Reads everything after a position, in publication order. */
  const readFrom = async (
    source: RelaySource,
    start: RelayPosition,
    through = 0n,
  ): Promise<[OutgoingRecord[], RelayPosition]> => {
    const pool = createPool(ledger.db.databaseUrl, 'events', 1);
    const client = await pool.connect();
    await client.query(`set hezong.brand = '*'`);
    const all: OutgoingRecord[] = [];
    let after = start;
    // a transaction elsewhere on the server may delay the newest rows for a moment
    while ((await source.backlog(client, after)) > 0 || BigInt(after.seq) < through) {
      const { records, next } = await source.read(client, after, 3);
      if (next === after) await sleep(20);
      all.push(...records);
      after = next;
    }
    client.release();
    await pool.end();
    return [all, after];
  };
  const versionsOf = async (events: readonly OutgoingRecord[], wallet: string): Promise<number[]> => {
    const ids = events.filter(({ key }) => key === wallet).map(({ id }) => id);
    const { rows } = await ledger.owner.query<{ id: string; version: bigint }>(
      'select id, wallet_version as version from posting where id = any($1)',
      [ids],
    );
    const versions = new Map(rows.map(({ id, version }) => [id, Number(version)]));
    return ids.map((id) => versions.get(id) ?? 0);
  };
  const session = async (): Promise<pg.Client> => {
    const client = createClient(ledger.db.ownerUrl, 'slow');
    await client.connect();
    return client;
  };

  it('keep their order when an older transaction reaches the wallet later', async () => {
    const [busy, wallet] = [uuidv7(), uuidv7()];
    for (const id of [busy, wallet])
      await ledger.postings.accrue(anAccrual(id, 'aurora', [aLot(5, { availableFrom: day(3) })]));
    const slow = await session();
    await slow.query('begin');
    await slow.query('select * from ledger_settle_v1($1, $2)', [day(4), [busy]]);
    const { rows: own } = await slow.query<{ xid: string }>('select pg_current_xact_id()::text as xid');
    // meanwhile a younger transaction posts to the other wallet and commits
    await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(7)], day(1)));
    await slow.query('select * from ledger_settle_v1($1, $2)', [day(4), [wallet]]);
    await slow.query('commit');
    await slow.end();
    const written = await ledger.owner.query<{ version: bigint; mine: boolean }>(
      `select wallet_version as version, xmin::text = $2 as mine from posting where wallet_id = $1 order by wallet_version`,
      [wallet, own[0]?.xid],
    );
    expect(written.rows).toEqual([
      { version: 1n, mine: false },
      { version: 2n, mine: false },
      { version: 3n, mine: true },
    ]);
    const [events] = await readFrom(new PostingEventsSource(), RELAY_START);
    expect(await versionsOf(events, wallet)).toEqual([1, 2, 3]);
  });

  it('have the order before its returns, even if the order earned nothing', async () => {
    const wallet = uuidv7();
    const bought = { lines: [], authorizationId: null };
    const bare = { ...anAccrual(wallet, 'aurora', []), result: bought };
    const earning = { ...anAccrual(wallet, 'aurora', [aLot(10)]), result: bought };
    await ledger.postings.accrue(bare);
    await ledger.postings.reverse(aReversal(bare, 0, []));
    await ledger.postings.accrue(earning);
    await ledger.postings.reverse(aReversal(earning, 0, [{ issuer: 'aurora', points: 4 }]));
    const hold = anAuthorization(wallet, 'crest', 6);
    await ledger.postings.authorize(hold);
    await ledger.postings.capture(aCapture(hold, null));
    const orders = await ledger.owner.query<{ id: string }>(
      `update purchase set document = '{"lines": [], "authorizationId": null}' where wallet_id <> $1 returning id`,
      [wallet],
    );
    expect(orders.rowCount).toBeGreaterThan(0);
    const last = await ledger.value<bigint>(
      'select greatest((select max(seq) from posting), (select max(seq) from order_event))',
    );
    const [events, end] = await readFrom(new OrderEventsSource(), RELAY_START, last);
    const kinds = events.filter(({ key }) => key === wallet).map(({ type }) => type.split('.')[3]);
    expect(kinds).toEqual(['recorded', 'returned', 'recorded', 'returned']);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    // postings without an order are skipped permanently
    expect(BigInt(end.seq)).toBe(last);
  });

  it('continue in another cluster, where transaction ids begin anew', async () => {
    const wallet = uuidv7();
    await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(1)]));
    const source = new PostingEventsSource();
    const [, published] = await readFrom(source, RELAY_START);
    await ledger.postings.accrue(anAccrual(wallet, 'aurora', [aLot(2)]));
    // as after a restore from a cluster whose transaction ids were far higher
    const superuser = createClient(ledger.db.adminUrl, 'restore');
    await superuser.connect();
    await superuser.query('set session_replication_role = replica');
    for (const table of ['posting', 'wallet', 'order_event']) {
      await superuser.query(`update ${table} set xid = (xid::text::bigint + 1000000000)::text::xid8 where xid <> '0'`);
    }
    await superuser.query(
      `update purchase set xid = (xid::text::bigint + 1000000000)::text::xid8 where xid is not null`,
    );
    await superuser.query(`update node set cluster = 'another'`);
    await superuser.end();
    const moved = { ...published, xid: String(BigInt(published.xid) + 1_000_000_000n) };

    // every connection first reads the cluster it is on, so another process posts in the new epoch from its first batch on
    const process = ledger.process(1);
    await process.accrue(anAccrual(wallet, 'aurora', [aLot(3)]));
    await process.accrue(anAccrual(wallet, 'aurora', [aLot(4)]));
    await process.onApplicationShutdown();
    const relay = createClient(ledger.db.databaseUrl, 'relay');
    await relay.connect();
    expect(await source.rebase(relay as unknown as pg.PoolClient, moved)).toEqual(moved);
    await relay.end();
    const [events, end] = await readFrom(source, moved);
    expect(await versionsOf(events, wallet)).toEqual([2, 3, 4]);
    expect(end.epoch).toBe(published.epoch + 1);
    // the wallet's previous position does not hold back the new epoch
    expect(BigInt(end.xid)).toBeLessThan(BigInt(moved.xid));
  });

  it('give the wallet’s state at any version by one look-up', async () => {
    const wallet = uuidv7();
    const order = anAccrual(wallet, 'aurora', [aLot(50), aLot(20, { availableFrom: day(1) })]);
    const hold = anAuthorization(wallet, 'crest', 40);
    const { postings } = ledger;
    const told: [bigint, bigint, bigint, bigint][] = [];
    const tell = async (outcome: ReturnType<typeof postings.accrue>): Promise<void> => {
      const { numbers } = await outcome;
      told.push([numbers.balance + numbers.held, numbers.held, numbers.pending, numbers.debt]);
    };
    await tell(postings.accrue(order));
    await tell(postings.authorize(hold));
    await tell(postings.capture(aCapture(hold, 30, false)));
    await tell(postings.reverse(aReversal(order, 0, [{ issuer: 'aurora', points: 65 }])));
    const { rows } = await ledger.owner.query<Record<string, bigint>>(
      'select balance_after, held_after, pending_after, debt_after from posting where wallet_id = $1 order by wallet_version',
      [wallet],
    );
    const after = rows.map((row) => [row['balance_after'], row['held_after'], row['pending_after'], row['debt_after']]);
    // the order has a second posting for its pending part
    expect(after[0]).toEqual([50n, 0n, 0n, 0n]);
    expect(after.slice(1)).toEqual(told);
  });
});
