import type { Answer } from '#libs/testing';
import { referralsUnderTest } from './referrals-under-test.js';
import type { ReferralsUnderTest } from './referrals-under-test.js';

let under: ReferralsUnderTest;
let offerId: string;
let code: string;
beforeAll(async () => {
  under = await referralsUnderTest(['aurora', 'birch', 'crest']);
  offerId = (await publish({})).body.id as string;
  await under.asBrand('aurora', 'POST', `/v1/offers/${offerId}/pickups`, { campaign: 'spring' });
  code = (await link({})).body.code as string;
}, 120_000);
afterAll(() => under.close(), 60_000);

const publish = (over: Record<string, unknown>): Promise<Answer> =>
  under.asBrand('birch', 'POST', '/v1/offers', {
    name: 'o',
    poolBp: 1_000,
    split: { distributor: 900, operator: 100 },
    targets: ['birch.example'],
    validFrom: '2026-01-01T00:00:00Z',
    ...over,
  });
const link = (over: Record<string, unknown>, brand = 'aurora'): Promise<Answer> =>
  under.asBrand(brand, 'POST', '/v1/links', {
    offerId,
    campaign: 'spring',
    owner: { kind: 'brand' },
    target: 'https://birch.example/a',
    ...over,
  });
const touch = (over: Record<string, unknown>, brand = 'aurora'): Promise<Answer> =>
  under.asBrand(brand, 'POST', '/v1/touches', { code, kind: 'click', at: '2026-03-02T00:00:00Z', ...over });
const verdict = ({ status, body }: Answer): unknown[] => [status, body.code];

describe('days and prices', () => {
  it.each(['0000-01-01', '1999-12-31', '3000-01-01', '2026-02-30', '2026-3-1', ' '])(
    'refuse the day %j',
    async (day) => {
      const days = await under.asBrand('aurora', 'GET', `/v1/commissions/days?from=${day}&to=${day}`);
      expect(verdict(days)).toEqual([422, 'validation_failed']);
      expect(verdict(await under.asBrand('aurora', 'GET', `/v1/commissions?day=${day}`))).toEqual(verdict(days));
    },
  );

  it.each(['0', '0.0', '0.000000'])('refuse points for %s', async (conversionPrice) => {
    const programme = { contributorBp: 200, conversionPrice, validFrom: '2026-01-01T00:00:00Z' };
    const answer = await under.asOperator('POST', '/v1/operator/referral-programmes', programme);
    expect([...verdict(answer), answer.body.errors[0].pointer]).toEqual([422, 'validation_failed', '/conversionPrice']);
  });
});

describe('earnings', () => {
  it.each([
    ['kind=brand&ref=crest', '/query/ref', 'not_allowed'],
    ['ref=crest', '/query/ref', 'not_allowed'],
    ['memberRef=mb_00000000000000000000000000', '/query/memberRef', 'not_allowed'],
    ['kind=member&ref=G-1&memberRef=mb_00000000000000000000000000', '/query/ref', 'not_allowed'],
    ['kind=guide&ref=G-1&memberRef=mb_00000000000000000000000000', '/query/memberRef', 'not_allowed'],
    ['kind=member', '/query/memberRef', 'required'],
  ])('of %s are refused, not read as another owner’s', async (query, pointer, fault) => {
    const { status, body } = await under.asBrand('aurora', 'GET', `/v1/earnings?${query}`);
    expect([status, body.code, body.errors]).toMatchObject([422, 'validation_failed', [{ pointer, code: fault }]]);
  });
});

