import { BRAND_STATUSES as DIRECTORY_STATUSES } from '#libs/directory';
import { aBrand } from '#libs/testing';
import { BRAND_STATUSES } from '../src/brands/brand-lifecycle.js';
import { partnersUnderTest } from './partners-under-test.js';
import type { PartnersUnderTest } from './partners-under-test.js';

let partners: PartnersUnderTest;
beforeAll(async () => {
  partners = await partnersUnderTest();
});
afterAll(() => partners.close());

const BRANDS = '/v1/operator/brands';

it('uses the same statuses as the other services', () => {
  expect(BRAND_STATUSES).toEqual(DIRECTORY_STATUSES);
});

describe('creating a brand', () => {
  it('201: starts in the sandbox and is pushed to the other services', async () => {
    const answer = await partners.asOperator('POST', BRANDS, aBrand('aurora', { name: 'Aurora Coffee' }));
    expect(answer).toMatchObject({
      status: 201,
      body: {
        slug: 'aurora',
        name: 'Aurora Coffee',
        status: 'sandbox',
        currency: 'CNY',
        version: 1,
        legalEntity: { id: 'le-aurora' },
      },
    });
    const pushes = partners.told.filter((t) => t.path.endsWith('/internal/v1/brands/aurora'));
    expect(pushes.map((t) => t.path.split('/')[1]).sort()).toEqual([
      'crm',
      'identity',
      'ledger',
      'membership',
      'referrals',
      'settlement',
    ]);
    expect(pushes[0]?.body).toMatchObject({ slug: 'aurora', version: 1, status: 'sandbox', contracts: [] });
  });

  it('201 again for the same content, with the first answer', async () => {
    const body = aBrand('again');
    const first = await partners.asOperator('POST', BRANDS, body);
    await partners.asOperator('POST', `${BRANDS}/again/status`, { status: 'live' });
    const second = await partners.asOperator('POST', BRANDS, body);
    expect(second.status).toBe(201);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(first.headers.get('idempotency-replayed')).toBeNull();
  });

  it.each(['operator', 'members', 'reserve', 'rounding'])(
    '422 for %s: a party in the books that is not a brand',
    async (slug) => {
      const answer = await partners.asOperator('POST', BRANDS, aBrand(slug));
      expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: '/slug', code: 'reserved' }] } });
    },
  );

  it('409 brand_exists for other content', async () => {
    await partners.asOperator('POST', BRANDS, aBrand('taken'));
    const answer = await partners.asOperator('POST', BRANDS, aBrand('taken', { name: 'Somebody else' }));
    expect(answer).toMatchObject({ status: 409, body: { code: 'brand_exists' } });
  });

  it('creates one brand from parallel calls', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => partners.asOperator('POST', BRANDS, aBrand('crowd'))),
    );
    expect(answers.map((a) => a.status)).toEqual(Array(8).fill(201));
    expect(answers.filter((a) => a.headers.get('idempotency-replayed') === null)).toHaveLength(1);
  });

  it('honours Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'k-1' };
    await partners.asOperator('POST', BRANDS, aBrand('keyed'), headers);
    const other = await partners.asOperator('POST', BRANDS, aBrand('keyed-2'), headers);
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_conflict' } });
  });

  it.each([
    ['/slug', { slug: 'A' }],
    ['/slug', { slug: '1aurora' }],
    ['/slug', { slug: 'x'.repeat(32) }],
    ['/slug', { slug: 'with_underscore' }],
    ['/currency', { currency: 'yuan' }],
    ['/legalEntity/name', { legalEntity: { id: 'le-x' } }],
    [
      '/stores/1/ref',
      {
        stores: [
          { ref: 'S', name: 'One' },
          { ref: 'S', name: 'Two' },
        ],
      },
    ],
    ['/surprise', { surprise: true }],
    ['/name', { name: 'bell\u0007' }],
  ])('422 with pointer %s', async (pointer, over) => {
    const answer = await partners.asOperator('POST', BRANDS, aBrand('wrong', over));
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed', errors: [{ pointer }] } });
  });

  it('422 if a legal entity is given another name', async () => {
    await partners.asOperator('POST', BRANDS, aBrand('first', { legalEntity: { id: 'le-group', name: 'Group Ltd' } }));
    const shared = await partners.asOperator(
      'POST',
      BRANDS,
      aBrand('second', { legalEntity: { id: 'le-group', name: 'Group Ltd' } }),
    );
    expect(shared.status).toBe(201);
    const other = await partners.asOperator(
      'POST',
      BRANDS,
      aBrand('third', { legalEntity: { id: 'le-group', name: 'Grope Ltd' } }),
    );
    expect(other).toMatchObject({ status: 422, body: { errors: [{ pointer: '/legalEntity/name' }] } });
  });
});

