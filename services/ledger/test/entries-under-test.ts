import { NetworkProbe } from '#libs/http';

import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

export const START = '2026-03-02T00:00:00Z';
let ledger: LedgerUnderTest;
let count = 0;
export const nextId = (): string => `x-${(count += 1)}`;

/** A ledger with three brands for the tests of a file; at its end every invariant must hold. */
export function ledgerOfThreeBrands(): { readonly ledger: LedgerUnderTest } {
  beforeAll(async () => {
    ledger = await ledgerUnderTest(START);
    for (const brand of ['aurora', 'birch', 'crest']) await ledger.brand(brand);
    await ledger.rule('aurora', { earn: { points: 1, per: 1 } });
    await ledger.rule('birch', { earn: { points: 1, per: 1 }, pendingDays: 7 });
  });
  afterAll(async () => {
    const checks = await ledger.service.app.get(NetworkProbe, { strict: false }).invariants();
    await ledger.close();
    expect(checks.filter((check) => !check.ok)).toEqual([]);
  });
  return {
    get ledger() {
      return ledger;
    },
  };
}

/** One person who is a member of all three brands. */
export function person(): Record<'aurora' | 'birch' | 'crest' | 'walletId', string> {
  const { memberRef: aurora, walletId } = ledger.member('aurora');
  return {
    walletId,
    aurora,
    birch: ledger.member('birch', walletId).memberRef,
    crest: ledger.member('crest', walletId).memberRef,
  };
}

export async function made(brand: string, path: string, body: object): Promise<string> {
  const answer = await ledger.asBrand(brand, 'POST', path, { externalId: nextId(), ...body });
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  return answer.body.id as string;
}

export const order = (brand: string, memberRef: string, externalId: string, net: number): Promise<string> =>
  made(brand, '/v1/orders', {
    externalId,
    memberRef,
    occurredAt: ledger.clock.now().toISOString(),
    currency: 'CNY',
    lines: [{ lineId: '1', quantity: 1, net }],
  });

export interface Told {
  type: string;
  points: number;
  pending: number;
  occurredAt: string;
  reference: string | null;
  order: { externalId: string } | null;
}

/** A brand's entries, newest first, read page by page. */
export async function told(brand: string, memberRef: string, limit = 100): Promise<Told[]> {
  const all: Told[] = [];
  for (let after = ''; ;) {
    const { body } = await ledger.asBrand(
      brand,
      'GET',
      `/v1/members/${memberRef}/wallet/entries?limit=${limit}${after}`,
    );
    all.push(...(body.data as Told[]));
    if (body.page.after === null) return all;
    after = `&after=${encodeURIComponent(body.page.after as string)}`;
  }
}

export const grant = (memberRef: string, points: number, expiresAt: string, over: object = {}): Promise<string> =>
  made('aurora', '/v1/grants', { memberRef, points, reason: 'r', expiresAt, ...over });

export const hold = (brand: string, memberRef: string, points: number, ttlSeconds = 7 * 86_400): Promise<string> =>
  made(brand, '/v1/authorizations', { memberRef, points, ttlSeconds });

export async function free(brand: string, id: string): Promise<void> {
  const { status } = await ledger.asBrand(brand, 'POST', `/v1/authorizations/${id}/void`, { externalId: `v-${id}` });
  expect(status).toBe(200);
}

export const giveBack = (brand: string, id: string, points: number): Promise<string> =>
  made(brand, `/v1/authorizations/${id}/returns`, { points, occurredAt: ledger.clock.now().toISOString() });
