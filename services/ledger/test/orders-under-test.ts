import { NetworkProbe } from '#libs/http';
import type { Answer } from '#libs/testing';

import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

/** Time of orders; the clock of the ledger stands eight days later. */
export const AT = '2026-03-02T08:00:00+08:00';
let ledger: LedgerUnderTest;

/** A ledger with the brands aurora and crest for the tests of a file; at its end every invariant must hold. */
export function ledgerWithRules(): { readonly ledger: LedgerUnderTest } {
  beforeAll(async () => {
    ledger = await ledgerUnderTest('2026-03-10T08:00:00+08:00');
    await ledger.brand('aurora');
    await ledger.brand('crest');
    for (const brand of ['aurora', 'crest']) expect((await ledger.rule(brand)).status).toBe(201);
  }, 60_000);
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

export const order = (externalId: string, memberRef: string, net: number, over: object = {}): object => ({
  externalId,
  memberRef,
  storeRef: null,
  occurredAt: AT,
  currency: 'CNY',
  lines: [{ lineId: '1', sku: 'latte', category: 'drinks', quantity: 10, net }],
  ...over,
});

export const buy = (memberRef: string, externalId: string, net: number, over: object = {}): Promise<Answer> =>
  ledger.asBrand('aurora', 'POST', '/v1/orders', order(externalId, memberRef, net, over));

export const giveBack = (order: string, externalId: string, quantity: number, net: number): Promise<Answer> =>
  ledger.asBrand('aurora', 'POST', `/v1/orders/${order}/returns`, {
    externalId,
    occurredAt: AT,
    lines: [{ lineId: '1', quantity, net }],
  });

export const lotsOf = async (memberRef: string): Promise<[issuer: string, reason: string, remaining: number][]> => {
  const { body } = await ledger.asOperator('GET', `/v1/operator/members/${memberRef}/lots`);
  return (body.data as { issuer: string; reason: string; remaining: number }[]).map((lot) => [
    lot.issuer,
    lot.reason,
    lot.remaining,
  ]);
};
