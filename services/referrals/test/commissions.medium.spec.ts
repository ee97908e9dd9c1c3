import { createHash } from 'node:crypto';
import { uuidFromDigest, uuidFromId } from '#libs/kernel';
import type { Answer } from '#libs/testing';
import { referralsUnderTest } from './referrals-under-test.js';
import type { Member, ReferralsUnderTest } from './referrals-under-test.js';

const DAY = 86_400_000;
let under: ReferralsUnderTest;
let offerId: string;
beforeAll(async () => {
  under = await referralsUnderTest(['aurora', 'birch', 'crest']);
  const programme = { contributorBp: 200, conversionPrice: '1.05', validFrom: '2026-01-01T00:00:00Z', returnDays: 7 };
  await under.asOperator('POST', '/v1/operator/referral-programmes', programme);
  const offer = {
    name: 'o',
    poolBp: 1_000,
    split: { contributor: 200, distributor: 600, guide: 100, operator: 100 },
    targets: ['birch.example'],
  };
  offerId = (
    await under.asBrand('birch', 'POST', '/v1/offers', { ...offer, validFrom: '2026-01-01T00:00:00Z', returnDays: 7 })
  ).body.id;
  await under.asBrand('aurora', 'POST', `/v1/offers/${offerId}/pickups`, { campaign: 'spring' });
}, 120_000);
afterAll(() => under.close(), 60_000);

async function codeOf(promoter: Member): Promise<string> {
  const owner = { kind: 'member', memberRef: promoter.at('aurora') };
  const made = await under.asBrand('aurora', 'POST', '/v1/links', {
    offerId,
    campaign: 'spring',
    owner,
    target: 'https://birch.example/',
  });
  return made.body.code as string;
}

const commissionOf = async (
  orderId: string,
): Promise<{ id: string; state: string; reason: string | null; used: string } | undefined> =>
  (
    await under.sql<{ id: string; state: string; reason: string | null; used: string }>(
      'select id, state, reason, used::text from commission where order_id = $1',
      [orderId],
    )
  )[0];

async function publicId(orderId: string): Promise<string> {
  const { body } = await under.asBrand('birch', 'GET', '/v1/commissions?limit=200');
  return body.data.find((row: { orderId: string }) => row.orderId === orderId).id as string;
}

describe('the contributor’s share', () => {
  it('is the alliance’s default if nobody promoted the order, and none on orders at the contributor itself', async () => {
    const buyer = await under.member(['aurora', 'birch']);
    const elsewhere = await under.order('birch', buyer, { net: 5_000 });
    const home = await under.order('aurora', buyer, { net: 5_000 });
    expect([(await commissionOf(elsewhere))?.used, (await commissionOf(home))?.used]).toEqual(['100', '0']);
    // told when the day is over
    expect((await under.asBrand('aurora', 'GET', '/v1/earnings')).body.balances).toEqual([]);
  });

  it('waits until the contributor of the buyer is known, refunds included', async () => {
    const buyer = await under.member(['aurora', 'birch'], false);
    const orderId = await under.order('birch', buyer, { net: 10_000 });
    await under.refund('birch', buyer, orderId, 4_000);
    expect(await commissionOf(orderId)).toBeUndefined();
    await under.bind(buyer.walletId, 'aurora');
    expect(await commissionOf(orderId)).toMatchObject({ state: 'held', used: '200' });
    const [share] = await under.sql(
      'select held::int from commission_party p join commission c on c.id = p.commission_id where c.order_id = $1',
      [orderId],
    );
    expect(share).toEqual({ held: 120 });
    expect(await under.sql('select * from waiting_event')).toEqual([]);
  });

  it('shows the contributor day totals and a root, the seller every leg, and others nothing', async () => {
    const buyer = await under.member(['crest', 'birch']);
    const orderId = await under.order('birch', buyer, { net: 5_000 });
    const days = '/v1/commissions/days?from=2026-03-01&to=2026-03-31';
    // the day is not over: its total would reveal each purchase as it is made
    expect((await under.asBrand('crest', 'GET', days)).body.data).toEqual([]);
    expect((await under.asBrand('birch', 'GET', `${days}&as=seller`)).body.data).toMatchObject([
      { day: '2026-03-02', root: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), final: false },
    ]);
    const id = await publicId(orderId);
    const { legs } = (await under.asBrand('birch', 'GET', `/v1/commissions/${id}`)).body;
    expect(legs).toMatchObject([{ party: 'contributor', amount: 100 }]);
    // the seller sees only part of the order’s internal id: derived ids must not reveal the rest
    const digest = createHash('sha256').update(`commission order ${orderId}`).digest();
    expect(uuidFromId('ce', legs[0].entryId)).not.toBe(uuidFromDigest(digest));
    const foreign = await under.asBrand('crest', 'GET', `/v1/commissions/${id}`);
    const unknown = await under.asBrand('crest', 'GET', '/v1/commissions/cm_00000000000000000000000000');
    expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
    expect((await under.asBrand('crest', 'GET', '/v1/commissions')).body.data).toEqual([]);
    expect((await under.asBrand('crest', 'GET', '/v1/commissions/days?from=2026-02-31&to=2026-03-31')).status).toBe(
      422,
    );
  });
});

