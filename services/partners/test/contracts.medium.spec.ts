import pg from 'pg';
import { aBrand, aContract } from '#libs/testing';
import type { Answer } from '#libs/testing';
import { partnersUnderTest } from './partners-under-test.js';
import type { PartnersUnderTest } from './partners-under-test.js';

let partners: PartnersUnderTest;
beforeAll(async () => {
  partners = await partnersUnderTest();
  await partners.asOperator('POST', '/v1/operator/test-clock', { now: '2026-03-02T08:00:00+08:00' });
  for (const slug of ['aurora', 'birch', 'crest'])
    await partners.asOperator('POST', '/v1/operator/brands', aBrand(slug));
});
afterAll(() => partners.close());

const create = (slug: string, over: Record<string, unknown> = {}): Promise<Answer> =>
  partners.asOperator('POST', `/v1/operator/brands/${slug}/contracts`, aContract(over));

it('201: the first version, in the shape of the API page', async () => {
  const answer = await create('aurora');
  expect(answer).toMatchObject({
    status: 201,
    body: {
      brand: 'aurora',
      version: 1,
      validFrom: '2025-12-31T16:00:00Z',
      validTo: null,
      roles: ['issuer', 'redeemer'],
      fundingMode: 'pay_at_redemption',
      prices: { accrual: '1.05', reimbursement: '0.90', operatorFee: '0.15' },
      faceValue: '1.00',
      cycle: 'monthly',
      feeOnOwn: false,
      latenessDays: 30,
      attests: ['phone'],
    },
  });
  expect(answer.body.id).toMatch(/^ct_[0-9A-Z]{26}$/);
  expect(partners.told.at(-1)?.body).toMatchObject({
    slug: 'aurora',
    version: 2,
    contracts: [
      {
        id: answer.body.id,
        validFrom: '2025-12-31T16:00:00.000Z',
        validTo: null,
        reimbursementPrice: '0.90',
        latenessDays: 30,
        attests: ['phone'],
      },
    ],
  });
});

it('422 contract_overlap, and nothing is changed', async () => {
  expect(await create('aurora', { validFrom: '2026-06-01T00:00:00+08:00' })).toMatchObject({
    status: 422,
    body: { code: 'contract_overlap' },
  });
  const list = await partners.asOperator('GET', '/v1/operator/brands/aurora/contracts');
  expect(list.body.data).toHaveLength(1);
  expect((await partners.asOperator('GET', '/v1/operator/brands/aurora')).body.version).toBe(2);
});

it('a successor begins where an ended version ends', async () => {
  const { body: first } = await create('birch');
  const end = (validTo: string): Promise<Answer> =>
    partners.asOperator('POST', `/v1/operator/brands/birch/contracts/${first.id}/end`, { validTo });
  expect(await end('2026-03-02T08:00:00+08:00')).toMatchObject({
    status: 422,
    body: { errors: [{ pointer: '/validTo' }] },
  });
  expect(await end('2026-04-01T00:00:00+08:00')).toMatchObject({
    status: 200,
    body: { validTo: '2026-03-31T16:00:00Z' },
  });
  expect((await end('2026-04-01T00:00:00+08:00')).status).toBe(200);
  expect(await end('2026-05-01T00:00:00+08:00')).toMatchObject({ status: 409, body: { code: 'contract_ended' } });
  const early = { validFrom: '2026-03-31T23:59:59+08:00' };
  expect(await create('birch', early)).toMatchObject({ status: 422, body: { code: 'contract_overlap' } });
  const next = await create('birch', {
    validFrom: '2026-04-01T00:00:00+08:00',
    faceValue: '0.5',
    feeOnOwn: true,
    attests: [],
  });
  expect(next).toMatchObject({ status: 201, body: { version: 2, faceValue: '0.50', feeOnOwn: true, attests: [] } });
  const foreign = await partners.asOperator('POST', `/v1/operator/brands/aurora/contracts/${first.id}/end`, {
    validTo: '2027-01-01T00:00:00Z',
  });
  expect(foreign.status).toBe(404);
});

it('sets how late a report may come; null is no limit, for importing history', async () => {
  await partners.asOperator('POST', '/v1/operator/brands', aBrand('dune'));
  const at = (year: number) => ({ validFrom: `${year}-01-01T00:00:00Z`, validTo: `${year + 1}-01-01T00:00:00Z` });
  expect((await create('dune', { ...at(2020), latenessDays: null })).body).toMatchObject({ latenessDays: null });
  expect((await create('dune', { ...at(2021), latenessDays: 7 })).body).toMatchObject({ latenessDays: 7 });
  expect((await create('dune', at(2022))).body).toMatchObject({ latenessDays: 30 });
  const told = partners.told.at(-1)?.body as { contracts: { latenessDays: number | null }[] };
  expect(told.contracts.map(({ latenessDays }) => latenessDays)).toEqual([null, 7, 30]);
});

it('sets how many points the brand gives without approval, and informs every service', async () => {
  await partners.asOperator('POST', '/v1/operator/brands', aBrand('elm'));
  const given = { order: 5, memberDay: 9_007_199_254_740_991, perMinorUnit: 1 };
  const limits = { ...given, grant: 1_000_000, brandDay: 1_000_000_000 };
  expect((await create('elm', { limits: given })).body).toMatchObject({ limits });
  expect(partners.told.at(-1)?.body).toMatchObject({ contracts: [{ limits }] });
});

