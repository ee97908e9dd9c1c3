import { DataSource } from 'typeorm';

import { NetworkProbe } from '#libs/http';
import { decodeCursor, uuidFromId, uuidv7, uuidv7For } from '#libs/kernel';
import type { IdPrefix } from '#libs/kernel';
import { ReaderKey } from '#libs/postgres';

import { WireIdsService } from '../src/ids/wire-ids.service.js';
import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

const AT = '2026-03-02T08:00:00+08:00';
const PERSONS = 24;

/** The last byte of an id as visible to a brand. */
const lastByte = (id: string): string => (uuidFromId(id.slice(0, 2) as IdPrefix, id) ?? '').slice(-2);

describe('ids of things in a wallet', () => {
  let ledger: LedgerUnderTest;
  /** Per person: every id that aurora received, and every id that crest received. */
  const seen: { walletId: string; aurora: string[]; crest: string[] }[] = [];

  beforeAll(async () => {
    ledger = await ledgerUnderTest(AT);
    for (const brand of ['aurora', 'crest']) {
      await ledger.brand(brand);
      await ledger.rule(brand, { earn: { points: 1, per: 1 } });
    }
    for (let n = 0; n < PERSONS; n += 1) {
      const { memberRef, walletId } = ledger.member('aurora');
      const other = ledger.member('crest', walletId).memberRef;
      seen.push({
        walletId,
        aurora: await doings('aurora', memberRef, n),
        crest: await doings('crest', other, n),
      });
    }
  }, 120_000);
  afterAll(() => ledger.close());

  /** One of each object whose id a brand receives. */
  async function doings(brand: string, memberRef: string, n: number): Promise<string[]> {
    const ids: string[] = [];
    const post = async (path: string, body: object): Promise<string> => {
      const answer = await ledger.asBrand(brand, 'POST', path, body);
      expect([answer.status, answer.body.code]).toEqual([201, undefined]);
      ids.push(answer.body.id as string);
      return answer.body.id as string;
    };
    const lines = [{ lineId: '1', sku: 's', category: 'c', quantity: 2, net: 100 }];
    const order = { memberRef, storeRef: null, occurredAt: AT, currency: 'CNY', fulfilment: 'delivery', lines };
    await post('/v1/orders', { ...order, externalId: `o-${n}` });
    const part = [{ lineId: '1', quantity: 1, net: 50 }];
    await post(`/v1/orders/o-${n}/returns`, { externalId: `r-${n}`, occurredAt: AT, lines: part });
    await post(`/v1/orders/o-${n}/deliveries`, { externalId: `d-${n}`, occurredAt: AT });
    await post('/v1/grants', { externalId: `g-${n}`, memberRef, points: 10, reason: 'signup' });
    const quoteId = await post('/v1/quotes', { memberRef, points: 5, basketTotal: 1_000, currency: 'CNY' });
    const hold = await post('/v1/authorizations', { externalId: `a-${n}`, quoteId });
    await post(`/v1/authorizations/${hold}/captures`, { externalId: `c-${n}` });
    await post(`/v1/authorizations/${hold}/returns`, { externalId: `b-${n}`, points: 1 });
    const entries = await ledger.asBrand(brand, 'GET', `/v1/members/${memberRef}/wallet/entries?limit=2`);
    ids.push(...(entries.body.data as { id: string }[]).map(({ id }) => id));
    // a cursor is as visible as an id; 22 letters of it are its seal
    ids.push(String(decodeCursor((entries.body.page.after as string).slice(22), 1)[0]));
    return ids;
  }

  it('end in the wallet’s byte internally', async () => {
    const ids = ledger.service.app.get(WireIdsService, { strict: false });
    for (const { walletId, aurora, crest } of seen) {
      const inside = [...aurora, ...crest].map((id) => ids.in(id.slice(0, 2) as IdPrefix, id));
      expect(new Set(inside.map((id) => id?.slice(-2)))).toEqual(new Set([walletId.slice(-2)]));
    }
  });

  it('have an external last byte that agrees for two brands no more often than chance', () => {
    let pairs = 0;
    let equal = 0;
    for (const { aurora, crest } of seen) {
      for (const one of aurora) {
        pairs += crest.length;
        equal += crest.filter((other) => lastByte(other) === lastByte(one)).length;
      }
    }
    // 2,904 pairs, 11 expected to agree by chance; 40 is eight standard deviations away
    expect(pairs).toBe(PERSONS * 11 * 11);
    expect(equal).toBeLessThan(40);
    const all = seen.flatMap(({ aurora, crest }) => [...aurora, ...crest]).map(lastByte);
    expect(new Set(all).size).toBeGreaterThan(150);
  });

  it('reveal nothing about their time of creation: those of one person are no closer than any others', () => {
    const bitsOf = (id: string): bigint =>
      BigInt(`0x${(uuidFromId(id.slice(0, 2) as IdPrefix, id) ?? '').replaceAll('-', '')}`);
    const heads = seen.flatMap(({ aurora, crest }) => [...aurora, ...crest]).map((id) => bitsOf(id) >> 96n);
    // among some 500 random 32-bit numbers, two are equal once in 30,000 runs; made from the clock, nearly all would be
    expect(new Set(heads).size).toBe(new Set(seen.flatMap(({ aurora, crest }) => [...aurora, ...crest])).size);
    // of two consecutive ids of a brand, the later is greater half the time: 132 expected of 264, 40 is five standard deviations
    const pairs = seen
      .flatMap(({ aurora }) => aurora.map((id, n) => [id, aurora[n + 1]] as const))
      .filter(([, next]) => next !== undefined);
    const rising = pairs.filter(([id, next]) => bitsOf(id) < bitsOf(next ?? id)).length;
    expect(Math.abs(rising - pairs.length / 2)).toBeLessThan(45);
  });

  it('are the same on every instance with the same books, and convert back exactly', async () => {
    const dataSource = await new DataSource({ type: 'postgres', url: ledger.database.databaseUrl }).initialize();
    const key = new ReaderKey(dataSource);
    await key.onModuleInit();
    const second = new WireIdsService(key);
    await dataSource.destroy();
    for (const { aurora } of seen) {
      for (const id of aurora) {
        const prefix = id.slice(0, 2) as IdPrefix;
        expect(second.out(prefix, second.in(prefix, id) ?? '')).toBe(id);
      }
    }
    // two brands with 20,000 ids each of one wallet: 78 agree by chance, 140 is seven standard deviations away
    const walletId = uuidv7();
    const uuids = Array.from({ length: 40_000 }, () => uuidv7For(walletId));
    const wire = uuids.map((uuid) => second.out('od', uuid));
    expect(wire.map((id) => second.in('od', id))).toEqual(uuids);
    const bytes = wire.map(lastByte);
    const equal = bytes.slice(0, 20_000).filter((byte, n) => byte === bytes[n + 20_000]).length;
    expect(equal).toBeLessThan(140);
    expect(equal).toBeGreaterThan(20);
    expect(second.in('od', 'od_nonsense')).toBeNull();
    expect(second.in('au', seen[0]?.aurora[0] ?? '')).toBeNull();
    // what is no UUID is refused whole, and spoils no other id
    for (const text of ['', '0198', `${uuids[0]}0`, 'x'.repeat(32)]) {
      expect(() => key.masked(text)).toThrow('is not a UUID');
      expect(() => key.unmasked(text)).toThrow('is not a UUID');
    }
    expect(second.out('od', uuids[0] ?? '')).toBe(wire[0]);
    expect(second.in('od', wire[0] ?? '')).toBe(uuids[0]);
  });

  it('are so in every table', async () => {
    const checks = await ledger.service.app.get(NetworkProbe, { strict: false }).invariants();
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(checks.map(({ name }) => name)).toContain('rows.lie_in_the_cell_of_their_wallet');
  });
});
