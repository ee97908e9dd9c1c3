import { gatewayBefore } from './upstreams.js';
import type { Behind } from './upstreams.js';

let behind: Behind;
beforeAll(async () => {
  behind = await gatewayBefore({
    RATE_TILL_PER_SECOND: '5',
    RATE_OTHER_PER_SECOND: '3',
    RATE_ANONYMOUS_PER_SECOND: '4',
    RATE_TOKEN_PER_SECOND: '6',
    RATE_CLICK_PER_SECOND: '7',
    TRUSTED_PROXIES: '127.0.0.0/8',
  });
});
afterAll(() => behind.close());

async function burst(calls: number, path: string, token?: string): Promise<Response[]> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return Promise.all(Array.from({ length: calls }, () => fetch(behind.gateway.url + path, { headers })));
}
const refused = (responses: Response[]): number => responses.filter((r) => r.status === 429).length;

it('429 with Retry-After and RateLimit headers when a client has used its quota for the second', async () => {
  const token = await behind.tokens.brand('aurora', undefined, 'cl_one');
  const responses = await burst(8, '/v1/orders/1', token);
  expect(refused(responses)).toBe(3);
  const last = responses.find((r) => r.status === 429);
  expect(Object.fromEntries(last?.headers ?? [])).toMatchObject({
    'ratelimit-limit': '5',
    'ratelimit-remaining': '0',
    'ratelimit-reset': '1',
    'retry-after': '1',
    'content-type': expect.stringContaining('application/problem+json'),
  });
  expect(await last?.json()).toMatchObject({ code: 'rate_limited', retryable: true });
  const first = responses.find((r) => r.status === 200);
  expect(first?.headers.get('ratelimit-limit')).toBe('5');
});

it('till traffic has its own bucket', async () => {
  const token = await behind.tokens.brand('aurora', undefined, 'cl_two');
  expect(refused(await burst(6, '/v1/members/mb_1', token))).toBe(3);
  expect(refused(await burst(5, '/v1/orders/1', token))).toBe(0);
});

it('several tokens of one client share its bucket; another client has its own', async () => {
  const [a, b] = [
    await behind.tokens.brand('aurora', ['orders:read'], 'cl_three'),
    await behind.tokens.brand('aurora', ['orders:write'], 'cl_three'),
  ];
  const both = [...(await burst(4, '/v1/orders/1', a)), ...(await burst(4, '/v1/orders/1', b))];
  expect(refused(both)).toBe(3);
  expect(refused(await burst(5, '/v1/orders/1', await behind.tokens.brand('aurora', undefined, 'cl_four')))).toBe(0);
});

it('an invalid token counts for its address, not for the client it names', async () => {
  const forged = await behind.tokens.sign(
    { client_id: 'cl_victim', brand: 'aurora', scope: 'orders:read' },
    { issuer: 'http://evil' },
  );
  expect(refused(await burst(10, '/v1/orders/1', forged))).toBe(6);
  expect(refused(await burst(5, '/v1/orders/1', await behind.tokens.brand('aurora', undefined, 'cl_victim')))).toBe(0);
});

/** A call that a proxy in front forwarded from an address. */
const broughtFrom = (address: string, path: string): Promise<Response> =>
  fetch(behind.gateway.url + path, { headers: { 'x-forwarded-for': address } });
const crowd = (count: number, path: string, addressOf: (i: number) => string): Promise<Response[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => broughtFrom(addressOf(i), path)));

it('token requests and link clicks have their own buckets, per address', async () => {
  const address = (): string => '198.51.100.1';
  const responses = await Promise.all([
    crowd(9, '/oauth/token', address),
    crowd(9, '/l/ABC', address),
    crowd(9, '/v1/orders/1', address),
  ]);
  expect(responses.map(refused)).toEqual([3, 2, 5]);
  expect(refused(await crowd(6, '/oauth/token', () => '198.51.100.2'))).toBe(0);
});

it('a token does not widen the bucket for tokens, and touches do not use the bucket of tills', async () => {
  const token = await behind.tokens.brand('aurora', undefined, 'cl_five');
  expect(refused(await burst(9, '/v1/touches', token))).toBe(2);
  expect(refused(await burst(5, '/v1/orders/1', token))).toBe(0);
});

it('addresses that one IPv6 caller may choose freely count as one', async () => {
  expect(refused(await crowd(9, '/oauth/token', (i) => `2001:db8:1:2::${i + 1}`))).toBe(3);
  expect(refused(await crowd(9, '/oauth/token', (i) => `2001:db8:1:${i + 3}::1`))).toBe(0);
});

it('a forwarded address that the caller invents is not counted for another', async () => {
  expect(refused(await crowd(9, '/oauth/token', (i) => `203.0.113.${i}, 198.51.100.9`))).toBe(3);
});

it.each(['/docs', '/docs/openapi.json', '/docs/errors', '/nowhere', '/v1/operator/parked'])(
  '%s, answered by the gateway itself, uses the bucket of its address',
  async (path) => {
    const address = `192.0.2.${path.length}`;
    const responses = await crowd(9, path, () => address);
    expect(refused(responses)).toBe(5);
    expect(responses.every(({ headers }) => headers.get('ratelimit-limit') === '4')).toBe(true);
    expect(refused(await crowd(1, '/health', () => address))).toBe(0);
    expect(refused(await crowd(4, path, () => `${address}0`))).toBe(0);
  },
);

it('/health has a bucket of its own for each address, a tenth as large', async () => {
  expect(refused(await crowd(9, '/health', () => '192.0.2.77'))).toBe(8);
  expect(refused(await crowd(4, '/nowhere', () => '192.0.2.77'))).toBe(0);
});

it.each(['/health', '/nowhere', '/v1/orders/1'])(
  'an address that goes on with %s loses its connections',
  async (path) => {
    const address = `198.51.100.1${path.length}`;
    const responses = await crowd(40, path, () => address);
    const closed = responses.filter(({ headers }) => headers.get('connection') === 'close');
    expect(closed.length).toBeGreaterThan(0);
    expect(refused(closed)).toBe(closed.length);
    // the first refusals close nothing
    expect(refused(responses)).toBeGreaterThan(closed.length);
  },
);

it('a client that goes on keeps its connections', async () => {
  const responses = await burst(20, '/v1/orders/1', await behind.tokens.brand('aurora', undefined, 'cl_six'));
  expect(responses.every(({ headers }) => headers.get('connection') !== 'close')).toBe(true);
});
