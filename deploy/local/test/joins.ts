import { createHash, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectInvariants, somePhone } from '#libs/testing';
import { Client } from './client.js';
import { attempts, flatten } from './joining.js';
import type { Attempt, Record } from './joining.js';
import type { LocalNetwork } from './local-network.js';
import { ensureAlliance } from '../sandbox/build-alliance.js';

const MEMBERS = 36;
/** Guessing gives one; ten or more by chance in any of the thousands of ways tried occurs once in ten thousand runs. */
const CHANCE = 10;
const PAIR = ['grocery', 'fresh'] as const;
type Slug = (typeof PAIR)[number];
const DAYS = ['2026-09-12', '2026-09-13', '2026-09-14'];
const CYCLE = '2026-09';

/** Values that may be equal: balances and credits, which follow the member's own acts at any brand, and which every till must see. */
const BALANCES = /\bwallet\.(available|held|pending|debt|balance|nextExpiry)|^expirations\b|\bcredits\b|\blimit$/;

/** Values that are the same for all members of a brand, or that the brand itself sends without a member. */
const at = (day: string, second: number): string =>
  new Date(Date.parse(`${day}T00:00:00+08:00`) + second * 1_000).toISOString();

class Brand {
  readonly refs: string[] = [];
  private readonly seen: Map<string, Set<string>>[] = Array.from({ length: MEMBERS }, () => new Map());
  readonly authorizations: string[][] = Array.from({ length: MEMBERS }, () => []);
  readonly orders: string[][] = Array.from({ length: MEMBERS }, () => []);

  constructor(
    readonly slug: Slug,
    readonly client: Client,
  ) {}

  /** An id as a till creates it, which says nothing about the member. */
  own(kind: string, ...parts: (string | number)[]): string {
    return createHash('sha256')
      .update([this.slug, kind, ...parts, randomInt(1e9)].join('|'))
      .digest('hex')
      .slice(0, 16);
  }

  told(member: number, name: string, answer: unknown): void {
    const record = this.seen[member];
    flatten(name, answer, (field, text) => {
      if (record === undefined || BALANCES.test(field)) return;
      const values = record.get(field) ?? new Set();
      record.set(field, values.add(text));
    });
  }

  /** Assigns list answers, each item to the member that it names. */
  toldAll(name: string, items: readonly unknown[]): void {
    for (const item of items) {
      const member = this.refs.indexOf((item as { memberRef?: string }).memberRef ?? '');
      if (member >= 0) this.told(member, name, item);
    }
  }

  async call(member: number, name: string, method: string, path: string, body?: unknown): Promise<{ id: string }> {
    let reply = await this.client.call(method, path, body);
    // a busy machine
    for (let left = 50; left > 0 && [429, 503].includes(reply.status); left -= 1) {
      await sleep(200);
      reply = await this.client.call(method, path, body);
    }
    if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
    this.told(member, name, reply.body);
    const tag = reply.headers.get('etag');
    if (tag !== null) this.told(member, `${name} etag`, tag);
    return reply.body as { id: string };
  }

  async pages(path: string): Promise<unknown[]> {
    const found: unknown[] = [];
    for (let after = ''; ;) {
      const { data, page } = await this.client.ok('GET', `${path}${path.includes('?') ? '&' : '?'}limit=200${after}`);
      found.push(...(data as unknown[]));
      if (page.more !== true) return found;
      after = `&after=${page.after as string}`;
    }
  }

  get records(): Record[] {
    return this.seen;
  }
}

/** Shuffled per brand, so that the order at one brand says nothing about the other. */
function shuffled(): number[] {
  return Array.from({ length: MEMBERS }, (_, i) => [randomInt(1e9), i] as const)
    .sort(([a], [b]) => a - b)
    .map(([, i]) => i);
}

async function inLanes<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const rest = [...items];
  const lane = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await act(item);
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
}

