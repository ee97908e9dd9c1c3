import fc from 'fast-check';
import { MAIL_PROVEN, contribution, crmUnderTest, newPhone } from './crm-under-test.js';
import type { Answer } from '#libs/testing';
import type { CrmUnderTest } from './crm-under-test.js';

const BRANDS = ['aurora', 'birch', 'crest', 'dune', 'ember'];

let rig: CrmUnderTest;
beforeAll(async () => {
  rig = await crmUnderTest();
  for (const slug of BRANDS) await rig.brand(slug);
}, 120_000);
afterAll(() => rig.close(), 60_000);

const post = (brand: string, body: unknown): Promise<Answer> => rig.asBrand(brand, 'POST', '/v1/members', body);
const faults = async (): Promise<unknown[]> =>
  (await rig.internal('/internal/v1/invariants')).body.checks.filter((check: { ok: boolean }) => !check.ok);
const walletsOf = async (refs: string[]): Promise<Set<string>> =>
  new Set(
    (await rig.sql<{ wallet_id: string }>('select wallet_id from member_link where member_ref = any($1)', [refs])).map(
      (row) => row.wallet_id,
    ),
  );

let run = 0;

it('creates one person from 50 parallel calls about one new phone, from many brands', async () => {
  const slugs = Array.from({ length: 50 }, (_, i) => `brand-${i}`);
  for (const slug of slugs) await rig.brand(slug);
  for (let round = 0; round < 4; round += 1) {
    const phone = newPhone();
    const answers = await Promise.all(slugs.map((slug) => post(slug, contribution(`r-${round}`, { phone }))));
    expect(answers.map((answer) => answer.status)).toEqual(slugs.map(() => 201));
    const refs = answers.map((answer) => answer.body.memberRef as string);
    expect(new Set(refs).size).toBe(50);
    expect((await walletsOf(refs)).size).toBe(1);
  }
  expect(await faults()).toEqual([]);
}, 120_000);

it('gives 50 parallel repeats of one call one effect', async () => {
  const body = contribution('duplicate-1', { phone: newPhone(), email: 'duplicate@example.cn' });
  const answers = await Promise.all(Array.from({ length: 50 }, () => post('aurora', body)));
  expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
  expect(answers.filter((answer) => answer.headers.get('idempotency-replayed') === null)).toHaveLength(1);
}, 120_000);

it('keeps every rule about persons under any parallel mixture of contributions, changes and departures', async () => {
  const pick = fc.option(fc.integer({ min: 0, max: 3 }), { nil: null });
  const act = fc.record({
    brand: fc.constantFrom(...BRANDS),
    phone: pick,
    email: pick,
    proven: fc.boolean(),
    then: fc.constantFrom('stay', 'patch', 'delete'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 2, maxLength: 14 }), async (acts) => {
      run += 1;
      const phones = Array.from({ length: 4 }, newPhone);
      const emails = [0, 1, 2, 3].map((i) => `p${run}-${i}@example.cn`);
      const answers = await Promise.all(
        acts.map(async ({ brand, phone, email, proven, then }, i) => {
          const answer = await post(
            brand,
            contribution(`p-${run}-${i}`, {
              phone: phone === null ? null : phones[phone],
              email: email === null ? null : emails[email],
              ...(email !== null && proven ? { verified: MAIL_PROVEN } : {}),
            }),
          );
          if (answer.status !== 201 || then === 'stay') return answer;
          const path = `/v1/members/${answer.body.memberRef}`;
          return then === 'delete'
            ? rig.asBrand(brand, 'DELETE', path)
            : rig.asBrand(brand, 'PATCH', path, { phone: phones[i % 4] }, { 'if-match': '*' });
        }),
      );
      for (const [i, { status, body }] of answers.entries()) {
        expect([200, 201, 204, 409, 410, 422]).toContain(status);
        if (status !== 410) continue;
        // only if another call ended the same brand's member with this phone or e-mail, after the single consent used here
        const { brand, phone, email, then } = acts[i] as (typeof acts)[number];
        const asked = [phone, then === 'patch' ? i % 4 : null];
        const ended = acts.filter(
          (other, j) =>
            j !== i &&
            other.brand === brand &&
            other.then === 'delete' &&
            ((other.phone !== null && asked.includes(other.phone)) || (other.email !== null && other.email === email)),
        );
        expect([body.code, ended.length > 0]).toEqual(['consent_withdrawn', true]);
      }
      expect(await faults()).toEqual([]);
    }),
    { numRuns: 25 },
  );
}, 120_000);
