import { MAIL_PROVEN, contribution, crmUnderTest, newPhone } from '../../test/crm-under-test.js';
import type { Answer } from '#libs/testing';
import type { CrmUnderTest } from '../../test/crm-under-test.js';

let rig: CrmUnderTest;
beforeAll(async () => {
  rig = await crmUnderTest();
  for (const slug of ['aurora', 'birch', 'crest']) await rig.brand(slug);
  await rig.brand('mail', 'live', ['email']);
  await rig.brand('trustless', 'live', []);
}, 120_000);
afterAll(async () => {
  const faults = (await rig.internal('/internal/v1/invariants')).body.checks.filter(
    (check: { ok: boolean }) => !check.ok,
  );
  await rig.close();
  expect(faults).toEqual([]);
}, 60_000);

let counter = 0;
const newMail = (): string => `someone-${(counter += 1)}@example.cn`;
const at = '2026-03-01T09:00:00+08:00';
const byPhone = { phone: { method: 'sms_code', at } };

const post = (brand: string, over: Record<string, unknown>): Promise<Answer> =>
  rig.asBrand(brand, 'POST', '/v1/members', contribution(`x-${(counter += 1)}`, over));
const join = async (brand: string, over: Record<string, unknown>): Promise<string> => {
  const answer = await post(brand, over);
  expect(answer.status).toBe(201);
  return answer.body.memberRef as string;
};
const patch = (brand: string, ref: string, body: unknown): Promise<Answer> =>
  rig.asBrand(brand, 'PATCH', `/v1/members/${ref}`, body, { 'if-match': '*' });
const walletOf = async (ref: string): Promise<string> =>
  (await rig.internal(`/internal/v1/links?refs=${ref}`)).body[0].walletId;

describe('an unproven e-mail address', () => {
  it('does not give its owner’s wallet to someone who types it in', async () => {
    const email = newMail();
    const victim = await join('aurora', { phone: newPhone(), email });
    const thief = await join('crest', { phone: newPhone(), email });
    const alone = await join('birch', { email });
    const wallets = await Promise.all([victim, thief, alone].map(walletOf));
    expect(new Set(wallets).size).toBe(3);
  });

  it('keeps nobody out, not even at the same brand', async () => {
    const email = newMail();
    const first = await join('aurora', { email });
    const second = await join('aurora', { email });
    expect(second).not.toBe(first);
  });

  it('belongs to the person who proves it later', async () => {
    const email = newMail();
    const thief = await join('crest', { phone: newPhone(), email });
    const phone = newPhone();
    const victim = await join('aurora', { phone, email });
    expect((await patch('aurora', victim, { email, verified: MAIL_PROVEN })).status).toBe(200);
    const elsewhere = await join('birch', { email, verified: MAIL_PROVEN });
    expect(await walletOf(elsewhere)).toBe(await walletOf(victim));
    expect(await walletOf(thief)).not.toBe(await walletOf(victim));
  });
});

describe('a proven e-mail address', () => {
  it('finds its person, proven by the call or by the contract', async () => {
    const email = newMail();
    const first = await join('aurora', { phone: newPhone(), email, verified: MAIL_PROVEN });
    const said = await join('birch', { phone: newPhone(), email, verified: MAIL_PROVEN });
    const agreed = await join('mail', { email });
    expect(await walletOf(said)).toBe(await walletOf(first));
    expect(await walletOf(agreed)).toBe(await walletOf(first));
  });

  it('yields to the phone, and stays with the person who had it', async () => {
    const [phone, email] = [newPhone(), newMail()];
    const byNumber = await join('aurora', { phone });
    const byAddress = await join('aurora', { email, verified: MAIL_PROVEN });
    const both = await join('birch', { phone, email, verified: MAIL_PROVEN });
    expect(await walletOf(both)).toBe(await walletOf(byNumber));
    const again = await join('crest', { email, verified: MAIL_PROVEN });
    expect(await walletOf(again)).toBe(await walletOf(byAddress));
  });

  it('names the brand’s own member only if the brand itself proved it', async () => {
    const [phone, email] = [newPhone(), newMail()];
    const own = await join('crest', { phone, email });
    // another brand's proof of the same person reveals nothing to crest
    await join('aurora', { phone, email, verified: MAIL_PROVEN });
    expect((await post('crest', { email, verified: MAIL_PROVEN })).status).toBe(201);
    expect((await patch('crest', own, { email, verified: MAIL_PROVEN })).status).toBe(409);
    const duplicate = await post('crest', { email, verified: MAIL_PROVEN });
    expect([duplicate.status, duplicate.body.code]).toEqual([409, 'member_exists']);
  });
});