/** Two brands of the sandbox with all data they get except balances and credits. Their own tills have nothing in common here. */
export function joins(network: () => LocalNetwork): void {
  describe('two brands that combine everything they receive', () => {
    const brands = {} as { [slug in Slug]: Brand };
    const both = (): Brand[] => PAIR.map((slug) => brands[slug]);
    const order = Array.from({ length: MEMBERS }, () => randomInt(1e9));
    const best = (one: readonly Record[], other: readonly Record[]): Attempt[] =>
      attempts(one, other, order)
        .filter(({ hits }) => hits >= CHANCE)
        .sort((a, b) => b.hits - a.hits)
        .slice(0, 5);

    beforeAll(async () => {
      const { sandbox, file } = network();
      const operator = new Client(sandbox, sandbox.operator);
      const clock = (now: string): Promise<unknown> => operator.hezong.testClock.set({ body: { now } });
      await clock(at('2026-09-11', 60_000));
      const stores = new Map(PAIR.map((slug) => [slug, ['J-1', 'J-2']]));
      const alliance = await ensureAlliance(operator.hezong, file, sandbox, stores);
      for (const slug of PAIR) {
        const credentials = alliance.brands.find((brand) => brand.slug === slug);
        if (credentials === undefined) throw new Error(`no credentials for ${slug}`);
        brands[slug] = new Brand(slug, new Client(sandbox, credentials));
      }
      const programme = { contributorBp: 200, returnDays: 7, validFrom: at('2026-09-11', 61_000) };
      await operator.hezong.programmes.add({ body: programme });

      const phones = Array.from({ length: MEMBERS }, somePhone);
      for (const brand of both()) {
        await inLanes(shuffled(), async (m) => {
          const consent = {
            purpose: 'join_pool',
            granted: true,
            policyVersion: '1',
            channel: 'app',
            at: at('2026-09-10', randomInt(86_400)),
          };
          const body = { externalId: brand.own('member', m), phone: phones[m], consents: [consent] };
          brand.refs[m] = (
            (await brand.call(m, 'contribution', 'POST', '/v1/members', body)) as unknown as { memberRef: string }
          ).memberRef;
        });
      }

      // grocery promotes fresh to each of its members with a separate link
      const { grocery, fresh } = brands;
      await clock(at('2026-09-11', 70_000));
      const offer = await fresh.client.ok('POST', '/v1/offers', {
        name: 'neighbours',
        poolBp: 1_000,
        split: { contributor: 200, distributor: 500, operator: 300 },
        targets: ['fresh.example'],
        validFrom: at('2026-09-11', 70_000),
      });
      await grocery.client.ok('POST', `/v1/offers/${offer.id}/pickups`, { campaign: 'join' });
      const codes: string[] = [];
      await inLanes(shuffled(), async (m) => {
        const owner = { kind: 'brand', ref: 'grocery' };
        const link = {
          offerId: offer.id,
          campaign: 'join',
          owner,
          target: `https://fresh.example/${grocery.own('page', m)}`,
        };
        codes[m] = ((await grocery.call(m, 'link', 'POST', '/v1/links', link)) as unknown as { code: string }).code;
      });
      // buyers come to the shop in a different order
      await inLanes(shuffled(), async (m) => {
        const touch = { code: codes[m], kind: 'click', memberRef: fresh.refs[m], at: at('2026-09-11', 70_000) };
        await fresh.call(m, 'touch', 'POST', '/v1/touches', touch);
      });

      for (const day of DAYS) {
        await clock(at(day, 80_000));
        for (const brand of both()) {
          await inLanes(shuffled(), async (m) => {
            const memberRef = brand.refs[m] ?? '';
            const externalId = brand.own('order', m);
            await brand.call(m, 'order', 'POST', '/v1/orders', {
              externalId,
              memberRef,
              storeRef: `J-${1 + randomInt(2)}`,
              occurredAt: at(day, randomInt(79_000)),
              currency: 'CNY',
              lines: [
                { lineId: '1', sku: brand.own('sku'), category: 'x', quantity: 1, net: 20_000 + randomInt(80_000) },
              ],
            });
            brand.orders[m]?.push(externalId);
            if (day === DAYS[0]) {
              // points of both brands that expire before the next look at the wallet are removed together
              const expiresAt = at(DAYS[randomInt(DAYS.length)] ?? '', 86_399);
              const grant = {
                externalId: brand.own('grant', m),
                memberRef,
                points: 1_000 + randomInt(9_000),
                expiresAt,
              };
              await brand.call(m, 'grant', 'POST', '/v1/grants', { ...grant, reason: 'sign_up' });
              return;
            }
            const points = 20 + randomInt(80);
            const hold = { externalId: brand.own('hold', m), memberRef, storeRef: 'J-1', points, ttlSeconds: 900 };
            const { id } = await brand.call(m, 'authorization', 'POST', '/v1/authorizations', hold);
            brand.authorizations[m]?.push(id);
            await brand.call(m, 'capture', 'POST', `/v1/authorizations/${id}/captures`, {
              externalId: brand.own('capture', m),
              points,
            });
            if (randomInt(3) > 0) return;
            const back = {
              externalId: brand.own('back', m),
              points: 1 + randomInt(points),
              occurredAt: at(day, 80_000),
            };
            await brand.call(m, 'give-back', 'POST', `/v1/authorizations/${id}/returns`, back);
          });
        }
      }
      await clock(at('2026-09-16', 80_000));
      await expectInvariants(network().gateway, await operator.bearer());
      // restored for later tests
      await operator.hezong.programmes.add({ body: { contributorBp: 0, validFrom: at('2026-09-17', 0) } });

      for (const brand of both()) {
        brand.toldAll('members', await brand.pages('/v1/members'));
        brand.toldAll('lines', await brand.pages(`/v1/cycles/${CYCLE}/statements/me/lines`));
        const commissions = (await brand.pages('/v1/commissions')) as { id: string; memberRef: string }[];
        brand.toldAll('commissions', commissions);
        await inLanes(commissions, async ({ id, memberRef }) => {
          const member = brand.refs.indexOf(memberRef);
          if (member >= 0) await brand.call(member, 'commission', 'GET', `/v1/commissions/${id}`);
        });
        await inLanes([...brand.refs.keys()], async (m) => {
          const path = `/v1/members/${brand.refs[m] ?? ''}`;
          await brand.call(m, 'member', 'GET', path);
          await brand.call(m, 'consents', 'GET', `${path}/consents`);
          await brand.call(m, 'tier', 'GET', `${path}/tier`);
          await brand.call(m, 'wallet', 'GET', `${path}/wallet`);
          await brand.call(m, 'entries', 'GET', `${path}/wallet/entries`);
          await brand.call(m, 'earnings', 'GET', `/v1/earnings?kind=member&memberRef=${brand.refs[m] ?? ''}`);
          for (const id of brand.orders[m] ?? []) await brand.call(m, 'order', 'GET', `/v1/orders/${id}`);
          for (const id of brand.authorizations[m] ?? [])
            await brand.call(m, 'authorization', 'GET', `/v1/authorizations/${id}`);
        });
      }
    }, 240_000);

    it('have tried every field', () => {
      const fields = new Set(both().flatMap(({ records }) => records.flatMap((record) => [...record.keys()])));
      expect([...fields].filter((field) => !FIELDS.includes(field)).sort()).toEqual([]);
      expect(fields.size).toBeGreaterThan(FIELDS.length - 10);
    });

    it('match their members no better than chance by equal values, near times and amounts, orders, and parts of ids', () => {
      expect(best(brands.grocery.records, brands.fresh.records)).toEqual([]);
    });

    /** Restores data that the network must never show: the same attempts find it. */
    const told: [string, (member: number, slug: Slug, values: (field: string) => Set<string>) => unknown][] = [
      ['an id', (m, _, of) => of('lines.id').add(`ln_${String(m).padStart(26, '0')}`)],
      [
        'a reference',
        (m, slug, of) => of(slug === 'fresh' ? 'lines.reference' : 'order.externalId').add(`r-${m * 7_919}`),
      ],
      ['an exact time', (m, _, of) => of('lines.postedAt').add(at('2026-09-13', m * 977))],
      [
        'a time within seconds',
        (m, slug, of) => of('lines.occurredAt').add(at('2026-09-02', m * 977 + (slug === 'fresh' ? 3 : 0))),
      ],
      ['a single amount', (m, _, of) => of('lines.amount').add(`${1_000_003 + m * 17}.00`)],
      [
        'a sequence',
        (m, slug, of) =>
          of(`${slug}.sequence`).add(`ln_${String((m + 1) * (slug === 'fresh' ? 31 : 7)).padStart(26, '0')}`),
      ],
      ['a time of a rank', (m, _, of) => of('tier.since').add(at('2026-08-02', m * 4_001))],
    ];
    it.each(told)('would match them by %s if both received it', (_, tell) => {
      const [one = [], other = []] = PAIR.map((slug) =>
        brands[slug].records.map((record, member) => {
          // with enough fields to hide among; all of them are tried above
          const some = [...record].filter(([field]) => /^(lines|tier)\./.test(field));
          const copy = new Map(some.map(([field, values]) => [field, new Set(values)]));
          tell(member, slug, (field) => {
            const values = copy.get(field) ?? new Set<string>();
            copy.set(field, values);
            return values;
          });
          return copy;
        }),
      );
      expect(best(one, other)[0]?.hits).toBeGreaterThan(MEMBERS - 4);
    });
  });
}

