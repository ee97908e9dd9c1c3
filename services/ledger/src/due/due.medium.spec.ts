import { NetworkProbe } from '#libs/http';
import type { DueItems } from '#libs/http';
import { metrics } from '#libs/observability';
import { createClient } from '#libs/postgres';

import type { Answer } from '#libs/testing';
import { ledgerUnderTest } from '../../test/ledger-under-test.js';
import type { LedgerUnderTest } from '../../test/ledger-under-test.js';
import { DueWorkService } from './due-work.service.js';
import { DueRepository } from './due.repository.js';

const NOW = '2026-03-02T08:00:00+08:00';
const LATER = '2027-06-01T08:00:00+08:00';

describe('due work', () => {
  let rig: LedgerUnderTest;
  beforeAll(async () => {
    rig = await ledgerUnderTest(NOW);
    await rig.brand('aurora');
    await rig.rule('aurora');
    await rig.rule('aurora', { name: 'later', match: { categories: ['later'] }, pendingDays: 7 });
  }, 120_000);
  afterAll(() => rig.close());

  const probe = (): Promise<DueItems[]> => rig.service.app.get(NetworkProbe, { strict: false }).due();
  const at = (now: string, limit = 1_000): Promise<DueItems[]> =>
    rig.dataSource.transaction(async (tx) => {
      await tx.query(`select set_config('hezong.brand', '*', true)`);
      return rig.service.app.get(DueRepository, { strict: false }).count(tx, new Date(now), limit);
    });

  it('is counted by kind, up to a limit, and is zero after the sweeps', async () => {
    const { memberRef } = rig.member('aurora');
    for (const [externalId, category] of [
      ['D-1', 'drinks'],
      ['D-2', 'later'],
      ['D-3', 'later'],
    ] as const) {
      const lines = [{ lineId: '1', sku: 'x', category, quantity: 1, net: 5_000 }];
      const body = { externalId, memberRef, storeRef: null, occurredAt: NOW, currency: 'CNY', lines };
      expect((await rig.asBrand('aurora', 'POST', '/v1/orders', body)).status).toBe(201);
    }
    const held = { externalId: 'D-4', memberRef, points: 20, ttlSeconds: 60 };
    expect((await rig.asBrand('aurora', 'POST', '/v1/authorizations', held)).status).toBe(201);
    expect(await probe()).toEqual([
      { work: 'pending', items: 0 },
      { work: 'holds', items: 0 },
      { work: 'expiry', items: 0 },
    ]);
    expect(await at(LATER)).toEqual([
      { work: 'pending', items: 2 },
      { work: 'holds', items: 1 },
      { work: 'expiry', items: 1 },
    ]);
    expect((await at(LATER, 1))[0]).toEqual({ work: 'pending', items: 1 });
    await rig.at(LATER);
    for (let left = 100; (await probe()).some(({ items }) => items > 0); left -= 1) {
      expect(left).toBeGreaterThan(0);
      await new Promise((later) => setTimeout(later, 50));
    }
    const wallet = await rig.asBrand('aurora', 'GET', `/v1/members/${memberRef}/wallet`);
    expect(wallet.body).toMatchObject({ available: 0, pending: 0, held: 0, balance: 0 });
  });

  it('is done in other wallets when one wallet fails; that wallet is named and retried', async () => {
    const owner = createClient(rig.database.adminUrl, 'due-test');
    await owner.connect();
    try {
      const members = Array.from({ length: 4 }, () => rig.member('aurora'));
      for (const [n, { memberRef }] of members.entries()) {
        const lines = [{ lineId: '1', sku: 'x', category: 'later', quantity: 1, net: 5_000 }];
        const body = { externalId: `F-${n}`, memberRef, storeRef: null, occurredAt: LATER, currency: 'CNY', lines };
        expect((await rig.asBrand('aurora', 'POST', '/v1/orders', body)).status).toBe(201);
      }
      const bad = members[1]?.walletId ?? '';
      // makes wallet_version, 1 so far, the largest bigint, so that the next increment fails
      const fill = 9_223_372_036_854_775_806n;
      const version = `set wallet_version = wallet_version + $2 where wallet_id = $1`;
      await owner.query(`update wallet ${version}`, [bad, fill]);
      const told = metrics.getSingleMetric('hezong_ledger_unsettled_wallets');
      const measured = async (): Promise<number | undefined> => (await told?.get())?.values[0]?.value;

      await rig.at('2027-06-20T08:00:00+08:00');
      for (let left = 100; (await measured()) !== 1; left -= 1) {
        expect(left).toBeGreaterThan(0);
        await new Promise((later) => setTimeout(later, 50));
      }
      expect((await probe())[0]).toEqual({ work: 'pending', items: 1 });
      const { rows } = await owner.query(
        `select f.wallet_id, f.tries, left(f.fault, 5) as fault, l.pending from due_fault f join lot l using (cell, wallet_id)`,
      );
      expect(rows).toEqual([{ wallet_id: bad, tries: 1, fault: '22003', pending: true }]);

      // the operator sees the wallet and can have it retried
      const path = '/v1/operator/unsettled-wallets';
      const listed = { walletId: bad, fault: expect.stringMatching(/^22003 /), since: expect.any(String) };
      const first = { ...listed, tries: 1, retryAt: expect.any(String) };
      expect((await rig.asOperator('GET', path)).body).toEqual({ wallets: [first] });
      expect((await rig.asBrand('aurora', 'GET', path)).status).toBe(403);
      const retry = (id: string): Promise<Answer> => rig.asOperator('POST', `${path}/${id}/retry`);
      expect((await retry(bad)).body).toMatchObject({ wallets: [{ ...listed, tries: 2 }] });
      for (const id of [members[0]?.walletId ?? '', 'x']) expect((await retry(id)).status).toBe(404);

      await owner.query(`update wallet ${version}`, [bad, -fill]);
      await rig.service.app.get(DueWorkService, { strict: false }).job.run();
      expect(await measured()).toBe(1);
      const mended = await retry(bad);
      expect([mended.status, mended.body]).toEqual([200, { wallets: [] }]);
      expect(await measured()).toBe(0);
      expect((await probe())[0]).toEqual({ work: 'pending', items: 0 });
    } finally {
      await owner.end();
    }
  });
});
