import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Credentials, SandboxFile } from '../local/network/sandbox-file.js';
import { Api, type Answer } from '../local/replay/api.js';
import { ALLIANCE } from '../local/sandbox/alliance.js';
import { phoneOf } from '../local/sandbox/members.js';
import type { Chance } from './chance.js';

/** Points per yuan at each brand, by its own rules: the order lines here have no category. */
const RATE: Readonly<Record<string, number>> = Object.fromEntries(
  ALLIANCE.map(({ slug, rules }) => {
    const base = rules.find(({ categories }) => categories.length === 0);
    return [slug, ((base?.points ?? 0) * 100) / (base?.per ?? 1)];
  }),
);

/** A call with a final answer. */
interface Told {
  readonly as: Credentials;
  readonly gateway: number;
  readonly path: string;
  readonly body: unknown;
  readonly key: string;
  readonly answer: Answer;
}

interface Bought {
  readonly brand: string;
  readonly member: number;
  readonly externalId: string;
  readonly yuan: number;
}

interface Spent {
  readonly brand: string;
  readonly member: number;
  readonly id: string;
  points: number;
}

/** Answers given to the tills and the expected state, from the tills' own sums. */
export class Books {
  readonly points = new Map<number, number>();
  readonly orders = new Map<string, Set<string>>();
  /** Points captured at each brand, less what was given back. */
  readonly redeemed = new Map<string, number>();
  /** Orders with a code: external id to the kept amount of goods, in fen. */
  readonly referred = new Map<string, number>();
  answered = 0;
  declined = 0;
  /** Abandoned authorizations, which expire. */
  abandoned = 0;

  move(member: number, points: number): void {
    this.points.set(member, (this.points.get(member) ?? 0) + points);
  }

  redeem(brand: string, points: number): void {
    this.redeemed.set(brand, (this.redeemed.get(brand) ?? 0) + points);
  }
}

export interface Referral {
  readonly seller: string;
  readonly code: string;
}

export const MEMBERS = 24;
/** Answered calls; some of them are repeated, unchanged and changed. */
const REMEMBERED = 200;

/** Tills of all brands. They move points of the same members concurrently and repeat unanswered calls until they are stopped. */
export class Tills {
  readonly books = new Books();
  readonly refs = new Map<string, string>();
  referral: Referral | null = null;
  /** Calls that needed a repeat, with the reason; the most recent ones. */
  readonly repeated: string[] = [];
  /** Gateway that gets no calls, as one that is about to stop is removed from its load balancer. */
  spared: number | null = null;
  private readonly apis: Api[];
  private readonly told: Told[] = [];
  private readonly bought: Bought[] = [];
  private readonly spent: Spent[] = [];
  private serial = 0;
  private stopped = false;

  constructor(
    sandboxes: readonly SandboxFile[],
    private readonly credentials: (brand: string) => Credentials,
    private readonly chance: Chance,
    private readonly run: string,
  ) {
    const onRepeat = (why: string): void => {
      this.repeated.push(why);
      if (this.repeated.length > REMEMBERED) this.repeated.shift();
    };
    this.apis = sandboxes.map((sandbox) => new Api(sandbox, { connections: 32, patience: 180_000, onRepeat }));
  }

  get calls(): number {
    return this.apis.reduce((sum, { calls }) => sum + calls, 0);
  }

  get retries(): number {
    return this.apis.reduce((sum, { retries }) => sum + retries, 0);
  }

  async close(): Promise<void> {
    for (const api of this.apis) await api.close();
  }

  /** Creates every member at every brand, with some points in every wallet. */
  async open(): Promise<void> {
    const chance = this.chance.fork();
    const all = ALLIANCE.flatMap(({ slug }) => Array.from({ length: MEMBERS }, (_, member) => ({ slug, member })));
    await inParallel(all, 8, async ({ slug, member }) => {
      const { memberRef } = (
        await this.call(chance, slug, '/v1/members', {
          externalId: `${slug}-${member}`,
          phone: phoneOf(`${7_000_000 + member}`),
          consents: [
            { purpose: 'join_pool', granted: true, policyVersion: '2026-01', channel: 'store', at: CONSENT_AT },
          ],
        })
      ).body as { memberRef: string };
      this.refs.set(`${slug} ${member}`, memberRef);
    });
    await inParallel(
      Array.from({ length: MEMBERS }, (_, member) => member),
      8,
      (member) => this.order(chance, chance.of(ALLIANCE).slug, member, 2_000),
    );
  }

