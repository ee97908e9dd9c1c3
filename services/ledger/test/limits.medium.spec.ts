import { timestampFromDate } from '@bufbuild/protobuf/wkt';

import { RebateDueSchema, TOPICS } from '#libs/contracts';
import { DEFAULT_LIMITS } from '#libs/directory';
import { uuidv7 } from '#libs/kernel';

import type { Answer } from '#libs/testing';
import { ledgerUnderTest } from './ledger-under-test.js';
import type { LedgerUnderTest } from './ledger-under-test.js';

const AT = '2026-03-02T08:00:00+08:00';
/** The last instant of that day in Shanghai, and the first of the next. */
const MIDNIGHT = ['2026-03-02T15:59:59.999Z', '2026-03-02T16:00:00Z'] as const;

let ledger: LedgerUnderTest;
let made = 0;

beforeAll(async () => {
  ledger = await ledgerUnderTest(AT);
}, 120_000);
afterAll(() => ledger.close());

/** A brand with one point per yuan of 100 fen, and the limits of its contract. */
async function brandWith(limits: Partial<typeof DEFAULT_LIMITS> = {}): Promise<string> {
  const slug = `brand-${(made += 1)}`;
  await ledger.brand(slug, { contract: { limits: { ...DEFAULT_LIMITS, ...limits } } });
  await ledger.rule(slug, { earn: { points: 1, per: 100 } });
  return slug;
}

const order = (brand: string, memberRef: string, externalId: string, net: number, sku = 's'): Promise<Answer> =>
  ledger.asBrand(brand, 'POST', '/v1/orders', {
    externalId,
    memberRef,
    storeRef: `${brand}-1`,
    occurredAt: AT,
    currency: 'CNY',
    lines: [{ lineId: '1', sku, category: 'c', quantity: 1, net }],
  });
const grant = (brand: string, memberRef: string, externalId: string, points: number): Promise<Answer> =>
  ledger.asBrand(brand, 'POST', '/v1/grants', { externalId, memberRef, points, reason: 'goodwill' });
const verdict = ({ status, body }: Answer): unknown[] => [status, body.code, body.limit];
const balance = async (brand: string, memberRef: string): Promise<number> =>
  (await ledger.asBrand(brand, 'GET', `/v1/members/${memberRef}/wallet`)).body.available as number;
const countOf = (answers: readonly Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length;
const many = (count: number, call: (n: number) => Promise<Answer>): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => call(n)));

