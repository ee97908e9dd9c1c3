import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';
import type { Answer } from '#libs/testing';

export type Json = Record<string, unknown>;
let ledger: LedgerUnderTest;
let member: string;

/** A ledger for the tests of a file: aurora with a store and two rules, birch, and a member of aurora, whose orders `order` makes. */
export function ledgerWithStore(): { readonly ledger: LedgerUnderTest; readonly memberRef: string } {
  beforeAll(async () => {
    ledger = await ledgerUnderTest();
    await ledger.brand('aurora', { stores: [{ ref: 'A-001', name: 'Harbour' }] });
    await ledger.brand('birch');
    await ledger.rule('aurora', { match: { excludeCategories: ['gift-card'] } });
    await ledger.rule('aurora', {
      name: 'later',
      match: { categories: ['later'] },
      earn: { points: 1, per: 10 },
      pendingDays: 7,
    });
    ({ memberRef: member } = ledger.member('aurora'));
  }, 120_000);
  afterAll(async () => {
    const answer = await ledger.asService('GET', '/internal/v1/invariants');
    await ledger.close();
    expect((answer.body.checks as { ok: boolean }[]).filter(({ ok }) => !ok)).toEqual([]);
  });
  return {
    get ledger() {
      return ledger;
    },
    get memberRef() {
      return member;
    },
  };
}

export const line = { lineId: '1', sku: 'latte', category: 'drinks', quantity: 2, net: 5600 };
export const order = (externalId: string, over: Json = {}): Json => ({
  externalId,
  memberRef: member,
  storeRef: 'A-001',
  occurredAt: '2026-03-02T08:00:00+08:00',
  currency: 'CNY',
  campaign: null,
  lines: [line],
  authorizationId: null,
  ...over,
});
export const post = (body: Json, headers?: Record<string, string>, query = ''): Promise<Answer> =>
  ledger.asBrand('aurora', 'POST', `/v1/orders${query}`, body, headers);
export const fault = (answer: Answer): unknown[] => [
  answer.status,
  answer.body.code,
  (answer.body.errors ?? []).map((error: Json) => [error['pointer'], error['code']]),
];

export const back = (externalId: string, lines: Json[]): Json => ({
  externalId,
  occurredAt: '2026-03-02T08:00:00+08:00',
  lines,
});
export const sendBack = (id: string, body: Json, headers?: Record<string, string>): Promise<Answer> =>
  ledger.asBrand('aurora', 'POST', `/v1/orders/${id}/returns`, body, headers);
