import { aBrand, aContract, aMember, anEarningRule, expectInvariants, somePhone } from '#libs/testing';
import type { ContributeDto, EarningRuleDto } from '#libs/sdk';
import { Client, newBrand, type Reply } from './client.js';
import type { LocalNetwork } from './local-network.js';

/** Headers that differ between any two answers. */
const OWN_TO_EACH_ANSWER = [
  'date',
  'x-request-id',
  'traceparent',
  'ratelimit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'ratelimit-limit',
  'ratelimit-policy',
  'x-ratelimit-remaining',
];

function comparable(reply: Reply<unknown>): unknown {
  const headers = [...reply.headers].filter(([name]) => !OWN_TO_EACH_ANSWER.includes(name)).sort();
  return { status: reply.status, text: reply.text, headers };
}

/** Every string in an answer, without its keys, and the parts of its headers. */
function values(reply: Reply<unknown>): string[] {
  const found: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value === 'string') found.push(value);
    else if (Array.isArray(value)) value.forEach(walk);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk);
  };
  walk(reply.body);
  for (const [, value] of reply.headers) found.push(value);
  return found;
}

/** A brand's token gives access to nothing of another brand, and no answers let two brands find out that they refer to the same person. */
export function isolation(network: () => LocalNetwork): void {
  describe('isolation of brands', () => {
    let operator: Client;
    let north: Client;
    let south: Client;
    const phone = somePhone();
    const ref = { north: '', south: '' };
    let authorization = '';

    beforeAll(async () => {
      const { sandbox } = network();
      operator = new Client(sandbox, sandbox.operator);
      // The worked example may have left the clock frozen.
      await operator.hezong.testClock.set({ body: { now: '2026-04-10T12:00:00+08:00' } });
      [north, south] = (await Promise.all(
        ['north', 'south'].map(async (slug) => {
          const brand = await newBrand(operator, sandbox, aBrand(slug), aContract());
          await operator.hezong.earningRules.add({ body: anEarningRule(slug) as EarningRuleDto });
          return brand;
        }),
      )) as [Client, Client];
      for (const [slug, client] of [
        ['north', north],
        ['south', south],
      ] as const) {
        const { members, orders } = client.hezong;
        const body = aMember(`${slug}-customer`, { phone }) as ContributeDto;
        ref[slug] = (await members.contribute({ body })).memberRef;
        await orders.accept({
          body: {
            externalId: `${slug}-order`,
            memberRef: ref[slug],
            storeRef: `${slug}-1`,
            occurredAt: '2026-04-10T11:00:00+08:00',
            currency: 'CNY',
            lines: [{ lineId: '1', sku: 'x', category: 'y', quantity: 2, net: 50_000 }],
          },
        });
      }
      const { authorizations } = north.hezong;
      const hold = await authorizations.authorize({
        body: { externalId: 'north-hold', memberRef: ref.north, storeRef: 'north-1', points: 600, ttlSeconds: 900 },
      });
      authorization = hold.id;
      await authorizations.capture({
        path: { id: authorization },
        body: { externalId: 'north-capture', points: 100, final: false },
      });
    });

    const missing = (id: string): string => id.replace(/.{8}$/, '0000ABCD');

    it('answers a foreign object with the same bytes as a missing one, on every route', async () => {
      const at = '2026-04-10T11:30:00+08:00';
      const cases: [string, (member: string, order: string, hold: string) => string, unknown?][] = [
        ['GET', (m) => `/v1/members/${m}`],
        ['PATCH', (m) => `/v1/members/${m}`, { attributes: {} }],
        ['DELETE', (m) => `/v1/members/${m}`],
        ['GET', (m) => `/v1/members/${m}/wallet`],
        ['GET', (m) => `/v1/members/${m}/wallet/entries`],
        ['GET', (m) => `/v1/members/${m}/wallet/expirations`],
        ['GET', (_, o) => `/v1/orders/${o}`],
        [
          'POST',
          (_, o) => `/v1/orders/${o}/returns`,
          { externalId: 'south-r', occurredAt: at, lines: [{ lineId: '1', quantity: 1, net: 25_000 }] },
        ],
        ['GET', (_, __, h) => `/v1/authorizations/${h}`],
        ['POST', (_, __, h) => `/v1/authorizations/${h}/captures`, { externalId: 'south-c', points: 1 }],
        ['POST', (_, __, h) => `/v1/authorizations/${h}/void`, { externalId: 'south-v' }],
        ['POST', (_, __, h) => `/v1/authorizations/${h}/returns`, { externalId: 'south-b', points: 1, occurredAt: at }],
      ];
      for (const [method, path, body] of cases) {
        const foreign = await south.call(method, path(ref.north, 'north-order', authorization), body);
        const absent = await south.call(method, path(missing(ref.north), 'north-odder', missing(authorization)), body);
        expect({ case: `${method} ${path('m', 'o', 'h')}`, ...(comparable(foreign) as object) }).toEqual({
          case: `${method} ${path('m', 'o', 'h')}`,
          ...(comparable(absent) as object),
          status: 404,
        });
      }
    });

    it('answers a foreign member in a body like a missing one', async () => {
      const bodies: [string, (member: string) => unknown][] = [
        [
          '/v1/orders',
          (memberRef) => ({
            externalId: 'south-x',
            memberRef,
            storeRef: 'south-1',
            occurredAt: '2026-04-10T11:00:00+08:00',
            currency: 'CNY',
            lines: [{ lineId: '1', sku: 'x', category: 'y', quantity: 1, net: 100 }],
          }),
        ],
        [
          '/v1/quotes',
          (memberRef) => ({ memberRef, storeRef: 'south-1', currency: 'CNY', basketTotal: 100, points: 10 }),
        ],
        [
          '/v1/authorizations',
          (memberRef) => ({ externalId: 'south-y', memberRef, storeRef: 'south-1', points: 10, ttlSeconds: 60 }),
        ],
        [
          '/v1/grants',
          (memberRef) => ({
            externalId: 'south-z',
            memberRef,
            points: 5,
            reason: 'sign_up',
            occurredAt: '2026-04-10T11:00:00+08:00',
          }),
        ],
      ];
      for (const [path, body] of bodies) {
        const foreign = await south.call('POST', path, body(ref.north));
        const absent = await south.call('POST', path, body(missing(ref.north)));
        expect({ path, ...(comparable(foreign) as object) }).toEqual({
          path,
          ...(comparable(absent) as object),
          status: 404,
        });
      }
    });

    it('finds nothing by another brand’s external ids, and only the brand’s own statement', async () => {
      const found = await south.call('GET', '/v1/members?externalId=north-customer');
      const none = await south.call('GET', '/v1/members?externalId=nobody-at-all');
      expect(comparable(found)).toEqual(comparable(none));
      await expectInvariants(network().gateway, await operator.bearer());
      const statement = await south.hezong.statements.statement({ path: { cycle: '2026-04' } });
      expect(statement.brand).toBe('south');
      const lines = await south.call('GET', '/v1/cycles/2026-04/statements/me/lines?limit=200');
      expect(lines.text).not.toContain(ref.north);
      expect(lines.text).not.toContain('north-hold');
    });

    it('refuses a brand on the operator’s routes', async () => {
      for (const path of [
        '/v1/operator/brands',
        '/v1/operator/invariants',
        `/v1/operator/members/${ref.south}/lots`,
        '/v1/operator/cycles/2026-04',
      ]) {
        const reply = await south.call('GET', path);
        expect([path, reply.status, reply.body.code]).toEqual([path, 403, 'scope_missing']);
      }
    });

    it('gives two brands no common value by which they could match a person', async () => {
      const ask = async (client: Client, own: string, order: string): Promise<Reply<unknown>[]> =>
        Promise.all(
          [
            `/v1/members/${own}`,
            `/v1/members/${own}/wallet`,
            `/v1/members/${own}/wallet/entries`,
            `/v1/members/${own}/wallet/expirations`,
            `/v1/orders/${order}`,
          ].map((path) => client.call('GET', path)),
        );
      const atNorth = await ask(north, ref.north, 'north-order');
      const atSouth = await ask(south, ref.south, 'south-order');
      for (const reply of [...atNorth, ...atSouth]) expect(reply.status).toBe(200);
      // Only words, times and numbers of the wallet may be in common; an identifier has at least ten characters with a digit among them.
      const identifiers = (replies: Reply<unknown>[]): Set<string> =>
        new Set(replies.flatMap(values).filter((text) => /^(?=.*\d)[\w-]{10,}$/.test(text)));
      const shared = [...identifiers(atNorth)].filter((text) => identifiers(atSouth).has(text));
      expect(shared).toEqual([]);
      expect(JSON.stringify(atNorth.map((reply) => reply.text))).not.toContain('south');
      expect(JSON.stringify(atSouth.map((reply) => reply.text))).not.toContain('north');
    });
  });
}