describe('more points than one person may give', () => {
  it.each([
    ['order', 1_000_000_000, 1_000_000_099, 10_000_000],
    ['order', 1_000_000_000, 1_000_000_000_000, 10_000_000],
    ['grant', 1_000_000, 1_000_001, 1_000_000],
    ['grant', 1_000_000, 1_000_000_000_000, 1_000_000],
  ] as const)('%s: %i is given immediately, %i is not', async (kind, within, beyond, points) => {
    const brand = await brandWith();
    const [{ memberRef: first }, { memberRef }] = [ledger.member(brand), ledger.member(brand)];
    ledger.desk.checker = null;
    const call = (ref: string, id: string, amount: number): Promise<Answer> =>
      kind === 'order' ? order(brand, ref, id, amount) : grant(brand, ref, id, amount);
    expect((await call(first, 'within', within)).status).toBe(201);
    expect(await balance(brand, first)).toBe(points);
    if (kind === 'order' && beyond < 1_000_000_100) {
      // an additional fraction of a point adds no point
      expect((await call(memberRef, 'beyond', beyond)).status).toBe(201);
      return;
    }
    expect(verdict(await call(memberRef, 'beyond', beyond))).toEqual([403, 'second_person_needed', kind]);
    expect(ledger.desk.asked.at(-1)).toMatchObject({
      act: `${kind}.large`,
      maker: `cl_${brand}`,
      payload: {
        brand,
        externalId: 'beyond',
        memberRef,
        points: kind === 'order' ? Math.floor(beyond / 100) : beyond,
        ...(kind === 'order'
          ? { net: beyond, currency: 'CNY', lines: 1, storeRef: `${brand}-1`, occurredAt: '2026-03-02T00:00:00Z' }
          : { reason: 'goodwill', campaign: null, expiresAt: null }),
      },
    });
    expect(await balance(brand, memberRef)).toBe(0);
    ledger.desk.checker = 'cl_operator';
    const used = ledger.desk.used.length;
    const answers = await many(3, () => call(memberRef, 'beyond', beyond));
    expect(countOf(answers, 201)).toBe(3);
    expect(await balance(brand, memberRef)).toBe(kind === 'order' ? Math.floor(beyond / 100) : beyond);
    expect(ledger.desk.used.length).toBeGreaterThan(used);
    // a repeat needs no new approval
    ledger.desk.checker = null;
    expect((await call(memberRef, 'beyond', beyond)).status).toBe(201);
  });

  it('get the same answer in twenty calls for one order, which ask together', async () => {
    const brand = await brandWith();
    const { memberRef } = ledger.member(brand);
    ledger.desk.checker = null;
    const before = ledger.desk.asked.length;
    const answers = await many(20, () => order(brand, memberRef, 'o', 1_000_000_100));
    expect(answers.map(verdict)).toEqual(Array(20).fill([403, 'second_person_needed', 'order']));
    expect(new Set(answers.map(({ body }) => body.approval)).size).toBe(1);
    expect(ledger.desk.asked.length - before).toBeLessThan(10);
  });

  it('are approved as requested, not for the same figures with other content', async () => {
    const brand = await brandWith();
    const { memberRef } = ledger.member(brand);
    ledger.desk.checker = null;
    const approvalOf = async (answer: Promise<Answer>): Promise<unknown> => (await answer).body.approval;
    const large = (sku: string): Promise<unknown> => approvalOf(order(brand, memberRef, 'o', 1_000_000_100, sku));
    const asked = await large('s');
    expect(asked).toMatch(/^ap_/);
    expect(await large('s')).toBe(asked);
    expect(await large('other')).not.toBe(asked);
    const body = { externalId: 'g', memberRef, points: 1_000_001, reason: 'goodwill' };
    const at = (occurredAt: string): Promise<unknown> =>
      approvalOf(ledger.asBrand(brand, 'POST', '/v1/grants', { ...body, occurredAt }));
    const granted = await at(AT);
    expect(granted).toMatch(/^ap_/);
    expect(await at(AT)).toBe(granted);
    expect(await at('2026-03-02T07:59:59+08:00')).not.toBe(granted);
  });

  it('are those above the contract’s limit', async () => {
    const brand = await brandWith({ order: 5, grant: 7, perMinorUnit: 2 });
    const { memberRef } = ledger.member(brand);
    ledger.desk.checker = null;
    const rule = (name: string, points: number) => ledger.rule(brand, { name, earn: { points, per: 100 } });
    expect((await rule('rich', 200)).status).toBe(201);
    expect(verdict(await rule('fortune', 201)).slice(0, 2)).toEqual([403, 'second_person_needed']);
    expect((await grant(brand, memberRef, 'g-7', 7)).status).toBe(201);
    expect(verdict(await grant(brand, memberRef, 'g-8', 8))).toEqual([403, 'second_person_needed', 'grant']);
  });

  it('one person cannot publish a rule that turns a fen into a fortune', async () => {
    const brand = await brandWith();
    ledger.desk.checker = null;
    const rule = (name: string, points: number) => ledger.rule(brand, { name, earn: { points, per: 100 } });
    expect((await rule('rich', 1_000)).status).toBe(201);
    expect(verdict(await rule('fortune', 1_001)).slice(0, 2)).toEqual([403, 'second_person_needed']);
    const rules = await ledger.asOperator('GET', `/v1/operator/earning-rules?brand=${brand}&name=fortune`);
    expect(rules.body.data).toEqual([]);
    ledger.desk.checker = 'cl_other';
    expect((await rule('fortune', 1_001)).status).toBe(201);
  });
});

