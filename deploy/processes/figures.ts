import { join } from 'node:path';
import { aBrand, aContract, aMember, anEarningRule } from '#libs/testing';
import type { CreateContractBody, HezongClient } from '#libs/sdk';
import { byTwo } from '../local/network/by-two.js';
import { clientOf } from '../local/network/client.js';
import { projectRoot } from '../local/network/root.js';
import { credentialsOf } from '../local/network/sandbox-file.js';
import type { Credentials, SandboxFile } from '../local/network/sandbox-file.js';
import { Api } from '../local/replay/api.js';
import { byHousehold } from '../local/replay/by-household.js';
import { readOrders, type Order } from '../local/replay/orders.js';
import { ensureAlliance, storesOf } from '../local/sandbox/build-alliance.js';
import { closeCycle, settled } from '../local/sandbox/cycles.js';
import { Members } from '../local/sandbox/members.js';
import { emptyTally, Player } from '../local/sandbox/player.js';
import { tellStory } from '../local/sandbox/story.js';

/** Results that must not depend on the number of processes or on their failures. */
export type Figures = Record<string, unknown>;

const BRANDS = ['aurora', 'birch', 'crest'] as const;
type Brand = (typeof BRANDS)[number];
const DAY = 86_400_000;
/** The replay uses the cycle after that of the example. */
const FIRST_DAY = Date.parse('2026-04-06T00:00:00+08:00');

export class Story {
  private readonly api: Api;
  private readonly operator: HezongClient;

  constructor(
    private readonly sandbox: SandboxFile,
    private readonly sandboxFile: string,
    private readonly say: (text: string) => void,
  ) {
    this.api = new Api(sandbox, { connections: 24, onOutage: (text) => say(text) });
    this.operator = clientOf(sandbox, sandbox.operator);
  }

  close(): Promise<void> {
    return this.api.close();
  }

  private clock(now: string): Promise<unknown> {
    return this.operator.testClock.set({ body: { now }, meta: { repeatable: true } });
  }

  private async positions(id: string): Promise<Figures> {
    const { positions, matrix, gross, netted, sum, status } = await this.operator.operatorCycles.result({
      path: { cycle: id },
    });
    const moved = positions.filter(({ net }) => net !== 0).map(({ party, net }) => [party, net] as const);
    const nets = Object.fromEntries(moved.sort(([a], [b]) => (a < b ? -1 : 1)));
    const cells = matrix
      .filter(({ points }) => points !== 0)
      .map(({ issuer, redeemer, points, amount }) => `${issuer} ${redeemer} ${points} ${amount}`);
    return { status, nets, cells: cells.sort(), gross, netted, sum };
  }

  /** Checks of the whole network, after it has settled. */
  async books(): Promise<Figures> {
    const report = await settled(this.operator, 120_000);
    const broken = report.checks.filter(({ ok }) => !ok);
    if (!report.settled)
      throw new Error(`the network does not settle: ${JSON.stringify(report.lag.filter(({ events }) => events > 0))}`);
    if (broken.length > 0 || report.checks.length === 0)
      throw new Error(`invariants do not hold: ${JSON.stringify(broken)}`);
    return Object.fromEntries(report.checks.map(({ name, measured }) => [name, measured]));
  }

  private async contract(slug: string): Promise<void> {
    const body = aContract() as unknown as CreateContractBody;
    const second = clientOf(this.sandbox, this.sandbox.operator.second);
    await byTwo(second, () => this.operator.contracts.create({ path: { slug }, body }));
  }

