import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { aBrand, aContract } from '#libs/testing';
import { projectRoot } from '../network/root.js';
import { byTwo } from '../network/by-two.js';
import { Client, newBrand, secondOperator, type Reply } from './client.js';
import type { LocalNetwork } from './local-network.js';

/** Time within which access must end everywhere. */
const WITHIN_MS = 5_000;

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly scope: string;
}

/** Every call of the API that needs a token, with placeholder parameters. */
function operations(): Operation[] {
  const file = readFileSync(join(projectRoot(), 'docs/openapi.json'), 'utf8');
  const { paths } = JSON.parse(file) as {
    paths: Record<string, Record<string, { security?: { oauth2?: string[] }[] }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { security }]) => {
      const scope = security?.[0]?.oauth2?.[0];
      if (scope === undefined) return [];
      return [{ method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, 'x'), scope }];
    }),
  );
}

const verdict = ({ status, body }: Reply<{ code?: string } | null>): string => `${status} ${body?.code ?? ''}`;

/** Calls that still have another answer than the refusal when the time is over. */
async function otherThan(expected: string, caller: Client, calls: readonly Operation[]): Promise<string[]> {
  const deadline = performance.now() + WITHIN_MS;
  // a slow answer to a call made in time says nothing; those made later are to be refused
  for (let open = calls; ;) {
    const began = performance.now();
    const verdicts = await Promise.all(
      open.map(async (call) => ({ call, is: verdict(await caller.call(call.method, call.path)) })),
    );
    const left = verdicts.filter(({ is }) => is !== expected);
    open = left.map(({ call }) => call);
    if (open.length === 0 || began >= deadline) return left.map(({ call, is }) => `${call.method} ${call.path}: ${is}`);
    await sleep(100);
  }
}

const occurredAt = '2026-04-01T00:00:00Z';
const memberRef = 'mb_00000000000000000000000000';
const lines = [{ lineId: '1', sku: 'x', category: 'y', quantity: 1, net: 100 }];
const moneyCalls: readonly [string, object][] = [
  ['/v1/orders', { externalId: 'x', memberRef, storeRef: 'shut-1', occurredAt, currency: 'CNY', lines }],
  ['/v1/orders/x/returns', { externalId: 'x', occurredAt, lines: [{ lineId: '1', quantity: 1, net: 100 }] }],
  ['/v1/orders/x/deliveries', { externalId: 'x', occurredAt }],
  ['/v1/grants', { externalId: 'x', memberRef, points: 1, reason: 'sign_up', occurredAt }],
  ['/v1/quotes', { memberRef, storeRef: 'shut-1', currency: 'CNY', basketTotal: 100, points: 1 }],
  ['/v1/authorizations', { externalId: 'x', memberRef, storeRef: 'shut-1', points: 1 }],
  ['/v1/authorizations/x/captures', { externalId: 'x', points: 1 }],
  ['/v1/authorizations/x/void', { externalId: 'x' }],
  ['/v1/authorizations/x/returns', { externalId: 'x', points: 1, occurredAt }],
];

/** A revoked or suspended caller is refused within five seconds, at every call of the API, with any token. */
export function shutDoors(network: () => LocalNetwork): void {
  describe('closed access', () => {
    let operator: Client;
    const calls = operations();
    const ofBrands = calls.filter(({ scope }) => scope !== 'operator');
    const ofOperators = calls.filter(({ scope }) => scope === 'operator');

    beforeAll(() => {
      const { sandbox } = network();
      operator = new Client(sandbox, sandbox.operator);
    });

    it('covers all calls of the API', () => {
      expect([ofBrands.length > 30, ofOperators.length > 30]).toEqual([true, true]);
    });

    it('gives a suspended brand no token; with the token it holds it can only read its statements', async () => {
      const { sandbox } = network();
      const brand = await newBrand(operator, sandbox, aBrand('shut'), aContract());
      await brand.bearer();
      await operator.ok('POST', '/v1/operator/brands/shut/status', { status: 'suspended' });
      const statements = ofBrands.filter(({ scope, method }) => scope === 'settlement:read' && method === 'GET');
      // these first look for an earlier answer and for their object, so they need a plausible call
      for (const [path, body] of moneyCalls) {
        const expected = path.startsWith('/v1/authorizations/') ? '404 not_found' : '403 brand_suspended';
        expect([path, verdict(await brand.call('POST', path, body))]).toEqual([path, expected]);
      }
      const named = moneyCalls.map(([path]) => path);
      const others = ofBrands.filter(
        (call) => !statements.includes(call) && !(call.method === 'POST' && named.includes(call.path)),
      );
      expect(await otherThan('403 brand_suspended', brand, others)).toEqual([]);
      for (const { method, path } of statements) {
        expect((await brand.call<{ code?: string }>(method, path)).body.code).not.toBe('brand_suspended');
      }
      await expect(brand.hezong.members.list()).rejects.toThrow();
      await operator.ok('POST', '/v1/operator/brands/shut/status', { status: 'live' });
      expect((await brand.call('GET', '/v1/members')).status).toBe(200);
    });

    it('refuses a revoked client of a brand everywhere', async () => {
      const { sandbox } = network();
      const brand = await newBrand(operator, sandbox, aBrand('gone'), aContract());
      expect((await brand.call('GET', '/v1/members')).status).toBe(200);
      const [client] = (await operator.ok('GET', '/v1/operator/brands/gone/clients')).data as { clientId: string }[];
      await operator.ok('DELETE', `/v1/operator/brands/gone/clients/${client?.clientId ?? ''}`);
      expect(await otherThan('401 token_invalid', brand, ofBrands)).toEqual([]);
    });

    it('refuses a revoked client of the operator everywhere', async () => {
      const { sandbox } = network();
      const made = await byTwo(secondOperator(sandbox), () =>
        operator.hezong.operatorClients.create({ body: { name: 'passing' } }),
      );
      const other = new Client(sandbox, { clientId: made.clientId, clientSecret: made.clientSecret ?? '' });
      expect((await other.call('GET', '/v1/operator/brands')).status).toBe(200);
      await operator.ok('DELETE', `/v1/operator/clients/${made.clientId}`);
      // reads first, at every service: until the refusal takes effect everywhere, a call that acts would act (and release the clock)
      const reads = ofOperators.filter(({ method }) => method === 'GET');
      expect(await otherThan('401 token_invalid', other, reads)).toEqual([]);
      expect(await otherThan('401 token_invalid', other, ofOperators)).toEqual([]);
    });
  });
}