describe('a member within a day', () => {
  it('gets no more than the limit under parallel calls', async () => {
    const brand = await brandWith();
    const { memberRef } = ledger.member(brand);
    ledger.desk.checker = null;
    const answers = await many(20, (n) => grant(brand, memberRef, `p-${n}`, 1_000_000));
    expect(countOf(answers, 201)).toBe(10);
    const refused = answers.filter(({ status }) => status !== 201);
    expect(new Set(refused.map((answer) => verdict(answer).join()))).toEqual(
      new Set(['403,second_person_needed,memberDay']),
    );
    expect(await balance(brand, memberRef)).toBe(10_000_000);
    // a refused order can be sent again once the operator has agreed
    expect(verdict(await order(brand, memberRef, 'o-1', 100))).toEqual([403, 'second_person_needed', 'memberDay']);
    ledger.desk.checker = 'cl_operator';
    expect((await order(brand, memberRef, 'o-1', 100)).status).toBe(201);
    ledger.desk.checker = null;
    expect((await order(brand, memberRef, 'o-1', 100)).headers.get('idempotency-replayed')).toBe('true');
    // an order that gives nothing needs no approval
    expect((await order(brand, memberRef, 'o-2', 0)).status).toBe(201);
    expect(await balance(brand, memberRef)).toBe(10_000_001);
  });

  it('gets no more by rebates than the limit leaves; the rest is declined finally and does not come on another day', async () => {
    const brand = await brandWith({ order: 300, memberDay: 1_000 });
    const { memberRef, walletId } = ledger.member(brand);
    const rebate = (entryId: string, points: bigint, orderId = entryId): Promise<void> =>
      ledger.tell(TOPICS.rewards, walletId, RebateDueSchema, {
        entryId,
        orderId,
        seller: brand,
        walletId,
        points,
        occurredAt: timestampFromDate(new Date(AT)),
      });
    ledger.desk.checker = null;
    expect((await order(brand, memberRef, 'r-1', 30_000)).status).toBe(201);
    const keys = Array.from({ length: 4 }, () => uuidv7());
    for (const key of keys) await rebate(key, 300n);
    // 100 points are left of the day, for rebates and orders alike
    expect(await balance(brand, memberRef)).toBe(900);
    expect(verdict(await order(brand, memberRef, 'r-2', 10_100))).toEqual([403, 'second_person_needed', 'memberDay']);
    await rebate(uuidv7(), 100n);
    expect(verdict(await order(brand, memberRef, 'r-3', 100))).toEqual([403, 'second_person_needed', 'memberDay']);
    await ledger.at('2026-03-03T08:00:00+08:00');
    for (const key of [...keys].reverse()) await rebate(key, 300n);
    // nothing is taken back of a declined reward
    await rebate(uuidv7(), -300n, keys[3]);
    expect(await balance(brand, memberRef)).toBe(1_000);
    await ledger.at(AT);
    const { body } = await ledger.asOperator('GET', '/v1/operator/declined-rewards?limit=200');
    expect(
      (body.data as Record<string, unknown>[]).map(({ key, points, cause }) => [key, points, cause]).slice(0, 2),
    ).toEqual(keys.slice(2).map((key) => [key, 300, 'second_person_needed']));
  });

  it('is not refused because of other brands’ points, nor told of them', async () => {
    const [one, other] = [await brandWith({ memberDay: 100 }), await brandWith({ memberDay: 100 })];
    const { memberRef, walletId } = ledger.member(one);
    const { memberRef: alias } = ledger.member(other, walletId);
    ledger.desk.checker = null;
    expect((await grant(one, memberRef, 'a', 100)).status).toBe(201);
    expect((await grant(other, alias, 'a', 60)).status).toBe(201);
    expect((await grant(other, alias, 'b', 40)).status).toBe(201);
    expect(verdict(await grant(other, alias, 'c', 1))).toEqual([403, 'second_person_needed', 'memberDay']);
    expect(verdict(await grant(one, memberRef, 'b', 1))).toEqual([403, 'second_person_needed', 'memberDay']);
  });
});

describe('a brand within a day', () => {
  it('gives no more than the limit, and that much again once the operator has agreed', async () => {
    const brand = await brandWith({ brandDay: 1_000, grant: 300 });
    const members = Array.from({ length: 40 }, () => ledger.member(brand).memberRef);
    const give = (n: number, points: number): Promise<Answer> => grant(brand, members[n % 40] ?? '', `g-${n}`, points);
    ledger.desk.checker = null;
    const answers = await many(40, (n) => give(n, 50));
    expect(countOf(answers, 201)).toBe(20);
    // repeats do not count again, and refusals do not count
    const repeated = await many(40, (n) => give(n, 50));
    expect(countOf(repeated, 201)).toBe(20);
    const late = answers.findIndex(({ status }) => status !== 201);
    expect(verdict(await give(late, 50))).toEqual([403, 'second_person_needed', 'brandDay']);
    expect(ledger.desk.asked.at(-1)).toEqual({
      act: 'brand_day.more',
      maker: `cl_${brand}`,
      payload: { brand, day: '2026-03-02', points: '2000' },
    });
    ledger.desk.checker = 'cl_operator';
    expect((await give(late, 50)).status).toBe(201);
    ledger.desk.checker = null;
    const rest = [...answers.keys()].filter((n) => answers[n]?.status !== 201 && n !== late);
    expect(countOf(await Promise.all(rest.map((n) => give(n, 50))), 201)).toBe(19);
    expect(verdict(await give(40, 1)).slice(0, 2)).toEqual([403, 'second_person_needed']);
    const row = await ledger.dataSource.transaction(async (tx) => {
      await tx.query(`select set_config('hezong.brand', '*', true)`);
      for (let left = 50; ; left -= 1) {
        const [kept]: { points: string; allowed: bigint }[] = await tx.query(
          'select points::text, allowed from brand_day where brand = $1',
          [brand],
        );
        if (kept?.points === '2000' || left === 0) return kept;
        await new Promise((later) => setTimeout(later, 100));
      }
    });
    // the count is shared with other instances and survives a restart
    expect(row).toEqual({ points: '2000', allowed: 2_000n });
  });
});

