import { setTimeout as sleep } from 'node:timers/promises';

import { createClient } from '#libs/postgres';
import { testProxy } from '#libs/testing';
import type { Answer, TestProxy } from '#libs/testing';

import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

const NOW = '2026-03-02T08:00:00+08:00';
const CALLERS = 12;
const CUTS = 30;
const HONEST = new Set(['unavailable', 'outcome_unknown', 'queue_full']);

/**
 * Cuts connections to the database before, during and after a commit, and runs the next version's migrations. An unhandled error
 * would end the process, and with it this test.
 */
describe('the ledger when its database fails or is upgraded', () => {
  let rig: LedgerUnderTest;
  let proxy: TestProxy;

  beforeAll(async () => {
    rig = await ledgerUnderTest(NOW, async ({ databaseUrl }) => {
      proxy = await testProxy(databaseUrl);
      return proxy.through(databaseUrl);
    });
    await rig.brand('aurora');
    await rig.rule('aurora');
  }, 120_000);
  afterAll(async () => {
    await rig.close();
    await proxy.close();
  });

  const order = (memberRef: string, externalId: string): Promise<Answer> =>
    rig.asBrand('aurora', 'POST', '/v1/orders', {
      externalId,
      memberRef,
      storeRef: null,
      occurredAt: NOW,
      currency: 'CNY',
      lines: [{ lineId: '1', sku: 'x', category: 'drinks', quantity: 1, net: 5_000 }],
    });
  const hold = (memberRef: string, externalId: string): Promise<Answer> =>
    rig.asBrand('aurora', 'POST', '/v1/authorizations', { externalId, memberRef, points: 1, ttlSeconds: 600 });
  const wallet = (memberRef: string): Promise<Answer> =>
    rig.asBrand('aurora', 'GET', `/v1/members/${memberRef}/wallet`);
  /** Repeats with the same key until there is an answer, as a till must. */
  const insist = async (send: () => Promise<Answer>): Promise<Answer> => {
    for (;;) {
      const answer = await send();
      if (answer.status < 500 && answer.status !== 429) return answer;
      expect(HONEST).toContain(answer.body.code);
      await sleep(10);
    }
  };
  const checks = async (): Promise<Answer['body']> =>
    (await rig.asService('GET', '/internal/v1/invariants')).body.checks;

  it.each([
    ['order', 'ledger-accrue', order],
    ['authorization', 'ledger-authorize', hold],
  ])(
    'reports an unknown outcome for an %s that was committed and not answered, and a repeat gets the first answer',
    async (name, statement, send) => {
      const { memberRef } = rig.member('aurora');
      await insist(() => order(memberRef, `${name}-before`));
      proxy.loseAnswers(1, statement);
      const lost = await send(memberRef, `${name}-lost`);
      expect(lost.body).toMatchObject({ status: 503, code: 'outcome_unknown', retryable: true });
      const before = (await insist(() => wallet(memberRef))).body;
      const again = await insist(() => send(memberRef, `${name}-lost`));
      expect(again.status).toBe(201);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect((await insist(() => wallet(memberRef))).body).toMatchObject({
        balance: before.balance,
        held: before.held,
      });
    },
  );

  it('continues under load, and every key has one effect', async () => {
    const members = Array.from({ length: 20 }, () => rig.member('aurora').memberRef);
    const seen = new Map<string, number>();
    const earned = new Map<string, number>();
    const held = new Map<string, number>();
    const add = (to: Map<string, number>, key: string, n: number): unknown => to.set(key, (to.get(key) ?? 0) + n);
    let running = true;

    const caller = async (n: number): Promise<void> => {
      for (let i = 0; running; i += 1) {
        const memberRef = members[(n * 7 + i) % members.length] ?? '';
        const key = `L-${n}-${i}`;
        const send = [order, hold, wallet][i % 3] ?? order;
        const answer = await insist(async () => {
          const heard = await send(memberRef, key);
          add(seen, heard.body.code ?? 'done', 1);
          return heard;
        });
        if (answer.status === 201 && send === order) add(earned, memberRef, answer.body.points.earned);
        if (answer.status === 201 && send === hold) add(held, memberRef, 1);
      }
    };
    const watcher = async (): Promise<void> => {
      while (running) {
        // the requests of readiness checks and metric scrapes
        for (const path of ['backlog', 'due', 'ready']) await rig.asService('GET', `/internal/v1/${path}`);
      }
    };
    const work = [watcher(), ...Array.from({ length: CALLERS }, (_, n) => caller(n))];
    for (let cut = 0; cut < CUTS; cut += 1) {
      await sleep(60 + (cut % 7) * 20);
      if (cut % 3 === 0) proxy.cut();
      else proxy.loseAnswers(4, cut % 3 === 1 ? 'ledger-' : undefined);
    }
    proxy.loseAnswers(0);
    running = false;
    await Promise.all(work);

    expect(proxy.lost).toBeGreaterThan(0);
    expect(seen.get('done')).toBeGreaterThan(0);
    for (const memberRef of members) {
      const { balance, held: reserved } = (await insist(() => wallet(memberRef))).body as Record<
        'balance' | 'held',
        number
      >;
      expect(reserved).toBe(held.get(memberRef) ?? 0);
      expect(balance + reserved).toBe(earned.get(memberRef) ?? 0);
    }
    expect((await checks()).filter((check: { ok: boolean }) => !check.ok)).toEqual([]);
  });

  it('answers every call promptly while the next version replaces every function and adds to every table', async () => {
    const members = Array.from({ length: 20 }, () => rig.member('aurora').memberRef);
    const statuses = new Map<number, number>();
    const failed: unknown[] = [];
    let running = true;
    const caller = async (n: number): Promise<void> => {
      for (let i = 0; running; i += 1) {
        const send = [order, hold, wallet][i % 3] ?? order;
        const { status, body } = await send(members[(n * 7 + i) % members.length] ?? '', `M-${n}-${i}`);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status >= 429) failed.push(body);
      }
    };
    const work = Array.from({ length: CALLERS }, (_, n) => caller(n));
    const owner = createClient(rig.database.ownerUrl, 'next-version');
    await owner.connect();
    try {
      await owner.query(`set lock_timeout = 10000`);
      const { rows: functions } = await owner.query<{ sql: string }>(
        `select pg_get_functiondef(oid) as sql from pg_proc
         where pronamespace = 'public'::regnamespace and prokind in ('f', 'p') and proowner = current_user::regrole`,
      );
      const { rows: tables } = await owner.query<{ name: string }>(
        `select oid::regclass::text as name from pg_class
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relowner = current_user::regrole`,
      );
      expect([functions.length > 20, tables.length > 15]).toEqual([true, true]);
      for (let version = 1; version <= 3; version += 1) {
        await sleep(200);
        await owner.query(['begin', ...functions.map(({ sql }) => sql), 'commit'].join(';\n'));
        for (const { name } of tables) await owner.query(`alter table ${name} add column next_${version} integer`);
      }
    } finally {
      running = false;
      await Promise.all(work);
      await owner.end();
    }
    expect(failed).toEqual([]);
    expect(statuses.get(201)).toBeGreaterThan(100);
    expect((await checks()).filter((check: { ok: boolean }) => !check.ok)).toEqual([]);
  });
});