describe('reading brands', () => {
  it('pages through all brands by slug', async () => {
    const first = await partners.asOperator('GET', `${BRANDS}?limit=2`);
    expect(first.body).toMatchObject({ data: [{ slug: 'again' }, { slug: 'aurora' }], page: { more: true } });
    const second = await partners.asOperator('GET', `${BRANDS}?limit=200&after=${first.body.page.after}`);
    expect(second.body.data[0].slug).toBe('crowd');
    expect(second.body.page).toEqual({ after: null, more: false });
  });

  it('404 for a brand that does not exist', async () => {
    expect(await partners.asOperator('GET', `${BRANDS}/nobody`)).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
  });

  it('401 without a token and 403 with a brand’s', async () => {
    expect((await fetch(`${partners.service.url}${BRANDS}`)).status).toBe(401);
    const authorization = `Bearer ${await partners.tokens.brand('aurora')}`;
    const refused = await partners.asOperator('GET', BRANDS, undefined, { authorization });
    expect(refused).toMatchObject({ status: 403, body: { code: 'scope_missing' } });
    expect(await partners.asOperator('GET', '/internal/v1/brands/aurora')).toMatchObject({ status: 403 });
  });
});

describe('changing a brand', () => {
  it('accepts a patch only of the current version', async () => {
    await partners.asOperator('POST', BRANDS, aBrand('patched'));
    const read = await partners.asOperator('GET', `${BRANDS}/patched`);
    expect(read.headers.get('etag')).toBe('"1"');
    expect(await partners.asOperator('PATCH', `${BRANDS}/patched`, { name: 'New' })).toMatchObject({ status: 428 });
    const stores = [{ ref: 'B', name: 'Bund' }];
    const changed = await partners.asOperator(
      'PATCH',
      `${BRANDS}/patched`,
      { name: 'New', stores },
      { 'if-match': '"1"' },
    );
    expect(changed).toMatchObject({ status: 200, body: { name: 'New', stores, version: 2 } });
    expect(changed.headers.get('etag')).toBe('"2"');
    const late = await partners.asOperator('PATCH', `${BRANDS}/patched`, { name: 'Late' }, { 'if-match': '"1"' });
    expect(late).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
  });

  it('adds stores, one at a time', async () => {
    await partners.asOperator('POST', BRANDS, aBrand('stored', { stores: [] }));
    const add = (name: string): ReturnType<PartnersUnderTest['asOperator']> =>
      partners.asOperator('POST', `${BRANDS}/stored/stores`, { ref: 'S-1', name });
    expect(await add('Harbour')).toMatchObject({ status: 201, body: { brand: 'stored', ref: 'S-1' } });
    expect((await add('Harbour')).status).toBe(201);
    expect(await add('Hill')).toMatchObject({ status: 409, body: { code: 'store_exists' } });
    expect((await partners.asOperator('GET', `${BRANDS}/stored`)).body).toMatchObject({
      version: 2,
      stores: [{ ref: 'S-1' }],
    });
  });

  it('moves it along its life cycle and refuses skipped steps', async () => {
    await partners.asOperator('POST', BRANDS, aBrand('mover', { status: 'applied' }));
    const to = (status: string): ReturnType<PartnersUnderTest['asOperator']> =>
      partners.asOperator('POST', `${BRANDS}/mover/status`, { status });
    expect(await to('live')).toMatchObject({ status: 409, body: { code: 'status_transition_refused' } });
    for (const status of ['reviewed', 'sandbox', 'live', 'suspended']) {
      expect(await to(status)).toMatchObject({ status: 200, body: { status } });
    }
    expect(partners.told.at(-1)?.body).toMatchObject({ slug: 'mover', status: 'suspended', version: 5 });
    const told = partners.told.length;
    expect(await to('suspended')).toMatchObject({ status: 200, body: { version: 5 } });
    expect(partners.told).toHaveLength(told);
    expect(await to('paused')).toMatchObject({ status: 422, body: { errors: [{ pointer: '/status' }] } });
  });

  it('gives each of many parallel changes its own version', async () => {
    await partners.asOperator('POST', BRANDS, aBrand('busy', { stores: [] }));
    const adds = Array.from({ length: 12 }, (_, i) =>
      partners.asOperator('POST', `${BRANDS}/busy/stores`, { ref: `S-${i}`, name: `Store ${i}` }),
    );
    expect((await Promise.all(adds)).map((a) => a.status)).toEqual(Array(12).fill(201));
    expect((await partners.asOperator('GET', `${BRANDS}/busy`)).body).toMatchObject({ version: 13 });
  });
});
