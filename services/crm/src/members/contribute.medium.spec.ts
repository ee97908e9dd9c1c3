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

const post = (brand: string, body: unknown, headers = {}) => rig.asBrand(brand, 'POST', '/v1/members', body, headers);
const walletOf = async (memberRef: string): Promise<string> =>
  (await rig.internal(`/internal/v1/links?refs=${memberRef}`)).body[0].walletId;

describe('201', () => {
  it('answers in the shape of the API and nothing more', async () => {
    const answer = await post('aurora', contribution('a-1', { phone: newPhone(), email: 'X@Example.cn' }));
    expect(answer.status).toBe(201);
    expect(Object.keys(answer.body)).toEqual(['memberRef', 'externalId', 'status', 'createdAt']);
    expect(answer.body).toMatchObject({ externalId: 'a-1', status: 'active' });
    expect(answer.body.memberRef).toMatch(/^mb_[0-9A-Z]{26}$/);
  });

  it('makes the same phone at two brands one wallet with two pseudonyms', async () => {
    const phone = newPhone();
    const a = await post('aurora', contribution('a-2', { phone }));
    const b = await post('birch', contribution('b-2', { phone: phone.replace('+86138', '+86 138 ') }));
    expect(a.body.memberRef).not.toBe(b.body.memberRef);
    expect(await walletOf(a.body.memberRef)).toBe(await walletOf(b.body.memberRef));
  });

  it('uses the proven e-mail if the phone is new, and the phone if they disagree', async () => {
    const [p1, p2] = [newPhone(), newPhone()];
    const first = await post('aurora', contribution('a-3', { phone: p1 }));
    const second = await post('aurora', contribution('a-4', { email: 'four@example.cn', verified: MAIL_PROVEN }));
    const byMail = await post(
      'birch',
      contribution('b-4', { phone: p2, email: ' FOUR@example.cn', verified: MAIL_PROVEN }),
    );
    const both = await post(
      'crest',
      contribution('c-3', { phone: p1, email: 'four@example.cn', verified: MAIL_PROVEN }),
    );
    expect(await walletOf(byMail.body.memberRef)).toBe(await walletOf(second.body.memberRef));
    expect(await walletOf(both.body.memberRef)).toBe(await walletOf(first.body.memberRef));
    expect(await walletOf(first.body.memberRef)).not.toBe(await walletOf(second.body.memberRef));
  });

  it('repeats the first answer for the same content, even in another spelling', async () => {
    const phone = newPhone();
    const first = await post('aurora', contribution('a-5', { phone }));
    const again = await post('aurora', { ...contribution('a-5', { phone: ` ${phone} ` }) });
    expect(again.status).toBe(201);
    expect(again.text).toBe(first.text);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(first.headers.get('idempotency-replayed')).toBeNull();
  });

  it('keeps a transport key beside the business key', async () => {
    const body = contribution('a-6', { phone: newPhone() });
    const first = await post('aurora', body, { 'idempotency-key': 'k-1' });
    const again = await post('aurora', body, { 'idempotency-key': 'k-1' });
    const other = await post('aurora', contribution('a-7', { phone: newPhone() }), { 'idempotency-key': 'k-1' });
    expect([first.status, again.status, other.status]).toEqual([201, 201, 422]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(other.body.code).toBe('idempotency_conflict');
  });

  it('binds the person to the first contributor and publishes that only within the network', async () => {
    const phone = newPhone();
    const a = await post('birch', contribution('b-8', { phone }));
    await post('aurora', contribution('a-8', { phone }));
    const rows = await rig.sql<{ contributor_brand: string }>(
      `select b.contributor_brand from vault.binding b join member_link l using (person_id) where l.member_ref = $1`,
      [a.body.memberRef],
    );
    expect(rows).toEqual([{ contributor_brand: 'birch' }]);
  });
});

describe('409 member_exists', () => {
  it('names the brand’s own member with the same phone', async () => {
    const phone = newPhone();
    const first = await post('aurora', contribution('a-10', { phone }));
    const second = await post('aurora', contribution('a-11', { phone, email: 'eleven@example.cn' }));
    expect(second.status).toBe(409);
    expect(second.body).toMatchObject({ code: 'member_exists', memberRef: first.body.memberRef, externalId: 'a-10' });
  });

  it('never depends on what another brand knows', async () => {
    const phone = newPhone();
    // birch has proven the two contact points for one person; aurora sends them as two members
    await post('birch', contribution('b-12', { phone, email: 'twelve@example.cn', verified: MAIL_PROVEN }));
    const byPhone = await post('aurora', contribution('a-12', { phone }));
    const byMail = await post('aurora', contribution('a-13', { email: 'twelve@example.cn', verified: MAIL_PROVEN }));
    expect([byPhone.status, byMail.status]).toEqual([201, 201]);
    expect(await walletOf(byMail.body.memberRef)).not.toBe(await walletOf(byPhone.body.memberRef));
  });

  it('treats a shared e-mail with two phones as two members, whoever knows the second phone', async () => {
    const [p1, known, unknown] = [newPhone(), newPhone(), newPhone()];
    await post('birch', contribution('b-14', { phone: known }));
    await post('aurora', contribution('a-14', { phone: p1, email: 'family@example.cn', verified: MAIL_PROVEN }));
    const one = await post(
      'aurora',
      contribution('a-15', { phone: known, email: 'family@example.cn', verified: MAIL_PROVEN }),
    );
    const other = await post(
      'aurora',
      contribution('a-16', { phone: unknown, email: 'family@example.cn', verified: MAIL_PROVEN }),
    );
    expect([one.status, other.status]).toEqual([201, 201]);
  });
});

describe('refusals', () => {
  it('403 brand_suspended', async () => {
    await rig.brand('dune', 'live');
    await rig.brand('dune', 'suspended');
    const answer = await post('dune', contribution('d-1', { phone: newPhone() }));
    expect([answer.status, answer.body.code]).toEqual([403, 'brand_suspended']);
  });

  it.each([
    ['no contact point', { phone: null }, 'contact_required', null],
    ['no consents', { phone: '+8613800138000', consents: undefined }, 'consent_required', null],
    ['no join_pool', { phone: '+8613800138000', consents: [] }, 'consent_required', null],
    ['an unreadable phone', { phone: '13800138000' }, 'validation_failed', '/phone'],
    ['an unreadable e-mail', { email: 'nobody' }, 'validation_failed', '/email'],
    ['an unknown field', { phone: '+8613800138000', tier: 'gold' }, 'validation_failed', '/tier'],
    [
      'an attribute that is no text',
      { phone: '+8613800138000', attributes: { a: 1 } },
      'validation_failed',
      '/attributes',
    ],
  ])('422 for %s', async (_name, over, code, pointer) => {
    const answer = await post('aurora', contribution('a-20', over));
    expect([answer.status, answer.body.code]).toEqual([422, code]);
    if (pointer !== null)
      expect(answer.body.errors.map((fault: { pointer: string }) => fault.pointer)).toEqual([pointer]);
  });

  it('422 for withheld, repeated and future consents', async () => {
    const join = {
      purpose: 'join_pool',
      granted: true,
      policyVersion: '1',
      channel: 'app',
      at: '2026-03-01T09:00:00Z',
    };
    const with_ = (...consents: unknown[]) =>
      post('aurora', contribution('a-21', { phone: '+8613800138000', consents }));
    expect((await with_({ ...join, granted: false })).body.code).toBe('consent_required');
    expect((await with_(join, join)).body.errors[0].pointer).toBe('/consents/1/purpose');
    expect((await with_({ ...join, at: '2199-01-01T00:00:00Z' })).body.errors[0].pointer).toBe('/consents/0/at');
    expect((await with_({ ...join, at: '2026-03-01T09:00:00' })).body.errors[0].pointer).toBe('/consents/0/at');
  });

  it('422 idempotency_conflict for the same id with other content', async () => {
    await post('aurora', contribution('a-22', { phone: newPhone() }));
    const answer = await post('aurora', contribution('a-22', { phone: newPhone() }));
    expect([answer.status, answer.body.code]).toEqual([422, 'idempotency_conflict']);
  });

  it('400 for text that is not JSON', async () => {
    expect((await post('aurora', '{')).status).toBe(400);
  });
});
