import { MAIL_PROVEN, contribution, crmUnderTest, newPhone } from '../../test/crm-under-test.js';
import type { CrmUnderTest } from '../../test/crm-under-test.js';

let rig: CrmUnderTest;
beforeAll(async () => {
  rig = await crmUnderTest();
  for (const slug of ['aurora', 'birch', 'crest']) await rig.brand(slug);
}, 120_000);
afterAll(async () => {
  const faults = (await rig.internal('/internal/v1/invariants')).body.checks.filter(
    (check: { ok: boolean }) => !check.ok,
  );
  await rig.close();
  expect(faults).toEqual([]);
}, 60_000);

const post = (brand: string, body: unknown) => rig.asBrand(brand, 'POST', '/v1/members', body);
const get = (brand: string, path: string) => rig.asBrand(brand, 'GET', `/v1/members${path}`);
const patch = (ref: string, body: unknown, tag: string | null = null, brand = 'aurora') =>
  rig.asBrand(brand, 'PATCH', `/v1/members/${ref}`, body, tag === null ? {} : { 'if-match': tag });
const link = async (ref: string) => (await rig.internal(`/internal/v1/links?refs=${ref}`)).body[0];
const join = async (brand: string, externalId: string, over: Record<string, unknown>): Promise<string> => {
  const answer = await post(brand, contribution(externalId, over));
  expect(answer.status).toBe(201);
  return answer.body.memberRef;
};
const contacts = () =>
  rig.sql<{ count: string }>('select count(*) from vault.contact_point').then((rows) => Number(rows[0]?.count));

describe('reading', () => {
  it('returns the brand’s member with an ETag', async () => {
    const ref = await join('aurora', 'r-1', { phone: newPhone(), attributes: { language: 'zh' } });
    const answer = await get('aurora', `/${ref}`);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      memberRef: ref,
      externalId: 'r-1',
      contacts: ['phone'],
      attributes: { language: 'zh' },
    });
    expect(answer.headers.get('etag')).toMatch(/^"[0-9a-f]{24}"$/);
  });

  it('answers 404 with the same bytes for a foreign and an unknown member, on every route', async () => {
    const foreign = await join('birch', 'r-2', { phone: newPhone() });
    const consent = {
      purpose: 'profile_tags',
      granted: true,
      policyVersion: '1',
      channel: 'app',
      at: '2026-03-01T09:00:00Z',
    };
    const routes: [string, string, unknown?][] = [
      ['GET', ''],
      ['PATCH', '', { attributes: {} }],
      ['DELETE', ''],
      ['GET', '/consents'],
      ['POST', '/consents', consent],
    ];
    for (const [method, rest, body] of routes) {
      const answers = [];
      for (const ref of [foreign, 'mb_00000000000000000000000000', 'nonsense']) {
        answers.push(await rig.asBrand('aurora', method, `/v1/members/${ref}${rest}`, body, { 'if-match': '*' }));
      }
      expect(answers.map((answer) => answer.status)).toEqual([404, 404, 404]);
      expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
      const names = answers.map((answer) => Object.keys(answer.headers).sort().join());
      expect(new Set(names).size).toBe(1);
    }
  });

  it('finds by externalId, and pages through all members', async () => {
    await rig.brand('ember');
    const refs: string[] = [];
    for (let i = 0; i < 7; i += 1) refs.push(await join('ember', `l-${i}`, { phone: newPhone() }));
    const found = await get('ember', '?externalId=l-3');
    expect(found.body).toMatchObject({ data: [{ memberRef: refs[3] }], page: { more: false, after: null } });
    expect((await get('aurora', '?externalId=l-3')).body.data).toEqual([]);
    const seen: string[] = [];
    for (let after = ''; ;) {
      const page = await get('ember', `?limit=3${after === '' ? '' : `&after=${after}`}`);
      seen.push(...page.body.data.map((member: { memberRef: string }) => member.memberRef));
      if (!page.body.page.more) break;
      after = page.body.page.after;
    }
    expect(seen).toEqual(refs);
    expect((await get('ember', '?after=nonsense')).body.code).toBe('cursor_invalid');
    expect((await get('ember', '?limit=201')).status).toBe(422);
  });
});

