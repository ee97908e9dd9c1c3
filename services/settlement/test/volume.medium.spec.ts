import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { PostingKind } from '#libs/contracts';
import { monotonicMs } from '#libs/kernel';
import { NetworkProbe } from '#libs/http';
import { brandSnapshot } from '#libs/testing';
import { settlementUnderTest } from './settlement-under-test.js';
import type { Posting, SettlementUnderTest } from './settlement-under-test.js';
import { posting } from './worked-example.js';

const BRANDS = ['aurora', 'birch', 'crest', 'dune'];
const POSTINGS = 12_000;
const BATCH = 500;

/** A month of a busy alliance: half of the postings issue points, half redeem those of the previous posting. */
function month(): Posting[] {
  const postings: Posting[] = [];
  for (let i = 0; i < POSTINGS / 2; i += 1) {
    const issuer = BRANDS[i % 4] ?? 'aurora';
    const redeemer = BRANDS[(i * 7 + 1) % 4] ?? 'aurora';
    const wallet = `wallet-${i % 2_500}`;
    const at = new Date(Date.UTC(2026, 2, 2) + i * 60_000).toISOString();
    const points = BigInt(10 + (i % 333));
    postings.push(
      posting(`a${i}`, PostingKind.ACCRUAL, wallet, issuer, at, [{ lotId: `l${i}`, issuer, points }]),
      posting(`c${i}`, PostingKind.CAPTURE, wallet, redeemer, at, [{ lotId: `l${i}`, issuer, points: -points }]),
    );
  }
  return postings;
}

/** Watches this database for transactions with an id. `end` returns how long the longest had one, ms. */
async function transactionsOf(adminUrl: string): Promise<{ end(): Promise<number> }> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  const since = new Map<string, number>();
  let longest = 0;
  let ended = false;
  const watching = (async () => {
    while (!ended) {
      const { rows } = await client.query<{ id: string }>(
        'select backend_xid::text as id from pg_stat_activity where datname = current_database() and backend_xid is not null',
      );
      const now = monotonicMs();
      const held = new Set(rows.map(({ id }) => id));
      for (const id of since.keys()) if (!held.has(id)) since.delete(id);
      for (const id of held) longest = Math.max(longest, now - (since.get(id) ?? since.set(id, now).get(id) ?? now));
      await sleep(5);
    }
  })();
  return {
    end: async () => {
      ended = true;
      await watching;
      await client.end();
      return longest;
    },
  };
}

describe('a month of many lines', () => {
  let under: SettlementUnderTest;
  beforeAll(async () => {
    under = await settlementUnderTest(BRANDS.map((slug) => brandSnapshot(slug)));
  });
  afterAll(() => under.close());

  it('is written in batches, previewed by sums, frozen in one pass and proven again', async () => {
    const figures: string[] = [];
    const measured = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      const started = monotonicMs();
      const cpu = process.cpuUsage();
      const result = await work();
      const { user, system } = process.cpuUsage(cpu);
      figures.push(
        `${what} ${Math.round(monotonicMs() - started)} ms (${Math.round((user + system) / 1000)} ms of it computing here)`,
      );
      return result;
    };
    const postings = month();
    await measured(`${POSTINGS} postings in batches of ${BATCH}:`, async () => {
      for (let i = 0; i < postings.length; i += BATCH) await under.deliver(postings.slice(i, i + BATCH));
    });
    const preview = await measured('operator preview', () => under.asOperator('GET', '/v1/operator/cycles/2026-03'));
    const mine = await measured('statement preview', () =>
      under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me'),
    );
    await under.asOperator('POST', '/v1/operator/cycles/2026-03/cut-off');
    const watch = await transactionsOf(under.database.adminUrl);
    const started = monotonicMs();
    const frozen = await measured('freeze', async () => {
      let answer = await under.asOperator('POST', '/v1/operator/cycles/2026-03/freeze');
      // on a busy machine it continues by itself
      while (answer.body.status === 'freezing') {
        await sleep(100);
        answer = await under.asOperator('GET', '/v1/operator/cycles/2026-03');
      }
      return answer;
    });
    const took = monotonicMs() - started;
    const longest = await watch.end();
    figures.push(`of it ${Math.round(longest)} ms in the longest transaction that relays wait for`);
    const checks = await measured('invariants', () =>
      under.service.app.get(NetworkProbe, { strict: false }).invariants(),
    );
    const [{ n }] = await under.dataSource.transaction(async (tx) => {
      await tx.query(`set local hezong.brand = '*'`);
      return tx.query<[{ n: bigint }]>('select count(*) as n from line');
    });
    process.stderr.write(`settlement, ${n} lines: ${figures.join(', ')}\n`);

    expect(frozen.status).toBe(200);
    // relays wait for the oldest transaction with an id: a freeze of millions of lines must not hold one for minutes
    expect(longest).toBeLessThan(took / 3);
    expect({ ...frozen.body, status: 'open', cutOffAt: null, freeze: null }).toEqual({
      ...preview.body,
      to: frozen.body.to,
    });
    expect(frozen.body.sum).toBe(0);
    const statement = await under.asBrand('aurora', 'GET', '/v1/cycles/2026-03/statements/me');
    expect({ ...statement.body, hash: null, status: 'open' }).toEqual(mine.body);
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    // minutes here would delay the consumers of a live alliance
    expect(figures).toHaveLength(6);
  }, 180_000);
});
