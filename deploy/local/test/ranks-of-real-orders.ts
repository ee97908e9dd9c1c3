import { join } from 'node:path';
import { clientOf } from '../network/client.js';
import { projectRoot } from '../network/root.js';
import { Api } from '../replay/api.js';
import { byHousehold } from '../replay/by-household.js';
import { orderBody } from '../replay/order-body.js';
import { readOrders, type Order } from '../replay/orders.js';
import { VALID_FROM } from '../sandbox/alliance.js';
import { ensureAlliance, storesOf } from '../sandbox/build-alliance.js';
import { settled } from '../sandbox/cycles.js';
import { Members } from '../sandbox/members.js';
import { membersByRank, type LadderSpec } from '../sandbox/tiers.js';
import type { LocalNetwork } from './local-network.js';

const WEEK = 7 * 86_400_000;
const NOW = Date.parse('2026-09-10T12:00:00+08:00');
/** About every fortieth household, with all its orders. */
const SAMPLE = /^\d*(07|48|91)$/;

/** Lower than the sandbox's, so that a few households reach every rank. */
const LADDER: LadderSpec = {
  name: 'real orders',
  validFrom: VALID_FROM,
  window: { kind: 'rolling', months: 12 },
  per: 100,
  brands: [
    { brand: 'grocery', weight: '1', cap: { credits: 30 } },
    { brand: 'fresh', weight: '1.5', cap: { credits: 25 } },
    { brand: 'drugstore', weight: '0.5', cap: { credits: 20 } },
  ],
  ranks: [
    { code: 'member' },
    { code: 'silver', conditions: { credits: 15, visits: 3 } },
    { code: 'gold', conditions: { credits: 28, brands: 2 }, earnMultiplier: '1.25', funder: 'seller' },
    { code: 'platinum', conditions: { credits: 45, brands: 2 }, earnMultiplier: '1.5', funder: 'operator' },
  ],
};
/** The weights again in hundredths, for integer arithmetic. */
const WEIGHTS: Record<string, number> = { grocery: 100, fresh: 150, drugstore: 50 };

interface Standing {
  rank: number;
  since: number | null;
  credits: number;
  visits: number;
  brands: number;
}

const shanghaiDay = (time: number): string => new Date(time + 8 * 3_600_000).toISOString().slice(0, 10);

/**
 * The rank of a household by a plain reading of the rules, deliberately without the service's code. All orders lie within one window, so no
 * rank is lost.
 */
function standingFromFile(orders: readonly { brand: string; at: number; net: number }[]): Standing {
  const credits = new Map<string, number>();
  const visits = new Set<string>();
  const standing: Standing = { rank: 0, since: null, credits: 0, visits: 0, brands: 0 };
  for (const { brand, at, net } of [...orders].sort((a, b) => a.at - b.at)) {
    const weight = WEIGHTS[brand];
    if (weight === undefined || net === 0) continue;
    credits.set(brand, (credits.get(brand) ?? 0) + Math.floor((net * weight) / 10_000));
    visits.add(`${brand} ${shanghaiDay(at)}`);
    standing.credits = LADDER.brands.reduce(
      (sum, { brand: name, cap }) => sum + Math.min(credits.get(name) ?? 0, cap.credits),
      0,
    );
    standing.visits = visits.size;
    standing.brands = credits.size;
    LADDER.ranks.forEach(({ conditions }, rank) => {
      const holds =
        conditions !== undefined &&
        standing.credits >= (conditions.credits ?? 0) &&
        standing.visits >= (conditions.visits ?? 0) &&
        standing.brands >= (conditions.brands ?? 0);
      if (!holds || rank <= standing.rank) return;
      standing.rank = rank;
      standing.since = at;
    });
  }
  return standing;
}

const netOf = (order: Order): number => order.lines.reduce((sum, line) => sum + line.net, 0);

/** Real orders of some households under a ladder: every rank, its start and its figures compared with a recomputation from the file. */
export function ranksOfRealOrders(network: () => LocalNetwork): void {
  describe('ranks of real orders', () => {
    it('are those computed from the file', async () => {
      const { sandbox, file } = network();
      const operator = clientOf(sandbox, sandbox.operator);
      const orders = (await readOrders(join(projectRoot(), 'deploy/local/data/order_lines.csv.gz'))).filter(
        ({ household }) => SAMPLE.test(household),
      );
      const last = Math.max(...orders.map(({ placedAt }) => Date.parse(placedAt)));
      const shift = Math.floor((NOW - last) / WEEK) * WEEK;
      const timeOf = (order: Order): number => Date.parse(order.placedAt) + shift;
      const api = new Api(sandbox, { connections: 8 });
      try {
        await operator.testClock.set({ body: { now: new Date(NOW).toISOString() } });
        const alliance = await ensureAlliance(operator, file, sandbox, storesOf(orders));
        const credentials = (brand: string): (typeof alliance.brands)[number] => {
          const found = alliance.brands.find(({ slug }) => slug === brand);
          if (found === undefined) throw new Error(`no credentials for ${brand}`);
          return found;
        };
        await operator.ladders.propose({ body: LADDER });
        const before = await membersByRank(operator, { asOf: new Date(NOW).toISOString() });
        const members = new Members(api, credentials);
        const joined = new Date(NOW - 30 * WEEK);
        await byHousehold(orders, 8, async (order) => {
          const memberRef = await members.ref(order.brand, order.household, joined);
          const at = new Date(timeOf(order));
          const { id: externalId, store, lines } = order;
          const body = orderBody({ externalId, memberRef, store, at, lines });
          await api.need(credentials(order.brand), 'POST', '/v1/orders', body);
        });
        const books = await settled(operator);
        expect(books).toMatchObject({ ok: true, settled: true });

        const counts = LADDER.ranks.map(() => 0);
        for (const household of new Set(orders.map((order) => order.household))) {
          const own = orders.filter((order) => order.household === household);
          const expected = standingFromFile(
            own.map((order) => ({ brand: order.brand, at: timeOf(order), net: netOf(order) })),
          );
          const brand = own[0]?.brand ?? '';
          const ref = await members.ref(brand, household, joined);
          const tier = await operator.tierInFull.one({ path: { memberRef: ref } });
          const { rank, credits, visits, brands } = tier;
          const since = tier.since === null ? null : Date.parse(tier.since);
          expect({ household, rank, since, credits, visits, brands }).toEqual({ household, ...expected });
          counts[expected.rank] = (counts[expected.rank] ?? 0) + 1;
        }
        // a sample in which nobody reaches a rank would prove nothing
        expect(counts.every((count) => count > 0)).toBe(true);
        const after = await membersByRank(operator, books);
        const gained = LADDER.ranks.map((_, i) => (after?.[i]?.members ?? 0) - (before?.[i]?.members ?? 0));
        expect(gained).toEqual(counts);
      } finally {
        await api.close();
      }
    }, 180_000);
  });
}