it.each([
  ['/limits/order', { limits: { order: 0 } }],
  ['/limits/brandDay', { limits: { brandDay: 9_007_199_254_740_992 } }],
  ['/limits/day', { limits: { day: 1 } }],
  ['/latenessDays', { latenessDays: 0 }],
  ['/latenessDays', { latenessDays: 3_651 }],
  ['/prices/accrual', { prices: { accrual: '-0.01', reimbursement: '0.90', operatorFee: '0.15' } }],
  ['/prices/reimbursement', { prices: { accrual: '1.05', reimbursement: '0.1234567', operatorFee: '0.15' } }],
  ['/prices/operatorFee', { prices: { accrual: '1.05', reimbursement: '0.90', operatorFee: 0.15 } }],
  ['/roles/1', { roles: ['issuer', 'banker'] }],
  ['/roles', { roles: [] }],
  ['/roles', { roles: ['issuer', 'issuer'] }],
  ['/currency', { currency: 'EUR' }],
  ['/validFrom', { validFrom: '2026-01-01T00:00:00' }],
  ['/validTo', { validTo: '2025-01-01T00:00:00+08:00' }],
  ['/faceValue', { faceValue: '0' }],
  ['/attests/0', { attests: ['post'] }],
  ['/cycle', { cycle: 'hourly' }],
])('422 with pointer %s', async (pointer, over) => {
  const answer = await create('crest', over);
  expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed', errors: [{ pointer }] } });
});

it('422 funding_mode_unsupported', async () => {
  expect(await create('crest', { fundingMode: 'pay_at_issuance' })).toMatchObject({
    status: 422,
    body: { code: 'funding_mode_unsupported' },
  });
});

it('accepts only one of parallel overlapping versions', async () => {
  const answers = await Promise.all(Array.from({ length: 6 }, () => create('crest')));
  expect(answers.map((a) => a.status).sort()).toEqual([201, 422, 422, 422, 422, 422]);
});

it('404 for a brand that does not exist', async () => {
  expect((await create('nobody')).status).toBe(404);
  expect((await partners.asOperator('GET', '/v1/operator/brands/nobody/contracts')).status).toBe(404);
});

it('keeps versions append-only even for the owner of the tables', async () => {
  const client = new pg.Client({ connectionString: partners.database.ownerUrl });
  await client.connect();
  try {
    await expect(client.query('update contract set accrual_micro = 1')).rejects.toThrow('append-only');
    await expect(client.query('delete from contract')).rejects.toThrow('append-only');
    await expect(
      client.query(`insert into contract select 'ct_x', brand, 99, valid_from, valid_to, roles, funding_mode, currency, accrual_micro,
        reimbursement_micro, operator_fee_micro, face_value_micro, cycle, fee_on_own, lateness_days, attests, limits, created_at from contract where brand = 'aurora'`),
    ).rejects.toThrow('overlap');
  } finally {
    await client.end();
  }
});

describe('contracts need two people', () => {
  const clientOfCaller = 'cl_operator';

  it('nothing is changed, published or stored until another client has approved exactly this contract', async () => {
    await partners.asOperator('POST', '/v1/operator/brands', aBrand('fourfold'));
    const path = '/v1/operator/brands/fourfold/contracts';
    const headers = { 'idempotency-key': 'fourfold-1' };
    const post = () => partners.asOperator('POST', path, aContract(), headers);
    partners.desk.checker = null;
    const refused = await post();
    expect([refused.status, refused.body.code]).toEqual([403, 'second_person_needed']);
    expect(refused.body).toMatchObject({ approval: expect.stringMatching(/^ap_/), payloadHash: expect.any(String) });
    expect(partners.desk.asked.at(-1)).toEqual({
      act: 'contract.create',
      maker: clientOfCaller,
      payload: { brand: 'fourfold', terms: aContract() },
    });
    // invalid calls are refused before an approval is requested
    const asked = partners.desk.asked.length;
    expect((await partners.asOperator('POST', path, aContract({ currency: 'EUR' }))).status).toBe(422);
    expect(partners.desk.asked).toHaveLength(asked);
    expect((await partners.asOperator('GET', path)).body.data).toEqual([]);

    // the database stops any self-approval
    partners.desk.checker = clientOfCaller;
    expect((await post()).status).toBeGreaterThanOrEqual(500);
    partners.desk.checker = 'cl_other';
    const made = await post();
    expect(made.status).toBe(201);
    expect((await post()).headers.get('idempotency-replayed')).toBe('true');
    expect(partners.desk.used).toHaveLength(new Set(partners.desk.used).size);

    partners.desk.checker = null;
    const end = { validTo: '2100-01-01T00:00:00Z' };
    const ending = await partners.asOperator('POST', `${path}/${made.body.id as string}/end`, end);
    expect([ending.status, ending.body.code]).toEqual([403, 'second_person_needed']);
    expect(partners.desk.asked.at(-1)).toEqual({
      act: 'contract.end',
      maker: clientOfCaller,
      payload: { brand: 'fourfold', contract: made.body.id, ...end },
    });
    expect((await partners.asOperator('GET', path)).body.data[0].validTo).toBeNull();
    partners.desk.checker = 'cl_other';
    expect((await partners.asOperator('POST', `${path}/${made.body.id as string}/end`, end)).status).toBe(200);
  });
});