  stop(): void {
    this.stopped = true;
  }

  /** Starts the given number of tills, each with its own sequence of random numbers. */
  async work(tills: number): Promise<void> {
    await Promise.all(
      Array.from({ length: tills }, async () => {
        const chance = this.chance.fork();
        while (!this.stopped) {
          await this.act(chance);
          await sleep(chance.between(5, 40));
        }
      }),
    );
  }

  private act(chance: Chance): Promise<void> {
    const { slug } = chance.of(ALLIANCE);
    const member = chance.below(MEMBERS);
    const draw = chance.below(100);
    if (draw < 40) return this.order(chance, slug, member, chance.between(1, 500));
    if (draw < 50) return this.returnGoods(chance);
    if (draw < 55) return this.grant(chance, slug, member);
    if (draw < 88) return this.redeem(chance, slug, member);
    if (draw < 96) return this.giveBack(chance);
    return this.look(chance, slug, member);
  }

  private ref(brand: string, member: number): string {
    const ref = this.refs.get(`${brand} ${member}`);
    if (ref === undefined) throw new Error(`${member} is not a member of ${brand}`);
    return ref;
  }

  private next(kind: string): string {
    this.serial += 1;
    return `${this.run}-${kind}${this.serial}`;
  }

  private gateway(chance: Chance): number {
    const drawn = chance.below(this.apis.length);
    return drawn === this.spared ? (drawn + 1) % this.apis.length : drawn;
  }

  /** Reads a wallet, with a new token. */
  private async look(chance: Chance, brand: string, member: number): Promise<void> {
    const api = this.apis[this.gateway(chance)] as Api;
    const as = this.credentials(brand);
    api.forget(as);
    await api.need(as, 'GET', `/v1/members/${this.ref(brand, member)}/wallet`);
    this.books.answered += 1;
  }

  /** Repeats the call until it is answered; any answer other than done or declined ends the run. */
  private async call(chance: Chance, brand: string, path: string, body: object): Promise<Answer> {
    const gateway = this.gateway(chance);
    const as = this.credentials(brand);
    const key = `${this.run}-k${(this.serial += 1)}`;
    const answer = await (this.apis[gateway] as Api).call(as, 'POST', path, body, key);
    if (answer.status >= 500 || [400, 401, 403, 404, 413].includes(answer.status))
      throw new Error(
        `${path} with ${JSON.stringify(body)} was answered ${answer.status} ${JSON.stringify(answer.body)}`,
      );
    this.books.answered += 1;
    if (answer.status >= 400) this.books.declined += 1;
    const told = { as, gateway, path, body, key, answer };
    if (this.told.length < REMEMBERED) this.told.push(told);
    else this.told[chance.below(REMEMBERED)] = told;
    return answer;
  }

  private async order(chance: Chance, brand: string, member: number, yuan: number): Promise<void> {
    const externalId = this.next('o');
    const referral = this.referral?.seller === brand && chance.below(3) === 0 ? this.referral : null;
    const answer = await this.call(chance, brand, '/v1/orders', {
      externalId,
      memberRef: this.ref(brand, member),
      storeRef: `${brand}-1`,
      occurredAt: new Date().toISOString(),
      currency: 'CNY',
      lines: [{ lineId: '1', sku: 'x', quantity: yuan, net: yuan * 100 }],
      ...(referral === null ? {} : { referral: { code: referral.code } }),
    });
    if (answer.status !== 201) throw new Error(`an order was declined: ${JSON.stringify(answer.body)}`);
    const points = yuan * (RATE[brand] ?? 0);
    const { earned, pending } = (answer.body as { points: { earned: number; pending: number } }).points;
    if (earned + pending !== points) throw new Error(`${externalId} earned ${earned + pending} points, not ${points}`);
    this.books.move(member, points);
    const known = this.books.orders.get(brand) ?? new Set();
    this.books.orders.set(brand, known.add(externalId));
    if (referral !== null) this.books.referred.set(externalId, yuan * 100);
    this.bought.push({ brand, member, externalId, yuan });
  }

  private async returnGoods(chance: Chance): Promise<void> {
    const [bought] = this.bought.splice(chance.below(Math.max(1, this.bought.length)), 1);
    if (bought === undefined) return;
    const { brand, member, externalId, yuan } = bought;
    const back = chance.between(1, yuan);
    const answer = await this.call(chance, brand, `/v1/orders/${externalId}/returns`, {
      externalId: this.next('r'),
      occurredAt: new Date().toISOString(),
      lines: [{ lineId: '1', quantity: back, net: back * 100 }],
    });
    if (answer.status !== 201) throw new Error(`a return was declined: ${JSON.stringify(answer.body)}`);
    this.books.move(member, -back * (RATE[brand] ?? 0));
    const kept = this.books.referred.get(externalId);
    if (kept !== undefined) this.books.referred.set(externalId, kept - back * 100);
  }

