import { setTimeout as sleep } from 'node:timers/promises';

import { MemberLinkChangedSchema, TOPICS } from '#libs/contracts';
import { randomRef, uuidv7 } from '#libs/kernel';

import { ledgerUnderTest } from '../../test/ledger-under-test.js';
import type { LedgerUnderTest } from '../../test/ledger-under-test.js';

describe('the copy of crm’s links', () => {
  let rig: LedgerUnderTest;

  beforeAll(async () => {
    rig = await ledgerUnderTest();
    await rig.brand('aurora');
  }, 120_000);

  afterAll(async () => {
    await rig.close();
  });

  const wallet = async (memberRef: string): Promise<number> =>
    (await rig.asBrand('aurora', 'GET', `/v1/members/${memberRef}/wallet`)).status;

  it('learns of links by event, and ends them by event', async () => {
    const link = { memberRef: randomRef('mb'), brand: 'aurora', walletId: uuidv7(), status: 'active', version: 1n };
    await rig.tellLink(link);
    expect(await wallet(link.memberRef)).toBe(200);
    expect(rig.asked.some((path) => path.endsWith(link.memberRef))).toBe(false);
    await rig.tellLink({ ...link, status: 'deleted', version: 2n });
    expect(await wallet(link.memberRef)).toBe(404);
  });

  it('ends them by the tombstone alone, finally', async () => {
    const link = { memberRef: randomRef('mb'), brand: 'aurora', walletId: uuidv7(), status: 'active', version: 1n };
    await rig.tellLink(link);
    expect(await wallet(link.memberRef)).toBe(200);
    const before = rig.asked.length;
    await rig.tell(TOPICS.links, link.memberRef, MemberLinkChangedSchema, null);
    expect(await wallet(link.memberRef)).toBe(404);
    // a change from before the end of the link that arrives after it
    await rig.tellLink({ ...link, version: 7n });
    expect(await wallet(link.memberRef)).toBe(404);
    expect(rig.asked.slice(before)).toEqual([]);
    // the end of an unknown link has no effect
    await rig.tell(TOPICS.links, randomRef('mb'), MemberLinkChangedSchema, null);
  });

  it('accepts nothing older than what it has', async () => {
    const { memberRef, walletId } = rig.member('aurora');
    expect(await wallet(memberRef)).toBe(200);
    await rig.endLink(memberRef);
    await rig.tellLink({ memberRef, brand: 'aurora', walletId, status: 'active', version: 1n });
    expect(await wallet(memberRef)).toBe(404);
  });

  it('accepts nothing older than its copy, even after its memory was lost', async () => {
    const { memberRef, walletId } = rig.member('aurora');
    await rig.endLink(memberRef);
    const listening = `pid from pg_stat_activity where application_name = 'hezong-listen-member_link' and datname = current_database()`;
    const [{ pid }] = await rig.dataSource.query(`select ${listening}`);
    await rig.dataSource.query('select pg_terminate_backend($1)', [pid]);
    // a listener that reconnects starts with an empty cache
    const again = `select ${listening} and pid <> $1 and query ilike 'listen%' and state = 'idle'`;
    while ((await rig.dataSource.query(again, [pid])).length === 0) await sleep(20);
    await sleep(50);
    await rig.tellLink({ memberRef, brand: 'aurora', walletId, status: 'active', version: 1n });
    expect(await wallet(memberRef)).toBe(404);
  });

  it('ends a link immediately when crm pushes it, even one known only from crm', async () => {
    const { memberRef } = rig.member('aurora');
    expect(await wallet(memberRef)).toBe(200);
    await rig.endLink(memberRef);
    expect(await wallet(memberRef)).toBe(404);
  });

  it('accepts pushes only from the network, and only links', async () => {
    const { memberRef, walletId } = rig.member('aurora');
    const state = { brand: 'aurora', walletId, status: 'active', version: 1, changedAt: '2026-01-01T00:00:00Z' };
    expect((await rig.asBrand('aurora', 'PUT', `/internal/v1/links/${memberRef}`, state)).status).toBe(403);
    expect((await rig.asService('PUT', `/internal/v1/links/${memberRef}`, { ...state, status: 'odd' })).status).toBe(
      422,
    );
  });

  it('does the same work for another brand’s member as for one that does not exist, every time', async () => {
    await rig.brand('birch');
    const told = { memberRef: randomRef('mb'), brand: 'birch', walletId: uuidv7(), status: 'active', version: 1n };
    await rig.tellLink(told);
    const { memberRef: pushed } = rig.member('birch');
    expect((await rig.asBrand('birch', 'GET', `/v1/members/${pushed}/wallet`)).status).toBe(200);
    const business = { currency: 'CNY', occurredAt: '2026-03-02T08:00:00+08:00' };
    const lines = [{ lineId: '1', quantity: 1, net: 1 }];
    let count = 0;
    const calls: ((memberRef: string) => [string, string, object?])[] = [
      (memberRef) => ['GET', `/v1/members/${memberRef}/wallet`],
      (memberRef) => ['GET', `/v1/members/${memberRef}/wallet/entries`],
      (memberRef) => ['GET', `/v1/members/${memberRef}/wallet/expirations`],
      (memberRef) => ['POST', '/v1/orders', { externalId: `s-${(count += 1)}`, memberRef, ...business, lines }],
      (memberRef) => ['POST', '/v1/grants', { externalId: `s-${(count += 1)}`, memberRef, points: 1, reason: 'r' }],
      (memberRef) => ['POST', '/v1/quotes', { memberRef, points: 1, basketTotal: 1, currency: 'CNY' }],
      (memberRef) => ['POST', '/v1/authorizations', { externalId: `s-${(count += 1)}`, memberRef, points: 1 }],
    ];
    for (const call of calls) {
      const [method, path, body] = call('x');
      const seen = new Set<string>();
      for (const memberRef of [told.memberRef, pushed, randomRef('mb')]) {
        for (let time = 1; time <= 3; time += 1) {
          const before = rig.asked.length;
          const answer = await rig.asBrand('aurora', ...call(memberRef));
          expect([method, path, body, answer.status]).toEqual([method, path, body, 404]);
          const lookUps = rig.asked.slice(before).map((url) => url.replace(memberRef, 'ref'));
          seen.add(JSON.stringify([answer.text, lookUps]));
          expect(lookUps[0]).toBe('/internal/v1/links?refs=ref');
        }
      }
      expect([path, ...seen]).toHaveLength(2);
    }
  });
});
