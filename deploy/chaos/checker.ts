import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { withClient } from '#libs/postgres';
import type { HezongClient } from '#libs/sdk';
import { clientOf, ifThere } from '../local/network/client.js';
import type { Credentials } from '../local/network/sandbox-file.js';
import { Api } from '../local/replay/api.js';
import { ALLIANCE } from '../local/sandbox/alliance.js';
import { settled } from '../local/sandbox/cycles.js';
import type { Stage } from './stage.js';
import { MEMBERS, type Tills } from './tills.js';

/** Time limit for the network to settle after the last fault: a hold lasts a minute, the session of a crashed consumer half a minute. */
const REST_MS = 240_000;

interface Wallet {
  available: number;
  balance: number;
  pending: number;
  held: number;
  debt: number;
}

/** Failed checks; all checks run, so that one fault does not hide another. */
class Faults {
  readonly found: string[] = [];

  same(what: string, got: unknown, wanted: unknown): void {
    const [g, w] = [JSON.stringify(got), JSON.stringify(wanted)];
    if (g !== w) this.found.push(`${what}: ${g}, not ${w}`);
  }
}

/**
 * The checker at the end of every run. It checks the network's own invariants and compares the books with the answers of the tills: each
 * member has the points of the tills' own sums, each answered order is in the books exactly once and no other is, each brand redeemed the
 * points captured there less those given back, and each order with a code has one commission on the kept goods. No event waits or is
 * parked, and there was no deadlock.
 */
export async function check(
  stage: Stage,
  tills: Tills,
  credentials: (brand: string) => Credentials,
  say: (text: string) => void,
): Promise<void> {
  const [sandbox] = stage.sandboxes;
  if (sandbox === undefined) throw new Error('no gateway');
  const operator = clientOf(sandbox, sandbox.operator);
  const api = new Api(sandbox, { connections: 8 });
  const faults = new Faults();
  const { books } = tills;
  try {
    say(`${await tills.repeat()} answered calls repeated: answered the same, with other content refused`);
    await holdsEnd(stage);
    const report = await settled(operator, REST_MS);
    faults.same('settles, except for', report.settled ? [] : report.lag.filter(({ events }) => events > 0), []);
    faults.same(
      'invariants that do not hold',
      report.checks.filter(({ ok }) => !ok),
      [],
    );
    if (report.checks.length === 0 || !report.ok) faults.found.push(`the report says ok: ${String(report.ok)}`);

    for (let member = 0; member < MEMBERS; member += 1) {
      const { slug } = ALLIANCE[member % ALLIANCE.length] ?? { slug: '' };
      const ref = tills.refs.get(`${slug} ${member}`) ?? '';
      const wallet = await api.need<Wallet>(credentials(slug), 'GET', `/v1/members/${ref}/wallet`);
      const { available, balance, pending, held, debt } = wallet;
      // debts are already subtracted from the balance
      faults.same(`points of member ${member}`, balance + pending, books.points.get(member) ?? 0);
      faults.same(`held of member ${member}`, held, 0);
      if (available < 0 || pending < 0 || debt < 0) faults.found.push(`member ${member} has ${JSON.stringify(wallet)}`);
    }

    await inLedger(stage, async (ledger) => {
      for (const { slug } of ALLIANCE) {
        const { rows } = await ledger.query<{ id: string }>(
          'select external_id as id from purchase where brand = $1 order by 1',
          [slug],
        );
        faults.same(
          `orders of ${slug}`,
          rows.map(({ id }) => id),
          [...(books.orders.get(slug) ?? [])].sort(),
        );
      }
      const { rows } = await ledger.query<{ name: string; n: number }>(
        `select datname as name, deadlocks::int as n from pg_stat_database where datname like 'hezong_ledger%' and deadlocks > 0`,
      );
      faults.same('deadlocks', rows, []);
    });
    const redeemed = await redeemedByBrand(operator);
    for (const { slug } of ALLIANCE)
      faults.same(
        `points that settlement has as redeemed at ${slug}`,
        redeemed.get(slug) ?? 0,
        books.redeemed.get(slug) ?? 0,
      );

    if (tills.referral !== null) {
      const seller = clientOf(sandbox, credentials(tills.referral.seller));
      faults.same('what was kept of orders with a code', await promoted(seller), [...books.referred].sort(byName));
    }
    for (const [name, url] of stage.ops) {
      const text = await (await fetch(`${url}/metrics`)).text();
      const parked = [...text.matchAll(/^hezong_parked_records\{[^}]*\} (\d+)/gm)].map(([, n]) => Number(n));
      faults.same(
        `records parked at ${name}`,
        parked.filter((n) => n > 0),
        [],
      );
    }
  } finally {
    await api.close();
  }
  if (faults.found.length > 0)
    throw new Error(`${faults.found.length} faults:\n  ${faults.found.slice(0, 40).join('\n  ')}`);
  say(`${report(tills)}: nothing lost, nothing duplicated, nothing below zero`);
}

function report({ books, calls, retries }: Tills): string {
  const orders = [...books.orders.values()].reduce((sum, { size }) => sum + size, 0);
  return `${books.answered} answers (${books.declined} declines) to ${calls} calls (${retries} repeated), ${orders} orders, ${books.referred.size} with a code`;
}

const byName = (a: readonly [string, number], b: readonly [string, number]): number => (a[0] < b[0] ? -1 : 1);

/** Reads the ledger's database, the rows of all brands, without its proxy. */
function inLedger(stage: Stage, read: (ledger: pg.Client) => Promise<void>): Promise<void> {
  return withClient(stage.owners.get('ledger') ?? '', async (ledger) => {
    await ledger.query(`select set_config('hezong.brand', '*', false)`);
    await read(ledger);
  });
}

/** Waits until no hold is open: abandoned ones expire. */
async function holdsEnd(stage: Stage): Promise<void> {
  await inLedger(stage, async (ledger) => {
    for (const end = performance.now() + REST_MS; performance.now() < end; await sleep(500)) {
      const { rows } = await ledger.query<{ n: string }>('select count(*) as n from wallet where held > 0');
      if (rows[0]?.n === '0') return;
    }
  });
}

/** Points redeemed at each brand, over all cycles. */
async function redeemedByBrand(operator: HezongClient): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const month of months()) {
    const cycle = await ifThere(operator.operatorCycles.result({ path: { cycle: month } }));
    for (const { redeemer, points } of cycle?.matrix ?? [])
      sums.set(redeemer, (sums.get(redeemer) ?? 0) + Number(points));
  }
  return sums;
}

/** The current month and its neighbours: a run may cross a month's end, and a cycle that is cut off early continues in the next. */
export function months(): string[] {
  const now = new Date(Date.now() + 8 * 3_600_000);
  return [-1, 0, 1].map((step) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + step, 1)).toISOString().slice(0, 7),
  );
}

/** Orders with a code and their kept amount, in fen, by their commissions; an order with two commissions appears twice. */
async function promoted(seller: HezongClient): Promise<[string, number][]> {
  const found: [string, number][] = [];
  for (let after: string | undefined; ;) {
    const { data, page } = await seller.commissions.list({
      query: { limit: 200, ...(after === undefined ? {} : { after }) },
    });
    for (const { orderId, offerId, remaining } of data) if (offerId !== null) found.push([orderId, remaining]);
    if (!page.more || page.after === null) return found.sort(byName);
    after = page.after;
  }
}