it('gives commissions of one batch ids and page positions that reveal nothing about the batch', async () => {
  const buyers: Member[] = [];
  for (let i = 0; i < 12; i += 1) buyers.push(await under.member(['aurora', 'birch']));
  await under.orders('birch', [...buyers, ...buyers], 1_000);
  const inside = await under.sql<{ id: string; order_id: string }>('select id, order_id from commission');
  expect(new Set(inside.map(({ id }) => id.slice(0, 13))).size).toBeLessThan(inside.length);
  const shown: string[] = [];
  for (let after = ''; ;) {
    const path = `/v1/commissions?limit=5${after}`;
    const { data, page } = (await under.asBrand('birch', 'GET', path)).body;
    for (const { id } of data) expect((await under.asBrand('birch', 'GET', `/v1/commissions/${id}`)).body.id).toBe(id);
    shown.push(...data.map(({ id }: { id: string }) => id));
    if (page.after === null) break;
    const told = Buffer.from(page.after, 'base64url').toString();
    expect(inside.filter((row) => told.includes(row.id) || told.includes(row.order_id))).toEqual([]);
    after = `&after=${encodeURIComponent(page.after)}`;
  }
  expect(shown.length).toBeGreaterThanOrEqual(24);
  expect(new Set(shown.map((id) => id.slice(0, 10))).size).toBe(shown.length);
});

it('ignores repeated facts, and keeps a second order under one id as a duplicate', async () => {
  const buyer = await under.member(['aurora', 'birch']);
  const orderId = await under.order('birch', buyer, { net: 5_000, externalId: 'twice' });
  await under.order('birch', buyer, { net: 5_000, orderId, externalId: 'twice' });
  const other = await under.order('birch', buyer, { net: 5_000, externalId: 'twice' });
  expect(await commissionOf(other)).toMatchObject({ state: 'duplicate', used: '0' });
  expect(
    await under.sql(
      'select count(*)::int as n from leg l join commission c on c.id = l.commission_id where c.order_id = $1',
      [orderId],
    ),
  ).toEqual([{ n: 1 }]);
});