  private async grant(chance: Chance, brand: string, member: number): Promise<void> {
    const points = chance.between(1, 300);
    const answer = await this.call(chance, brand, '/v1/grants', {
      externalId: this.next('g'),
      memberRef: this.ref(brand, member),
      points,
      reason: 'sign_up',
      occurredAt: new Date().toISOString(),
      expiresAt: new Date(Date.now() + 400 * 86_400_000).toISOString(),
    });
    if (answer.status === 201) this.books.move(member, points);
  }

  private async redeem(chance: Chance, brand: string, member: number): Promise<void> {
    const points = chance.between(1, 400);
    const draw = chance.below(100);
    const abandons = draw >= 80 && draw < 85;
    const held = await this.call(chance, brand, '/v1/authorizations', {
      externalId: this.next('a'),
      memberRef: this.ref(brand, member),
      storeRef: `${brand}-1`,
      points,
      ttlSeconds: abandons ? 2 : 60,
    });
    if (held.status !== 201) return;
    const { id } = held.body as { id: string };
    const path = `/v1/authorizations/${id}`;
    const take = async (some: number): Promise<number> => {
      const answer = await this.call(chance, brand, `${path}/captures`, {
        externalId: this.next('c'),
        points: some,
        final: true,
      });
      return answer.status === 201 ? some : 0;
    };
    const release = async (): Promise<number> => {
      const answer = await this.call(chance, brand, `${path}/void`, { externalId: this.next('v') });
      return answer.status === 200 ? 1 : 0;
    };
    let taken = 0;
    if (draw < 50) taken = await take(points);
    else if (draw < 65) taken = await take(chance.between(1, points));
    else if (draw < 80) await release();
    else if (abandons) this.books.abandoned += 1;
    else {
      // several concurrently: one of them wins
      const some = Array.from({ length: 3 }, () => take(points));
      const [captures, voids] = await Promise.all([Promise.all(some), draw < 93 ? release() : Promise.resolve(0)]);
      const winners = captures.filter((won) => won > 0).length + voids;
      if (winners > 1) throw new Error(`${winners} of captures and voids of ${id} won`);
      taken = captures.reduce((sum, won) => sum + won, 0);
    }
    if (taken === 0) return;
    this.books.move(member, -taken);
    this.books.redeem(brand, taken);
    this.spent.push({ brand, member, id, points: taken });
  }

  private async giveBack(chance: Chance): Promise<void> {
    const [spent] = this.spent.splice(chance.below(Math.max(1, this.spent.length)), 1);
    if (spent === undefined) return;
    const points = chance.between(1, spent.points);
    const answer = await this.call(chance, spent.brand, `/v1/authorizations/${spent.id}/returns`, {
      externalId: this.next('b'),
      points,
      occurredAt: new Date().toISOString(),
    });
    if (answer.status !== 201) throw new Error(`points were not given back: ${JSON.stringify(answer.body)}`);
    this.books.move(spent.member, points);
    this.books.redeem(spent.brand, -points);
  }

  /** Repeats answered calls: they get the same answer again, and a refusal with other content. Returns the number of calls repeated. */
  async repeat(): Promise<number> {
    await inParallel(this.told, 8, async ({ as, gateway, path, body, key, answer }) => {
      const api = this.apis[(gateway + 1) % this.apis.length] as Api;
      const again = await api.call(as, 'POST', path, body, key);
      if (again.status !== answer.status || !isDeepStrictEqual(again.body, answer.body))
        throw new Error(
          `${path}, repeated, was answered ${again.status} ${JSON.stringify(again.body)}, at first ${answer.status} ${JSON.stringify(answer.body)}`,
        );
      const other = await api.call(as, 'POST', path, { ...(body as object), externalId: `${key}-other` }, key);
      if (other.status < 400)
        throw new Error(
          `${path} with the key of another call was answered ${other.status} ${JSON.stringify(other.body)}`,
        );
    });
    return this.told.length;
  }
}

const CONSENT_AT = new Date(Date.now() - 3_600_000).toISOString();

async function inParallel<T>(items: readonly T[], most: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: most }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
    }),
  );
}