describe('a phone', () => {
  it('finds nobody if the contract does not attest it, and keeps nobody out', async () => {
    const phone = newPhone();
    const owner = await join('aurora', { phone });
    const one = await join('trustless', { phone });
    const two = await join('trustless', { phone });
    expect(new Set(await Promise.all([owner, one, two].map(walletOf))).size).toBe(3);
    const later = await join('birch', { phone });
    expect(await walletOf(later)).toBe(await walletOf(owner));
  });

  it('finds its person if the call states how it was proven', async () => {
    const phone = newPhone();
    const owner = await join('aurora', { phone });
    const proven = await join('trustless', { phone, verified: byPhone });
    expect(await walletOf(proven)).toBe(await walletOf(owner));
  });

  it('that belongs to another person stays with that person when a member changes to it', async () => {
    const phone = newPhone();
    const owner = await join('aurora', { phone });
    const thief = await join('crest', { phone: newPhone() });
    expect((await patch('crest', thief, { phone })).status).toBe(200);
    const later = await join('birch', { phone });
    expect(await walletOf(later)).toBe(await walletOf(owner));
    // the owner leaves, and the other one has proven it too
    await rig.asBrand('birch', 'DELETE', `/v1/members/${later}`);
    await rig.asBrand('aurora', 'DELETE', `/v1/members/${owner}`);
    expect(await walletOf(await join('mail', { phone, verified: byPhone }))).toBe(await walletOf(thief));
  });

  it('is attested by a future contract, but not by an ended one', async () => {
    const phone = newPhone();
    const owner = await join('aurora', { phone });
    await rig.brand('ended', 'live', ['phone'], '2026-01-01T00:00:00.000Z');
    expect(await walletOf(await join('ended', { phone }))).not.toBe(await walletOf(owner));
  });
});

it('answers the same whether or not the proven contact point belongs to someone', async () => {
  const [known, email] = [newPhone(), newMail()];
  await join('aurora', { phone: known, email, verified: MAIL_PROVEN });
  const shape = (answer: Answer): string =>
    JSON.stringify([answer.status, Object.keys(answer.headers).sort(), answer.text.length, Object.keys(answer.body)]);
  const answers = [
    await post('crest', { phone: newPhone(), email }),
    await post('crest', { phone: newPhone(), email: newMail() }),
    await post('birch', { phone: newPhone(), email, verified: MAIL_PROVEN }),
    await post('birch', { phone: newPhone(), email: newMail(), verified: MAIL_PROVEN }),
  ];
  // ids have equal length: the answers differ only in their random parts
  expect(new Set(answers.map(shape)).size).toBe(1);
});

it.each([
  ['/verified/phone/method', { phone: '+8613800138000', verified: { phone: { method: 'guess', at } } }],
  ['/verified/email/method', { email: 'a@example.cn', verified: { email: { method: 'sms_code', at } } }],
  ['/verified/phone/at', { phone: '+8613800138000', verified: { phone: { method: 'sms_code' } } }],
  [
    '/verified/phone/at',
    { phone: '+8613800138000', verified: { phone: { method: 'sms_code', at: '2199-01-01T00:00:00Z' } } },
  ],
  [
    '/verified/phone/at',
    { phone: '+8613800138000', verified: { phone: { method: 'sms_code', at: '1999-12-31T23:59:59Z' } } },
  ],
  [
    '/verified/phone/at',
    { phone: '+8613800138000', verified: { phone: { method: 'sms_code', at: '0000-01-01T00:00:00Z' } } },
  ],
  ['/verified/email', { phone: '+8613800138000', verified: MAIL_PROVEN }],
  ['/verified/fax', { phone: '+8613800138000', verified: { fax: { method: 'sms_code', at } } }],
])('422 with pointer %s', async (pointer, over) => {
  const answer = await post('aurora', over);
  expect([answer.status, answer.body.code, answer.body.errors?.[0]?.pointer]).toEqual([
    422,
    'validation_failed',
    pointer,
  ]);
});

it('422 for a consent before the year 2000', async () => {
  const consents = [{ ...(contribution('').consents as object[])[0], at: '0000-01-01T00:00:00Z' }];
  const answer = await post('aurora', { phone: newPhone(), consents });
  expect(answer.body).toMatchObject({ code: 'validation_failed', errors: [{ pointer: '/consents/0/at' }] });
});