describe('offers', () => {
  it.each<[string, Record<string, unknown>, unknown[]]>([
    ['a split below the pool', { poolBp: 1_001 }, [422, 'split_mismatch']],
    ['a split over the pool', { split: { distributor: 1_100 } }, [422, 'split_mismatch']],
    ['pay per recruit', { basis: 'recruit' }, [422, 'recruit_pay_refused']],
    ['a share of a third level', { split: { distributor: 900, level3: 100 } }, [422, 'validation_failed']],
    ['a protection beyond the window', { windowDays: 5, protectionDays: 6 }, [422, 'validation_failed']],
    ['a host that is none', { targets: ['https://birch.example'] }, [422, 'validation_failed']],
    ['a host under which anybody may have a name', { targets: ['com.cn'] }, [422, 'validation_failed']],
    ['such a host of a private registry', { targets: ['birch.example', 'github.io'] }, [422, 'validation_failed']],
  ])('refuse %s', async (_, over, expected) => {
    expect(verdict(await publish(over))).toEqual(expected);
  });

  it('cannot be changed, only withdrawn by their brand; withdrawn offers get no pickups', async () => {
    const id = (await publish({})).body.id as string;
    expect(verdict(await under.asBrand('aurora', 'POST', `/v1/offers/${id}/withdraw`))).toEqual([404, 'not_found']);
    expect((await under.asBrand('birch', 'POST', `/v1/offers/${id}/withdraw`)).body.withdrawnAt).not.toBeNull();
    expect(verdict(await under.asBrand('aurora', 'POST', `/v1/offers/${id}/pickups`, { campaign: 'c' }))).toEqual([
      409,
      'offer_closed',
    ]);
    await expect(under.inService('update offer set pool_bp = 5000')).rejects.toThrow('only be withdrawn');
  });

  it('have the currency of their brand, and one spelling of their shares', async () => {
    const split = { memberRebate: 300, distributor: 700 };
    const published = await publish({ split });
    expect(published.body).toMatchObject({ currency: 'CNY', split });
    const { id } = published.body;
    await under.asBrand('aurora', 'POST', `/v1/offers/${id}/pickups`, { campaign: 'rebate' });
    const made = (await link({ offerId: id, campaign: 'rebate' })).body.code as string;
    const buyer = await under.member(['crest', 'birch']);
    const orderId = await under.order('birch', buyer, { net: 10_000, referral: { code: made } });
    const { body } = await under.asBrand('birch', 'GET', '/v1/commissions?limit=200');
    const found = body.data.find((row: { orderId: string }) => row.orderId === orderId);
    expect(found.plan.shares).toEqual(split);
    expect(found.parties).toMatchObject([
      { party: 'memberRebate', held: 300 },
      { party: 'distributor', held: 700 },
    ]);
  });

  it('show their budget only to their brand', async () => {
    const { id } = (await publish({ budget: 500 })).body;
    expect((await under.asBrand('birch', 'GET', `/v1/offers/${id}`)).body).toMatchObject({ budget: 500, used: 0 });
    expect((await under.asBrand('aurora', 'GET', `/v1/offers/${id}`)).body).not.toHaveProperty('budget');
  });

  it('pay no more than their budget, and accept no pickup beyond it', async () => {
    const { id } = (await publish({ budget: 500 })).body;
    await under.asBrand('aurora', 'POST', `/v1/offers/${id}/pickups`, { campaign: 'tight' });
    const made = (await link({ offerId: id, campaign: 'tight' })).body.code as string;
    const buyer = await under.member(['crest', 'birch']);
    const first = await under.order('birch', buyer, { net: 4_000, referral: { code: made } });
    await under.order('birch', buyer, { net: 4_000, referral: { code: made } });
    expect((await under.asBrand('birch', 'GET', `/v1/offers/${id}`)).body.used).toBe(500);
    expect(verdict(await under.asBrand('aurora', 'POST', `/v1/offers/${id}/pickups`, { campaign: 'more' }))).toEqual([
      409,
      'offer_exhausted',
    ]);
    await under.refund('birch', buyer, first, 4_000);
    expect((await under.asBrand('birch', 'GET', `/v1/offers/${id}`)).body.used).toBe(100);
    expect(await under.faults()).toEqual([]);
  });
});