describe('two brands of one person', () => {
  it('share no value in any field or header', async () => {
    const [phone, email] = [newPhone(), 'shared@example.cn'];
    const values = async (brand: string): Promise<Set<string>> => {
      const ref = await join(brand, `${brand}-s`, { phone, email });
      const answers = [
        await get(brand, `/${ref}`),
        await get(brand, `/${ref}/consents`),
        await get(brand, `?externalId=${brand}-s`),
      ];
      const found = new Set<string>();
      const collect = (value: unknown): void => {
        if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect);
        else if (value !== null) found.add(JSON.stringify(value).replaceAll('"', ''));
      };
      for (const answer of answers) {
        collect(answer.body);
        for (const [name, value] of answer.headers) {
          if (!['date', 'content-type', 'content-length', 'connection', 'keep-alive'].includes(name)) found.add(value);
        }
      }
      return found;
    };
    const a = await values('aurora');
    const b = await values('birch');
    const common = [...a].filter((value) => b.has(value));
    // the rest is common to all members of these brands
    expect(common.sort()).toEqual(
      [
        '2026-01',
        '2026-03-01T01:00:00Z',
        'active',
        'app',
        'email',
        'false',
        'join_pool',
        'no-store',
        'phone',
        'true',
      ].sort(),
    );
  });
});

describe('changing', () => {
  it('requires If-Match with the current version', async () => {
    const ref = await join('aurora', 'c-1', { phone: newPhone() });
    expect((await patch(ref, { attributes: { a: 'b' } })).status).toBe(428);
    const tag = (await get('aurora', `/${ref}`)).headers.get('etag');
    const changed = await patch(ref, { attributes: { a: 'b', c: 'd' } }, tag);
    expect(changed.body).toMatchObject({ attributes: { a: 'b', c: 'd' } });
    expect((await patch(ref, { attributes: { a: null } }, tag)).status).toBe(412);
    const again = await patch(ref, { attributes: { a: null } }, changed.headers.get('etag'));
    expect(again.body.attributes).toEqual({ c: 'd' });
  });

  it('replaces contact points and forgets unused ones', async () => {
    const before = await contacts();
    const [p1, p2] = [newPhone(), newPhone()];
    const ref = await join('aurora', 'c-2', { phone: p1 });
    expect(await contacts()).toBe(before + 1);
    const changed = await patch(ref, { phone: p2, email: 'c2@example.cn' }, '*');
    expect(changed.body.contacts).toEqual(['phone', 'email']);
    expect(await contacts()).toBe(before + 2);
    expect((await patch(ref, { phone: null }, '*')).body.contacts).toEqual(['email']);
    expect((await patch(ref, { email: null }, '*')).body.code).toBe('contact_required');
    expect(await contacts()).toBe(before + 1);
  });

  it('keeps a contact point that another brand sent, and never merges persons', async () => {
    const [shared, other] = [newPhone(), newPhone()];
    const a = await join('aurora', 'c-3', { phone: shared });
    await join('birch', 'c-3', { phone: shared });
    const before = await contacts();
    await patch(a, { phone: other }, '*');
    expect(await contacts()).toBe(before + 1);
    const stranger = await join('crest', 'c-3', { phone: newPhone(), email: 'stranger@example.cn' });
    const answer = await patch(a, { email: 'stranger@example.cn' }, '*');
    expect(answer.status).toBe(200);
    expect((await link(a)).walletId).not.toBe((await link(stranger)).walletId);
  });

  it('refuses a contact point of another member of the brand', async () => {
    const phone = newPhone();
    const a = await join('aurora', 'c-4', { phone });
    const b = await join('aurora', 'c-5', { phone: newPhone() });
    const answer = await patch(b, { phone }, '*');
    expect([answer.status, answer.body.memberRef]).toEqual([409, a]);
  });
});