/** Every field that was tried. A new field must be reviewed and added here. */
const FIELDS: string[] = [
  'authorization.captured',
  'authorization.createdAt',
  'authorization.expiresAt',
  'authorization.externalId',
  'authorization.id',
  'authorization.memberRef',
  'authorization.points',
  'authorization.returned',
  'authorization.status',
  'authorization.storeRef',
  'capture.authorization.captured',
  'capture.authorization.status',
  'capture.id',
  'capture.points',
  'commission.base',
  'commission.campaign',
  'commission.currency',
  'commission.decision.rule',
  'commission.decision.wonBy',
  'commission.holdUntil',
  'commission.id',
  'commission.legs[].amount',
  'commission.legs[].currency',
  'commission.legs[].day',
  'commission.legs[].entryId',
  'commission.legs[].id',
  'commission.legs[].party',
  'commission.legs[].payee',
  'commission.legs[].postedAt',
  'commission.legs[].salt',
  'commission.memberRef',
  'commission.occurredAt',
  'commission.offerId',
  'commission.orderId',
  'commission.parties[].held',
  'commission.parties[].party',
  'commission.parties[].payee',
  'commission.plan.floorBp',
  'commission.plan.poolBp',
  'commission.plan.restBp',
  'commission.plan.rule',
  'commission.plan.shares.contributor',
  'commission.plan.shares.distributor',
  'commission.plan.shares.operator',
  'commission.pool',
  'commission.receivedAt',
  'commission.remaining',
  'commission.rest',
  'commission.restRemaining',
  'commission.returnedToPayer',
  'commission.state',
  'commission.storeRef',
  'commission.used',
  'commissions.base',
  'commissions.campaign',
  'commissions.currency',
  'commissions.holdUntil',
  'commissions.id',
  'commissions.legs[].amount',
  'commissions.legs[].currency',
  'commissions.legs[].day',
  'commissions.legs[].entryId',
  'commissions.legs[].id',
  'commissions.legs[].party',
  'commissions.legs[].payee',
  'commissions.legs[].postedAt',
  'commissions.legs[].salt',
  'commissions.memberRef',
  'commissions.occurredAt',
  'commissions.offerId',
  'commissions.orderId',
  'commissions.parties[].held',
  'commissions.parties[].party',
  'commissions.parties[].payee',
  'commissions.plan.floorBp',
  'commissions.plan.poolBp',
  'commissions.plan.restBp',
  'commissions.plan.rule',
  'commissions.plan.shares.contributor',
  'commissions.plan.shares.distributor',
  'commissions.plan.shares.operator',
  'commissions.pool',
  'commissions.receivedAt',
  'commissions.remaining',
  'commissions.rest',
  'commissions.restRemaining',
  'commissions.returnedToPayer',
  'commissions.state',
  'commissions.storeRef',
  'commissions.used',
  'consents.data[].at',
  'consents.data[].channel',
  'consents.data[].id',
  'consents.data[].policyVersion',
  'consents.data[].purpose',
  'consents.data[].recordedAt',
  'contribution.createdAt',
  'contribution.externalId',
  'contribution.memberRef',
  'contribution.status',
  'earnings.owner.kind',
  'earnings.owner.ref',
  'entries.data[].id',
  'entries.data[].occurredAt',
  'entries.data[].order.externalId',
  'entries.data[].points',
  'entries.data[].postedAt',
  'entries.data[].reason',
  'entries.data[].reference',
  'entries.data[].trace[]',
  'entries.data[].type',
  'give-back.id',
  'give-back.restored[].expiresAt',
  'give-back.restored[].points',
  'grant.id',
  'grant.points',
  'lines.amount',
  'lines.currency',
  'lines.day',
  'lines.id',
  'lines.memberRef',
  'lines.occurredAt',
  'lines.originalLine',
  'lines.payee',
  'lines.payer',
  'lines.points',
  'lines.postedAt',
  'lines.price',
  'lines.reference',
  'lines.store',
  'lines.type',
  'link.campaign',
  'link.clicks',
  'link.code',
  'link.createdAt',
  'link.id',
  'link.offerId',
  'link.owner.kind',
  'link.owner.ref',
  'link.seller',
  'link.target',
  'link.url',
  'member etag',
  'member.contacts[]',
  'member.createdAt',
  'member.externalId',
  'member.memberRef',
  'member.status',
  'member.updatedAt',
  'members.contacts[]',
  'members.createdAt',
  'members.externalId',
  'members.memberRef',
  'members.status',
  'members.updatedAt',
  'order.currency',
  'order.externalId',
  'order.id',
  'order.lines[].category',
  'order.lines[].lineId',
  'order.lines[].net',
  'order.lines[].points',
  'order.lines[].quantity',
  'order.lines[].returned.net',
  'order.lines[].returned.quantity',
  'order.lines[].sku',
  'order.memberRef',
  'order.occurredAt',
  'order.points.earned',
  'order.points.pending',
  'order.points.reversed',
  'order.storeRef',
  'order.trace[]',
  'tier.earnMultiplier',
  'tier.memberRef',
  'tier.rank',
  'tier.since',
  'tier.tier',
  'tier.until',
  'touch.at',
  'touch.id',
  'touch.kind',
  'touch.linkId',
  'touch.recordedAt',
  'wallet.asOf',
  'wallet.memberRef',
];