describe('links', () => {
  it.each<[string, Record<string, unknown>, unknown[]]>([
    ['a campaign that was not picked', { campaign: 'autumn' }, [422, 'offer_not_picked']],
    ['a target elsewhere', { target: 'https://evil.example/' }, [422, 'target_refused']],
    ['a target that is not https', { target: 'http://birch.example/' }, [422, 'target_refused']],
    ['an unknown store', { owner: { kind: 'store', ref: 'none' } }, [422, 'store_unknown']],
    [
      'a member of somebody else',
      { owner: { kind: 'member', memberRef: 'mb_00000000000000000000000000' } },
      [404, 'not_found'],
    ],
    ['an unknown offer', { offerId: 'of_00000000000000000000000000' }, [404, 'not_found']],
  ])('refuse %s', async (_, over, expected) => {
    expect(verdict(await link(over))).toEqual(expected);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ kind: 'brand', ref: 'crest' }, '/owner/ref'],
    [{ kind: 'brand', memberRef: 'mb_00000000000000000000000000' }, '/owner/memberRef'],
    [{ kind: 'member', ref: 'G-1', memberRef: 'mb_00000000000000000000000000' }, '/owner/ref'],
  ])('pass nothing over that names an owner: %j', async (owner, pointer) => {
    const { status, body } = await link({ owner });
    expect([status, body.errors]).toMatchObject([422, [{ pointer, code: 'not_allowed' }]]);
  });

  it('are the same 404 to others, with the same bytes', async () => {
    const { id } = (await link({})).body;
    const foreign = await under.asBrand('crest', 'GET', `/v1/links/${id}`);
    const unknown = await under.asBrand('crest', 'GET', '/v1/links/lk_00000000000000000000000000');
    expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
  });

  it('lead to their target with a click id, and are also shown as QR code', async () => {
    const made = (await link({ target: 'https://shop.birch.example/a?b=1' })).body;
    const followed = await under.public(`/l/${made.code.toLowerCase()}?from=groupmessage&isappinstalled=0`);
    expect(followed.status).toBe(302);
    expect(followed.headers.get('location')).toMatch(/^https:\/\/shop\.birch\.example\/a\?b=1&hz_click=tc_[\w-]{64}$/);
    expect((await under.public('/l/0000000000000')).status).toBe(404);
    expect((await under.public('/l/0%00')).status).toBe(404);
    const qr = await under.asBrand('aurora', 'GET', `/v1/links/${made.id}/qr`);
    expect([qr.headers.get('content-type'), qr.text.slice(0, 4)]).toEqual([
      expect.stringContaining('image/svg+xml'),
      '<svg',
    ]);
    const click = new URL(followed.headers.get('location') ?? '').searchParams.get('hz_click') ?? '';
    const buyer = await under.member(['crest', 'birch']);
    const orderId = await under.order('birch', buyer, { net: 1_000, referral: { click } });
    const decided = (id: string): Promise<object[]> =>
      under.sql('select won_by, promoter, rule_version from decision where order_id = $1', [id]);
    const [decision] = await decided(orderId);
    expect(decision).toEqual({ won_by: 'deep_link', promoter: 'brand:aurora', rule_version: 'claims-1' });
    const forged = `${click.slice(0, -1)}${click.endsWith('0') ? '1' : '0'}`;
    const [lost] = await decided(await under.order('birch', buyer, { net: 1_000, referral: { click: forged } }));
    expect(lost).toMatchObject({ won_by: 'none' });
    // an id in the old form, with link and time, is refused
    const plain = `tc_${made.id.slice(3)}${under.clock.now().getTime().toString(36).toUpperCase().padStart(9, '0')}${'0'.repeat(20)}`;
    const [old] = await decided(await under.order('birch', buyer, { net: 1_000, referral: { click: plain } }));
    expect(old).toMatchObject({ won_by: 'none' });
    const again = await under.public(`/l/${made.code}`);
    const other = new URL(again.headers.get('location') ?? '').searchParams.get('hz_click') ?? '';
    const common = Array.from(click.slice(3)).filter((letter, at) => other[at + 3] === letter).length;
    expect(common).toBeLessThan(12);
    for (const bytes of [click.slice(3), Buffer.from(click.slice(3), 'base64url').toString('hex')])
      expect(bytes.toUpperCase()).not.toContain(made.id.slice(3).toUpperCase());
  });

  it('are counted when followed, and no single click is stored', async () => {
    const made = (await link({})).body;
    const [before] = await under.sql<{ n: string }>('select count(*)::text as n from touch');
    await Promise.all(Array.from({ length: 25 }, () => under.public(`/l/${made.code}`)));
    // as link previews do
    const preview = await under.public(`/l/${made.code}`, 'HEAD');
    expect([preview.status, preview.headers.get('location')]).toEqual([302, expect.stringContaining('hz_click=')]);
    expect(await under.sql('select count(*)::text as n from touch')).toEqual([before]);
    const rows = await under.sql<{ clicks: string }>('select clicks::text from link_clicks where brand = $1', [
      'aurora',
    ]);
    expect(rows.map(({ clicks }) => clicks)).toContain('25');
    expect((await under.asBrand('aurora', 'GET', `/v1/links/${made.id}`)).body.clicks).toBe(25);
    const { body } = await under.asBrand('aurora', 'GET', '/v1/links?limit=200');
    expect(body.data.find(({ id }: { id: string }) => id === made.id).clicks).toBe(25);
  });
});