  /** The worked settlement example, E1 to E9, through the gateway; returns the closed cycle. */
  async workedExample(): Promise<Figures> {
    const { api } = this;
    const { operator } = this.sandbox;
    const clients = {} as Record<Brand, Credentials>;
    await this.clock('2026-03-01T09:00:00+08:00');
    for (const slug of BRANDS) {
      const path = `/v1/operator/brands/${slug}`;
      await api.need(operator, 'POST', '/v1/operator/brands', aBrand(slug));
      await api.need(operator, 'POST', `${path}/status`, { status: 'live' });
      await this.contract(slug);
      clients[slug] = await api.need<Credentials>(operator, 'POST', `${path}/clients`, { name: 'pos' });
    }
    const rule = (brand: Brand, name: string, categories: string[], expires: string): Promise<unknown> =>
      api.need(
        operator,
        'POST',
        '/v1/operator/earning-rules',
        anEarningRule(brand, {
          name,
          match: { stores: [], categories, excludeCategories: [], tiers: [] },
          expiry: { kind: 'fixed', at: expires },
        }),
      );
    await rule('aurora', 'base', [], '2027-03-31T23:59:59+08:00');
    await rule('birch', 'long', ['long'], '2027-04-30T23:59:59+08:00');
    await rule('birch', 'short', ['short'], '2026-12-31T23:59:59+08:00');
    const member = async (brand: Brand, n: number): Promise<string> =>
      (
        await api.need<{ memberRef: string }>(
          clients[brand],
          'POST',
          '/v1/members',
          aMember(`${brand}-m${n}`, { phone: `+861380013800${n}` }),
        )
      ).memberRef;
    const refs = {} as Record<Brand, [string, string]>;
    for (const brand of BRANDS) refs[brand] = [await member(brand, 1), await member(brand, 2)];
    const order = (
      brand: Brand,
      externalId: string,
      ref: string,
      at: string,
      net: number,
      category: string,
    ): Promise<unknown> =>
      api.need(clients[brand], 'POST', '/v1/orders', {
        externalId,
        memberRef: ref,
        storeRef: `${brand}-1`,
        occurredAt: at,
        currency: 'CNY',
        lines: [{ lineId: '1', sku: 'x', category, quantity: 4, net }],
      });
    const redeem = async (brand: Brand, externalId: string, memberRef: string, points: number): Promise<string> => {
      const body = { memberRef, storeRef: `${brand}-1`, currency: 'CNY', basketTotal: points * 2, points };
      const quote = await api.need<{ id: string }>(clients[brand], 'POST', '/v1/quotes', body, `${externalId}-q`);
      const { id } = await api.need<{ id: string }>(clients[brand], 'POST', '/v1/authorizations', {
        externalId,
        quoteId: quote.id,
      });
      await api.need(clients[brand], 'POST', `/v1/authorizations/${id}/captures`, { externalId: `${externalId}-1` });
      return id;
    };
    await this.clock('2026-03-02T08:00:00+08:00');
    await order('aurora', 'E1', refs.aurora[0], '2026-03-02T08:00:00+08:00', 1_000_000, 'x');
    await this.clock('2026-03-03T08:00:00+08:00');
    await order('birch', 'E2', refs.birch[0], '2026-03-03T08:00:00+08:00', 600_000, 'long');
    await this.clock('2026-03-05T08:00:00+08:00');
    await order('birch', 'E3', refs.birch[1], '2026-03-05T08:00:00+08:00', 400_000, 'short');
    await this.clock('2026-03-06T08:00:00+08:00');
    await api.need(clients.crest, 'POST', '/v1/grants', {
      externalId: 'E4',
      memberRef: refs.crest[1],
      points: 2_000,
      reason: 'sign_up',
      campaign: 'spring',
      occurredAt: '2026-03-06T08:00:00+08:00',
      expiresAt: '2027-03-31T23:59:59+08:00',
    });
    await this.clock('2026-03-20T08:00:00+08:00');
    const e5 = await redeem('crest', 'E5', refs.crest[0], 12_000);
    await this.clock('2026-03-22T08:00:00+08:00');
    await api.need(clients.birch, 'POST', '/v1/orders/E3/returns', {
      externalId: 'E6',
      occurredAt: '2026-03-22T08:00:00+08:00',
      lines: [{ lineId: '1', quantity: 1, net: 100_000 }],
    });
    await this.clock('2026-03-25T08:00:00+08:00');
    await redeem('aurora', 'E7', refs.aurora[1], 3_500);
    await this.clock('2026-03-26T08:00:00+08:00');
    await api.need(clients.crest, 'POST', `/v1/authorizations/${e5}/returns`, {
      externalId: 'E8',
      points: 2_000,
      occurredAt: '2026-03-26T08:00:00+08:00',
    });
    await this.clock('2026-03-31T08:00:00+08:00');
    await api.need(operator, 'POST', '/v1/operator/expirations', {
      externalId: 'E9',
      brand: 'crest',
      campaign: 'spring',
      reason: 'promotion closed',
    });
    await this.clock('2026-04-02T08:00:00+08:00');
    await closeCycle(this.operator, '2026-03');
    return this.positions('2026-03');
  }

  /** Real orders with redemptions, voids and returns, day by day under the test clock; then the cycle is closed. */
  async replay(count: number, during: (done: number, total: number) => void): Promise<Figures> {
    const { api } = this;
    const orders: Order[] = (await readOrders(join(projectRoot(), 'deploy/local/data/order_lines.csv.gz'))).slice(
      0,
      count,
    );
    const earliest = Math.min(...orders.map((order) => Date.parse(order.placedAt)));
    const weeks = Math.ceil((FIRST_DAY - earliest) / (7 * DAY));
    const days = tellStory(orders, weeks);
    const alliance = await ensureAlliance(this.operator, this.sandboxFile, this.sandbox, storesOf(orders));
    const credentials = (brand: string): Credentials => credentialsOf(alliance, brand);
    const since = new Map<string, Date>();
    for (const order of orders) {
      const key = `${order.brand} ${order.household}`;
      const at = new Date(Date.parse(order.placedAt) + weeks * 7 * DAY);
      const known = since.get(key);
      if (known === undefined || at < known) since.set(key, at);
    }
    const tally = emptyTally();
    const player = new Player(api, credentials, new Members(api, credentials), since, tally);
    const total = days.reduce((sum, day) => sum + day.steps.length, 0);
    let done = 0;
    for (const day of days) {
      await this.clock(day.clock.toISOString());
      await byHousehold(day.steps, 16, async (step) => {
        await player.play(step);
        done += 1;
        during(done, total);
      });
    }
    this.say(`${done} steps of ${orders.length} orders on ${days.length} days, ${api.retries} calls repeated`);
    if (tally.mismatches.length > 0)
      throw new Error(`answers differ from the file: ${tally.mismatches.slice(0, 3).join('; ')}`);
    const months = [...new Set(days.map(({ date }) => date.slice(0, 7)))];
    const last = days.at(-1)?.clock ?? new Date(FIRST_DAY);
    await this.clock(new Date(last.getTime() + 35 * DAY).toISOString());
    const cycles: Figures = {};
    for (const month of months) if (await closeCycle(this.operator, month)) cycles[month] = await this.positions(month);
    const { orders: posted, returns, redemptions, voids, givenBack } = tally;
    return {
      tally: { posted, returns, redemptions, voids, givenBack },
      earned: Object.fromEntries([...tally.earned].sort()),
      cycles,
    };
  }
}
