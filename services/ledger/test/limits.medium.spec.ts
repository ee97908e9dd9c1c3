import { ledgerUnderTest } from './ledger-under-test.js';
import type { Answer, LedgerUnderTest } from './ledger-under-test.js';

const AT = '2026-03-02T08:00:00+08:00';

describe('more points than one may give alone', () => {
  let ledger: LedgerUnderTest;
  let memberRef: string;

  beforeAll(async () => {
    ledger = await ledgerUnderTest(AT);
    await ledger.brand('aurora');
    await ledger.rule('aurora', { earn: { points: 1, per: 100 } });
    ({ memberRef } = ledger.member('aurora'));
  }, 120_000);
  afterAll(() => ledger.close());

  const order = (externalId: string, net: number) =>
    ledger.call('aurora', 'POST', '/v1/orders', {
      externalId,
      memberRef,
      storeRef: 'aurora-1',
      occurredAt: AT,
      currency: 'CNY',
      lines: [{ lineId: '1', sku: 's', category: 'c', quantity: 1, net }],
    });
  const grant = (externalId: string, points: number) =>
    ledger.call('aurora', 'POST', '/v1/grants', { externalId, memberRef, points, reason: 'goodwill' });
  const verdict = ({ status, body }: Answer): unknown[] => [status, body.code];
  const balance = async (): Promise<number> =>
    (await ledger.call('aurora', 'GET', `/v1/members/${memberRef}/wallet`)).body.available as number;

  it.each([
    ['order', 1_000_000_000, 1_000_000_099, 10_000_000],
    ['order', 1_000_000_000, 1_000_000_000_000, 10_000_000],
    ['grant', 1_000_000, 1_000_001, 1_000_000],
    ['grant', 1_000_000, 1_000_000_000_000, 1_000_000],
  ] as const)('%s: %i is given at once, %i is not', async (kind, within, beyond, points) => {
    ledger.desk.checker = null;
    const call = kind === 'order' ? order : grant;
    const before = await balance();
    const id = `${kind}-${beyond}`;
    expect((await call(`${id}-within`, within)).status).toBe(201);
    expect((await balance()) - before).toBe(points);
    if (kind === 'order' && beyond < 1_000_000_100) {
      // a fraction of a point more is no point more
      expect((await call(id, beyond)).status).toBe(201);
      return;
    }
    expect(verdict(await call(id, beyond))).toEqual([403, 'second_person_needed']);
    expect(ledger.desk.asked.at(-1)).toMatchObject({
      act: `${kind}.large`,
      maker: 'cl_aurora',
      payload: {
        brand: 'aurora',
        externalId: id,
        memberRef,
        points: kind === 'order' ? Math.floor(beyond / 100) : beyond,
      },
    });
    expect((await balance()) - before).toBe(points);
    ledger.desk.checker = 'cl_operator';
    const used = ledger.desk.used.length;
    const answers = await Promise.all([call(id, beyond), call(id, beyond), call(id, beyond)]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect((await balance()) - before).toBe(points + (kind === 'order' ? Math.floor(beyond / 100) : beyond));
    expect(ledger.desk.used.length).toBeGreaterThan(used);
    // what was given once needs nobody any more
    ledger.desk.checker = null;
    expect((await call(id, beyond)).status).toBe(201);
  });

  it('no rule that makes a fortune of a fen comes from one alone', async () => {
    ledger.desk.checker = null;
    const rule = (name: string, points: number) => ledger.rule('aurora', { name, earn: { points, per: 100 } });
    expect((await rule('rich', 1_000)).status).toBe(201);
    expect(verdict(await rule('fortune', 1_001))).toEqual([403, 'second_person_needed']);
    expect((await ledger.operator('GET', '/v1/operator/earning-rules?brand=aurora&name=fortune')).body.data).toEqual(
      [],
    );
    ledger.desk.checker = 'cl_other';
    expect((await rule('fortune', 1_001)).status).toBe(201);
  });
});