describe('a refused claim', () => {
  it('is named as in the order; a click and the promoter’s link share no id with what the promoter has', async () => {
    const buyer = await under.member(['aurora', 'birch']);
    const { body: clicked } = await touch({ memberRef: buyer.at('birch') }, 'birch');
    const [lost, guided] = [
      await under.order('birch', buyer, { net: 1_000, campaign: 'autumn', referral: { code } }),
      await under.order('birch', buyer, { net: 1_000, referral: { guide: 'G-1' } }),
    ];
    const seen = async (orderId: string): Promise<Answer> => {
      const { body } = await under.asBrand('birch', 'GET', '/v1/commissions?limit=200');
      const found = body.data.find((row: { orderId: string }) => row.orderId === orderId);
      return under.asBrand('birch', 'GET', `/v1/commissions/${found.id}`);
    };
    expect((await seen(guided)).body.decision.refused).toEqual([
      { kind: 'click', value: null, reason: 'guide_in_store' },
    ]);
    const won = await seen(await under.order('birch', buyer, { net: 1_000 }));
    expect(won.body).toMatchObject({ decision: { wonBy: 'click' } });
    // the promoter’s own report, which may stand for a single member
    expect(won.body).not.toHaveProperty('campaign');
    expect(clicked).toMatchObject({ id: expect.stringMatching(/^tc_/), linkId: null });
    for (const { text } of [won, await seen(guided)]) {
      expect(text).not.toContain(clicked.id);
      expect(text).not.toMatch(/lk_/);
      expect(text).not.toContain('aurora');
    }
    const rows = await under.sql<{ refused: unknown }>(
      `select document->'refused' as refused from decision where order_id = $1`,
      [lost],
    );
    expect(JSON.stringify(rows)).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}/);
  });
});

describe('touches', () => {
  it.each<[string, Record<string, unknown>, string, unknown[]]>([
    ['from the future', { at: '2026-03-03T00:00:00Z' }, 'aurora', [422, 'occurred_in_future']],
    ['of another campaign', { campaign: 'autumn' }, 'aurora', [422, 'code_of_other_campaign']],
    ['with a mistyped code', { code: '0000000000001' }, 'aurora', [422, 'code_unknown']],
    ['of a brand that has nothing to do with it', {}, 'crest', [422, 'code_unknown']],
  ])('are refused %s', async (_, over, brand, expected) => {
    expect(verdict(await touch(over, brand))).toEqual(expected);
  });

  it('are accepted from the promoter and the seller, and never change', async () => {
    const member = await under.member(['birch']);
    expect((await touch({})).status).toBe(201);
    expect((await touch({ memberRef: member.at('birch') }, 'birch')).status).toBe(201);
    await expect(under.inService('delete from touch')).rejects.toThrow('append-only');
    await expect(under.inService("update touch set told_by = 'crest'")).rejects.toThrow('append-only');
  });

  it('earn nothing on the promoter’s report, even against the seller’s report', async () => {
    const buyer = await under.member(['aurora', 'birch']);
    for (const kind of ['click', 'code', 'deep_link']) {
      const told = await touch({ kind, memberRef: buyer.at('aurora') });
      expect(told.body).toMatchObject({ kind, linkId: expect.stringMatching(/^lk_/) });
    }
    const wonBy = async (): Promise<unknown> => {
      const orderId = await under.order('birch', buyer, { net: 10_000 });
      const rows = await under.sql('select promoter from decision where order_id = $1', [orderId]);
      const legs = await under.sql(`select payee from leg l join commission c on c.id = l.commission_id
        where c.order_id = '${orderId}' and party = 'distributor'`);
      return [rows.map(({ promoter }) => promoter), legs.map(({ payee }) => payee)];
    };
    expect(await wonBy()).toEqual([[], []]);
    const mine = (await link({ offerId, owner: { kind: 'guide', ref: 'G-told' } })).body.code as string;
    expect((await touch({ code: mine, memberRef: buyer.at('birch') }, 'birch')).body.linkId).toBeNull();
    await touch({ memberRef: buyer.at('aurora') });
    expect(await wonBy()).toEqual([['guide:aurora/G-told'], ['members']]);
  });
});