it('does not count repeats, or points refused for another limit', async () => {
  const brand = await brandWith({ brandDay: 1_000, memberDay: 400 });
  const [one, two, three, four] = Array.from({ length: 4 }, () => ledger.member(brand).memberRef) as [
    string,
    string,
    string,
    string,
  ];
  ledger.desk.checker = null;
  expect((await order(brand, one, 'o', 30_000)).status).toBe(201);
  for (let n = 0; n < 4; n += 1) {
    expect((await order(brand, one, 'o', 30_000)).headers.get('idempotency-replayed')).toBe('true');
    expect(verdict(await grant(brand, one, `x-${n}`, 200))).toEqual([403, 'second_person_needed', 'memberDay']);
  }
  expect((await grant(brand, two, 'two', 350)).status).toBe(201);
  expect((await grant(brand, three, 'three', 350)).status).toBe(201);
  expect(verdict(await grant(brand, four, 'four', 1))).toEqual([403, 'second_person_needed', 'brandDay']);
});

it('is refused only for points that the brand has given, not for calls in progress', async () => {
  const brand = await brandWith({ memberDay: 1_000, brandDay: 3_000 });
  const [{ memberRef }, { memberRef: other }] = [ledger.member(brand), ledger.member(brand)];
  ledger.desk.checker = null;
  const answers = await many(50, (n) => grant(brand, memberRef, `f-${n}`, 100));
  expect(countOf(answers, 201)).toBe(10);
  const refusals = answers.filter(({ status }) => status !== 201).map((answer) => verdict(answer).join());
  expect(refusals).toEqual(Array(40).fill('403,second_person_needed,memberDay'));
  expect((await grant(brand, other, 'rest', 1_000)).status).toBe(201);
});

it('counts points that the operator approved, once', async () => {
  const brand = await brandWith({ brandDay: 1_000, grant: 100 });
  const { memberRef } = ledger.member(brand);
  ledger.desk.checker = 'cl_operator';
  expect((await grant(brand, memberRef, 'large', 800)).status).toBe(201);
  ledger.desk.checker = null;
  expect((await grant(brand, memberRef, 'large', 800)).headers.get('idempotency-replayed')).toBe('true');
  expect((await grant(brand, memberRef, 'a', 100)).status).toBe(201);
  expect((await grant(brand, memberRef, 'b', 100)).status).toBe(201);
  expect(verdict(await grant(brand, memberRef, 'c', 1))).toEqual([403, 'second_person_needed', 'brandDay']);
});

it('counts points that other instances gave', async () => {
  const brand = await brandWith({ brandDay: 1_000 });
  const { memberRef } = ledger.member(brand);
  ledger.desk.checker = null;
  expect((await grant(brand, memberRef, 'a', 10)).status).toBe(201);
  await ledger.dataSource.transaction(async (tx) => {
    await tx.query(`select set_config('hezong.brand', '*', true)`);
    await tx.query(
      `insert into brand_day (brand, day, process, points, allowed) values ($1, '2026-03-02', gen_random_uuid(), 985, 0)`,
      [brand],
    );
  });
  await new Promise((later) => setTimeout(later, 1_500));
  expect((await grant(brand, memberRef, 'b', 6)).status).toBe(403);
  expect((await grant(brand, memberRef, 'c', 5)).status).toBe(201);
});

it('the alliance’s next day begins at its midnight', async () => {
  const brand = await brandWith({ memberDay: 100, brandDay: 1_000 });
  const [{ memberRef }, { memberRef: other }] = [ledger.member(brand), ledger.member(brand)];
  await ledger.at(MIDNIGHT[0]);
  ledger.desk.checker = null;
  expect((await grant(brand, memberRef, 'a', 100)).status).toBe(201);
  expect((await grant(brand, other, 'a2', 100)).status).toBe(201);
  expect((await grant(brand, memberRef, 'b', 1)).status).toBe(403);
  await ledger.at(MIDNIGHT[1]);
  expect((await grant(brand, memberRef, 'b', 100)).status).toBe(201);
  expect((await grant(brand, memberRef, 'c', 1)).status).toBe(403);
});