it('goes from pending through held to payable, one day after the return window', async () => {
  const promoter = await under.member(['aurora']);
  const buyer = await under.member(['crest', 'birch']);
  const orderId = await under.order('birch', buyer, {
    net: 1_000,
    fulfilment: 'delivery',
    referral: { code: await codeOf(promoter) },
  });
  expect((await commissionOf(orderId))?.state).toBe('pending');
  const at = under.clock.now();
  await under.deliver(buyer, orderId, at);
  expect((await commissionOf(orderId))?.state).toBe('held');
  const read = (): Promise<Answer> => under.asBrand('aurora', 'GET', '/v1/earnings');
  under.clock.set(new Date(at.getTime() + 8 * DAY - 1_000));
  await read();
  expect((await commissionOf(orderId))?.state).toBe('held');
  under.clock.set(new Date(at.getTime() + 8 * DAY));
  await read();
  expect((await commissionOf(orderId))?.state).toBe('payable');
  await under.refund('birch', buyer, orderId, 1_000);
  expect((await commissionOf(orderId))?.state).toBe('reversed');
  const states = await under.sql(
    'select s.state from commission_state s join commission c on c.id = s.commission_id where c.order_id = $1 order by s.seq',
    [orderId],
  );
  expect(states.map(({ state }) => state)).toEqual(['estimated', 'pending', 'held', 'payable', 'reversed']);
});

describe('suspicion', () => {
  it('holds a self-referral until the operator decides, and looks like any other to everyone else', async () => {
    const [promoter, other] = [await under.member(['aurora', 'birch']), await under.member(['aurora', 'birch'])];
    const code = await codeOf(promoter);
    const [suspected, plain] = [
      await under.order('birch', promoter, { net: 1_000, referral: { code } }),
      await under.order('birch', other, { net: 1_000, referral: { code } }),
    ];
    expect(await commissionOf(suspected)).toMatchObject({ state: 'fraud_hold', reason: 'self_referral' });
    const { body } = await under.asOperator('GET', '/v1/operator/referrals/holds');
    expect(body.data).toMatchObject([{ orderId: suspected, state: 'fraud_hold' }]);
    const id = body.data[0].id as string;
    // any id of the commission, or of its order
    const own = new Set(['id', 'entryId', 'orderId', 'memberRef', 'salt', 'reverses']);
    const read = async (orderId: string): Promise<unknown> => {
      const { text } = await under.asBrand('birch', 'GET', `/v1/commissions/${await publicId(orderId)}`);
      const shown = JSON.parse(text, (key, value: unknown) => (own.has(key) ? '' : value)) as { legs: object[] };
      // legs of one entry come in the order of their ids
      return { ...shown, legs: shown.legs.map((leg) => JSON.stringify(leg)).sort() };
    };
    const same = async (over: { state: string } & Record<string, unknown>): Promise<void> => {
      expect(await read(suspected)).toEqual(await read(plain));
      expect(await read(suspected)).toMatchObject(over);
      const listed = (await under.asBrand('birch', 'GET', `/v1/commissions?limit=200&state=${over.state}`)).body.data;
      const found = listed.map(({ orderId }: { orderId: string }) => orderId);
      expect(found).toEqual(expect.arrayContaining([suspected, plain]));
    };
    await same({ state: 'held', reason: null, used: 90 });
    expect((await under.asBrand('birch', 'GET', '/v1/commissions?state=fraud_hold')).body.data).toEqual([]);
    await under.refund('birch', promoter, suspected, 500);
    await under.refund('birch', other, plain, 500);
    await same({ state: 'held', remaining: 500 });
    under.clock.set(new Date(under.clock.now().getTime() + 9 * DAY));
    await under.sweep();
    await same({ state: 'payable' });
    // nobody takes anything from it
    expect(await commissionOf(suspected)).toMatchObject({ state: 'fraud_hold' });
    const released = await under.asOperator('POST', `/v1/operator/referrals/holds/${id}/release`, {
      reason: 'family, shown',
    });
    expect(released.body).toMatchObject({ state: 'held', used: 90, campaign: 'spring' });
    expect(released.body.reason).toContain('family, shown');
    await under.sweep();
    await same({ state: 'payable', reason: null });
    expect(await commissionOf(suspected)).toMatchObject({ state: 'payable' });
    const again = await under.asOperator('POST', `/v1/operator/referrals/holds/${id}/cancel`, { reason: 'no' });
    expect([again.status, again.body.code]).toEqual([409, 'commission_state']);
    expect(await under.faults()).toEqual([]);
  });

  it('holds a guide’s own purchase, and keeps it when it is cancelled', async () => {
    const guide = await under.member(['birch']);
    await under.asBrand('birch', 'POST', '/v1/distributors', {
      kind: 'guide',
      ref: 'G-9',
      memberRef: guide.at('birch'),
    });
    const promoter = await under.member(['aurora']);
    const orderId = await under.order('birch', guide, {
      net: 1_000,
      referral: { code: await codeOf(promoter), guide: 'G-9' },
    });
    expect(await commissionOf(orderId)).toMatchObject({ state: 'fraud_hold', reason: 'guide_is_buyer' });
    const cancelled = await under.asOperator('POST', `/v1/operator/referrals/holds/${await publicId(orderId)}/cancel`, {
      reason: 'own purchase',
    });
    expect(cancelled.body).toMatchObject({ state: 'cancelled', remaining: 1_000 });
    const { parties, legs } = cancelled.body as { parties: { held: number }[]; legs: { amount: number }[] };
    expect(parties.map(({ held }) => held)).toEqual(parties.map(() => 0));
    expect(legs.reduce((sum, { amount }) => sum + amount, 0)).toBe(0);
    expect(legs.filter(({ amount }) => amount < 0)).toHaveLength(legs.length / 2);
    expect(await under.faults()).toEqual([]);
    await under.refund('birch', guide, orderId, 1_000);
    expect(await commissionOf(orderId)).toMatchObject({ state: 'cancelled' });
    expect(await under.faults()).toEqual([]);
  });
});