describe('a third level, pay per recruit, pay without a settled order', () => {
  const register = (memberRef: string, introducer?: string): Promise<Answer> =>
    under.asBrand('aurora', 'POST', '/v1/distributors', {
      kind: 'member',
      memberRef,
      ...(introducer === undefined ? {} : { introducer }),
    });

  it('are refused by the API and by import', async () => {
    const [a, b, c] = [await under.member(['aurora']), await under.member(['aurora']), await under.member(['aurora'])];
    const first = (await register(a.at('aurora'))).body.id as string;
    // depth is 1 until the operator changes it, with a sign-off
    expect(verdict(await register(b.at('aurora'), first))).toEqual([422, 'depth_exceeded']);
    const programme = { contributorBp: 0, maxDepth: 2, validFrom: '2026-02-01T00:00:00Z' };
    expect(verdict(await under.asOperator('POST', '/v1/operator/referral-programmes', programme))).toEqual([
      422,
      'validation_failed',
    ]);
    expect(
      verdict(await under.asOperator('POST', '/v1/operator/referral-programmes', { ...programme, maxDepth: 3 })),
    ).toEqual([422, 'depth_exceeded']);
    expect(
      (await under.asOperator('POST', '/v1/operator/referral-programmes', { ...programme, signOff: 'counsel' })).status,
    ).toBe(201);
    const second = await register(b.at('aurora'), first);
    expect(second.status).toBe(201);
    expect(verdict(await register(c.at('aurora'), second.body.id))).toEqual([422, 'depth_exceeded']);
    const rows = [{ kind: 'member', memberRef: c.at('aurora'), introducer: second.body.id }];
    const imported = await under.asBrand('aurora', 'POST', '/v1/distributors/imports', { rows });
    expect(imported.body.rows).toMatchObject([{ status: 422, code: 'depth_exceeded' }]);
    // an introducer may not be introduced later
    const above = (await register(c.at('aurora'))).body.id as string;
    expect(verdict(await register(a.at('aurora'), above))).toEqual([422, 'depth_exceeded']);
  });

  it('are refused by the database, even to the service itself', async () => {
    const introduce = (owner: string, by: string): Promise<unknown> =>
      under.inService(
        `insert into introduction values ('aurora', '${owner}', '${by}', now(), now() + interval '1 day')`,
      );
    const [known] = await under.sql<{ owner: string; introducer: string }>(
      'select owner, introducer from introduction limit 1',
    );
    await expect(introduce('wallet:x', known?.owner ?? '')).rejects.toThrow('third level');
    await expect(introduce(known?.introducer ?? '', 'wallet:y')).rejects.toThrow('third level');
    await expect(introduce('wallet:x', 'wallet:x')).rejects.toThrow('introduction_check');
    await expect(under.inService('update introduction set introducer = owner')).rejects.toThrow();
    await expect(under.inService('truncate introduction')).rejects.toThrow();
    await expect(
      under.inService(`insert into referral_programme (contributor_bp, max_depth, sign_off, return_days, valid_from, created_by, created_at)
      values (0, 3, 's', 0, now(), 'x', now())`),
    ).rejects.toThrow('max_depth');
    const offer = `insert into offer (id, brand, name, currency, basis, pool_bp, split, rule_version, products, categories, hosts, window_days, protection_days,
      return_days, standing, valid_from, created_at) values (gen_random_uuid(), 'birch', 'x', 'CNY', 'recruit', 1, '{}', 'x', '{}', '{}', '{}', 30, 7, 0, false, now(), now())`;
    await expect(under.inService(offer)).rejects.toThrow('offer_basis_check');
    const buyer = await under.member(['crest', 'birch']);
    const orderId = await under.order('birch', buyer, { net: 10_000, referral: { code } });
    const [commission] = await under.sql<{ id: string }>('select id from commission where order_id = $1', [orderId]);
    await expect(
      under.inService(`update commission set state = 'payable' where id = '${commission?.id}'`),
    ).rejects.toThrow('on hold until');
    await expect(
      under.inService(`update commission set hold_until = now() where id = '${commission?.id}'`),
    ).rejects.toThrow('keeps its order');
    const pay = `with p as (insert into payout (id, currency, maker, created_at) values (gen_random_uuid(), 'CNY', 'm', now()) returning id)
      insert into earning_draw (id, commission_id, party, owner, currency, payout_id, amount)
      select gen_random_uuid(), '${commission?.id}', 'distributor', 'brand:aurora', 'CNY', id, 1 from p`;
    await expect(under.inService(pay)).rejects.toThrow('before its hold is over');
    await expect(
      under.inService(`insert into leg (id, entry_id, commission_id, brand, party, owner, payee, amount, currency, posted_at, day, settled)
      values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'birch', 'distributor', 'brand:aurora', 'brand:aurora', 1, 'CNY', now(), now(), true)`),
    ).rejects.toThrow('foreign key');
  });
});
