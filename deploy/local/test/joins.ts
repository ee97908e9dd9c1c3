import { randomInt } from 'node:crypto';
import { expectInvariants, somePhone } from '#libs/testing';
import { Client } from './client.js';
import { attempts } from './joining.js';
import type { Attempt, Record } from './joining.js';
import { FIELDS } from './joins-fields.js';
import { ListeningBrand } from './listening-brand.js';
import type { LocalNetwork } from './local-network.js';
import { ensureAlliance } from '../sandbox/build-alliance.js';

const MEMBERS = 36;
/** Guessing gives one; ten or more by chance in any of the thousands of ways tried occurs once in ten thousand runs. */
const CHANCE = 10;
const PAIR = ['grocery', 'fresh'] as const;
type Slug = (typeof PAIR)[number];
const DAYS = ['2026-09-12', '2026-09-13', '2026-09-14'];
const CYCLE = '2026-09';

const at = (day: string, second: number): string =>
  new Date(Date.parse(`${day}T00:00:00+08:00`) + second * 1_000).toISOString();

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
    const brands = {} as { [slug in Slug]: ListeningBrand };
    const both = (): ListeningBrand[] => PAIR.map((slug) => brands[slug]);
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
        brands[slug] = new ListeningBrand(slug, new Client(sandbox, credentials), MEMBERS);
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