describe('the distribution of earnings', () => {
  const pool = { name: 'd', poolBp: 1_000, split: { distributor: 1_000 }, targets: ['birch.example'] };
  const read = async (brand: string, id: string): Promise<Record<string, unknown>> =>
    (await under.asBrand(brand, 'GET', `/v1/programmes/${id}/disclosure`)).body;

  const nextDay = (): void => under.clock.set(new Date(under.clock.now().getTime() + DAY));

  it('is shown to the seller and the operator, for closed days; never to others, however many promote it', async () => {
    const { id } = (await under.asBrand('birch', 'POST', '/v1/offers', { ...pool, validFrom: '2026-01-01T00:00:00Z' }))
      .body;
    const promote = async (brand: string, owner: object): Promise<string> => {
      await under.asBrand(brand, 'POST', `/v1/offers/${id}/pickups`, { campaign: 'd' });
      const wanted = { offerId: id, campaign: 'd', owner, target: 'https://birch.example/' };
      return (await under.asBrand(brand, 'POST', '/v1/links', wanted)).body.code as string;
    };
    const member = async (brand: string): Promise<object> => ({
      kind: 'member',
      memberRef: (await under.member([brand])).at(brand),
    });
    const code = await promote('aurora', await member('aurora'));
    for (let n = 2; n <= 9; n += 1) await promote('aurora', await member('aurora'));
    await promote('aurora', { kind: 'guide', ref: 'G-d' });
    // crest asks, with ten members of an accomplice
    for (let n = 0; n < 10; n += 1) await promote('birch', await member('birch'));
    await under.order('birch', await under.member(['crest', 'birch']), { net: 10_000, referral: { code } });
    const nothing = {
      distributors: null,
      shareWithZero: null,
      median: null,
      total: null,
      topTenthShare: null,
      gini: null,
    };
    expect(await read('birch', id)).toMatchObject({ distributors: 0, total: 0 });
    nextDay();
    expect(await read('birch', id)).toMatchObject({
      offerId: id,
      distributors: 20,
      total: 1_000,
      gini: expect.any(String),
    });
    for (const brand of ['crest', 'aurora'])
      expect(await read(brand, id)).toEqual({ asOf: expect.any(String), offerId: id, currency: 'CNY', ...nothing });
    const all = await under.asOperator('GET', '/v1/operator/referrals/disclosure');
    expect(all.body.distributors).toBeGreaterThanOrEqual(20);
  });
});
