import { uuidv7 } from '#libs/kernel';
import { contextFromHeaders, runInContext } from '#libs/observability';
import { createPool } from '#libs/postgres';
import { aLot, anAccrual, LedgerFixture } from '../../test/ledger-fixture.js';
import { RELAY_START } from '#libs/messaging';
import type { RelaySource } from '#libs/messaging';
import { OrderEventsSource } from '../orders/order-events.source.js';
import { PostingEventsSource } from './posting-events.source.js';

const DOCUMENT = { lines: [], rules: [], authorizationId: null };

describe('traces', () => {
  let ledger: LedgerFixture;
  beforeAll(async () => {
    ledger = await LedgerFixture.open();
  }, 120_000);
  afterAll(() => ledger.close());

  it('continue in the events of calls whose callers record them, in one batch with others', async () => {
    const recorded = contextFromHeaders('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', undefined);
    const unrecorded = contextFromHeaders('00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00', undefined);
    const accrue = (wallet: string, lots = [aLot(10)]): Promise<unknown> =>
      ledger.postings.accrue({ ...anAccrual(wallet, 'aurora', lots), result: DOCUMENT });
    const [traced, other, plain, bare] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()];
    await runInContext(recorded, () => accrue(bare, []));
    await Promise.all([
      runInContext(recorded, () => accrue(traced)),
      runInContext(unrecorded, () => accrue(other)),
      accrue(plain),
    ]);
    // the trace does not remain set on the connection
    await accrue(traced);

    const pool = createPool(ledger.db.databaseUrl, 'events', 1);
    const client = await pool.connect();
    await client.query(`set hezong.brand = '*'`);
    const read = async (source: RelaySource = new PostingEventsSource()): Promise<[string, string | undefined][]> => {
      const { records } = await source.read(client, RELAY_START, 100);
      return records.map(({ key, headers }) => [key, headers?.['traceparent']]);
    };
    let events = await read();
    for (let waited = 0; events.length < 4 && waited < 20_000; waited += 50) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      events = await read();
    }
    const orders = await read(new OrderEventsSource());
    client.release();
    await pool.end();
    expect(events.filter(([key]) => key === traced)).toEqual([
      [traced, recorded.traceparent],
      [traced, undefined],
    ]);
    expect(events.filter(([key]) => key !== traced).map(([, trace]) => trace)).toEqual([undefined, undefined]);
    const traces = (wallet: string): unknown[] => orders.filter(([key]) => key === wallet).map(([, trace]) => trace);
    expect([traces(traced), traces(other), traces(plain)]).toEqual([
      [recorded.traceparent, undefined],
      [undefined],
      [undefined],
    ]);
    // an order that earned nothing has no posting, but still has an event
    expect(traces(bare)).toEqual([recorded.traceparent]);
  });
});
