import { aBrand } from '#libs/testing';
import type { Answer } from '#libs/testing';
import { partnersUnderTest } from './partners-under-test.js';
import type { PartnersUnderTest } from './partners-under-test.js';

let partners: PartnersUnderTest;
beforeAll(async () => {
  partners = await partnersUnderTest();
});
afterAll(() => partners.close());

const CLOCK = '/v1/operator/test-clock';
const set = (now: string): Promise<Answer> => partners.asOperator('POST', CLOCK, { now });

it('stands at the instant set, in every service, and only moves forward', async () => {
  const first = await set('2017-03-02T08:00:00+08:00');
  expect(first).toMatchObject({ status: 200, body: { now: '2017-03-02T00:00:00Z', frozen: true } });
  expect(partners.told.filter((t) => t.path.endsWith('/internal/v1/clock'))).toHaveLength(6);
  expect(partners.told.at(-1)?.body).toEqual({ now: '2017-03-02T00:00:00.000Z' });
  expect((await set('2017-03-02T00:00:00Z')).status).toBe(200);
  expect(await set('2017-03-01T23:59:59Z')).toMatchObject({ status: 409, body: { code: 'clock_backwards' } });
  const brand = await partners.asOperator('POST', '/v1/operator/brands', aBrand('timed'));
  expect(brand.body.createdAt).toBe('2017-03-02T00:00:00Z');
});

it('is kept over a restart', async () => {
  await set('2017-04-01T00:00:00Z');
  await partners.restart();
  expect((await partners.asOperator('GET', CLOCK)).body).toEqual({ now: '2017-04-01T00:00:00Z', frozen: true });
  const answer = await fetch(`${partners.service.url}/internal/v1/clock`, {
    headers: { authorization: `Bearer ${await partners.tokens.internal('ledger', 'partners')}` },
  });
  expect(await answer.json()).toEqual({ now: '2017-04-01T00:00:00.000Z' });
});

it('refuses a time without offset', async () => {
  expect(await set('2017-05-01T00:00:00')).toMatchObject({ status: 422, body: { errors: [{ pointer: '/now' }] } });
});

it('is released to real time, and never goes back from there', async () => {
  const released = await partners.asOperator('DELETE', CLOCK);
  expect(released).toMatchObject({ status: 200, body: { frozen: false } });
  expect(partners.told.at(-1)?.body).toEqual({ now: null });
  expect(await set('2018-01-01T00:00:00Z')).toMatchObject({ status: 409, body: { code: 'clock_backwards' } });
  await set('2999-01-01T00:00:00Z');
  expect(await partners.asOperator('DELETE', CLOCK)).toMatchObject({ status: 409, body: { code: 'clock_backwards' } });
});

it('cannot go back in a network that already has brands, and so books in real time', async () => {
  const real = await partnersUnderTest();
  try {
    expect((await real.asOperator('POST', '/v1/operator/brands', aBrand('early'))).status).toBe(201);
    const back = (): Promise<Answer> => real.asOperator('POST', CLOCK, { now: '2017-01-01T00:00:00Z' });
    expect(await back()).toMatchObject({ status: 409, body: { code: 'clock_backwards' } });
    expect((await real.asOperator('GET', CLOCK)).body).toMatchObject({ frozen: false });
    expect(real.told.filter(({ path }) => path.endsWith('/internal/v1/clock'))).toEqual([]);
    expect((await real.asOperator('POST', CLOCK, { now: '2999-01-01T00:00:00Z' })).status).toBe(200);
  } finally {
    await real.close();
  }
});

it('reports an unknown outcome when a service did not receive it, for it has moved, and may be repeated', async () => {
  const alone = await partnersUnderTest({ LEDGER_URL: 'http://127.0.0.1:9' });
  try {
    const answer = await alone.asOperator('POST', CLOCK, { now: '2026-01-01T00:00:00Z' });
    expect(answer).toMatchObject({ status: 503, body: { code: 'outcome_unknown', retryable: true } });
    expect((await alone.asOperator('GET', CLOCK)).body).toMatchObject({ now: '2026-01-01T00:00:00Z', frozen: true });
  } finally {
    await alone.close();
  }
});

it('does not exist if the network runs in real time', async () => {
  const real = await partnersUnderTest({ TEST_CLOCK: 'false' });
  try {
    expect(await real.asOperator('POST', CLOCK, { now: '2026-01-01T00:00:00Z' })).toMatchObject({
      status: 409,
      body: { code: 'test_clock_disabled' },
    });
    expect((await real.asOperator('DELETE', CLOCK)).status).toBe(409);
  } finally {
    await real.close();
  }
});