describe('ending', () => {
  it('ends only this brand’s link, and informs the ledger immediately and the network by event', async () => {
    const phone = newPhone();
    const a = await join('aurora', 'e-1', { phone });
    const b = await join('birch', 'e-1', { phone });
    const before = await contacts();
    const { walletId } = await link(a);
    const answer = await rig.asBrand('aurora', 'DELETE', `/v1/members/${a}`);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await get('aurora', `/${a}`)).status).toBe(404);
    expect((await get('birch', `/${b}`)).status).toBe(200);
    expect((await rig.asBrand('aurora', 'DELETE', `/v1/members/${a}`)).status).toBe(404);
    expect(await contacts()).toBe(before);
    expect(await link(a)).toMatchObject({ memberRef: a, brand: 'aurora', walletId, status: 'deleted', version: 2 });
    expect(rig.pushed.at(-1)).toEqual({
      path: `/internal/v1/links/${a}`,
      body: { brand: 'aurora', walletId, status: 'deleted', version: 2, changedAt: expect.any(String) },
    });
  });

  it('forgets the person with the last link; the wallet remains in the books', async () => {
    const phone = newPhone();
    const before = await contacts();
    const a = await join('aurora', 'e-2', { phone, email: 'e2@example.cn' });
    const b = await join('birch', 'e-2', { phone });
    const { walletId } = await link(a);
    await rig.asBrand('aurora', 'DELETE', `/v1/members/${a}`);
    expect(await contacts()).toBe(before + 1);
    await rig.asBrand('birch', 'DELETE', `/v1/members/${b}`);
    expect(await contacts()).toBe(before);
    const consents = [
      { purpose: 'join_pool', granted: true, policyVersion: '2', channel: 'app', at: new Date().toISOString() },
    ];
    const again = await join('birch', 'e-3', { phone, consents });
    expect((await link(again)).walletId).not.toBe(walletId);
  });

  it('answers a late repeat that the member is gone, and lets a new consent bring the member back', async () => {
    const phone = newPhone();
    const body = contribution('e-4', { phone });
    const first = await post('aurora', body);
    await rig.asBrand('aurora', 'DELETE', `/v1/members/${first.body.memberRef}`);
    const late = await post('aurora', body);
    expect([late.status, late.body.code]).toEqual([410, 'member_erased']);
    expect((await get('aurora', `/${first.body.memberRef}`)).status).toBe(404);
    const consents = [
      { purpose: 'join_pool', granted: true, policyVersion: '2', channel: 'app', at: new Date().toISOString() },
    ];
    const back = await post('aurora', { ...body, consents });
    expect(back.status).toBe(201);
    expect(back.body.memberRef).not.toBe(first.body.memberRef);
    expect((await post('aurora', contribution('e-4', { phone: newPhone() }))).body.code).toBe('idempotency_conflict');
  });

  it('passes a contact point on to the other member for whom it was proven', async () => {
    const [p1, p2] = [newPhone(), newPhone()];
    const proven = { email: 'family5@example.cn', verified: MAIL_PROVEN };
    const owner = await join('aurora', 'e-5', { phone: p1, ...proven });
    const other = await join('aurora', 'e-6', { phone: p2, ...proven });
    await rig.asBrand('aurora', 'DELETE', `/v1/members/${owner}`);
    const again = await join('crest', 'e-7', proven);
    expect((await link(again)).walletId).toBe((await link(other)).walletId);
  });
});

describe('consents', () => {
  const word = (purpose: string, granted: boolean, at: string) => ({
    purpose,
    granted,
    policyVersion: '1',
    channel: 'app',
    at,
  });
  const say = (ref: string, body: unknown) => rig.asBrand('aurora', 'POST', `/v1/members/${ref}/consents`, body);

  it('are recorded, repeated without effect, and listed', async () => {
    const ref = await join('aurora', 'k-1', { phone: newPhone() });
    const first = await say(ref, word('marketing_by_brand', true, '2026-03-02T09:00:00Z'));
    const again = await say(ref, word('marketing_by_brand', true, '2026-03-02T17:00:00+08:00'));
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const list = await get('aurora', `/${ref}/consents?limit=1`);
    const rest = await get('aurora', `/${ref}/consents?after=${list.body.page.after}`);
    expect([...list.body.data, ...rest.body.data].map((event) => event.purpose)).toEqual([
      'join_pool',
      'marketing_by_brand',
    ]);
  });

  it('end the link when join_pool is withdrawn, unless a later consent exists', async () => {
    const ref = await join('aurora', 'k-2', { phone: newPhone() });
    expect((await say(ref, word('join_pool', false, '2026-02-01T09:00:00Z'))).status).toBe(201);
    expect((await get('aurora', `/${ref}`)).status).toBe(200);
    expect((await say(ref, word('join_pool', false, '2026-03-03T09:00:00Z'))).status).toBe(201);
    expect((await get('aurora', `/${ref}`)).status).toBe(404);
    expect(rig.pushed.at(-1)?.path).toBe(`/internal/v1/links/${ref}`);
  });

  it('can never be changed, not even by the owner of the database', async () => {
    await expect(rig.sql('update consent_event set granted = false')).rejects.toThrow('append-only');
  });
});

describe('scopes', () => {
  it('401 without a token, and 404 for the public on internal routes of unknown links', async () => {
    expect((await fetch(`${rig.service.url}/v1/members`)).status).toBe(401);
    expect((await fetch(`${rig.service.url}/internal/v1/links?refs=x`)).status).toBe(401);
    expect((await rig.internal('/internal/v1/links?refs=mb_x')).body).toEqual([]);
  });
});
