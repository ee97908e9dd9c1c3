import { gatewayBefore } from './upstreams.js';
import type { Behind } from './upstreams.js';

let behind: Behind;
beforeAll(async () => {
  behind = await gatewayBefore({
    RATE_TILL_PER_SECOND: '5',
    RATE_OTHER_PER_SECOND: '3',
    RATE_ANONYMOUS_PER_SECOND: '4',
  });
});
afterAll(() => behind.close());

async function burst(calls: number, path: string, token?: string): Promise<Response[]> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return Promise.all(Array.from({ length: calls }, () => fetch(behind.gateway.url + path, { headers })));
}
const refused = (responses: Response[]): number => responses.filter((r) => r.status === 429).length;

it('429 with Retry-After and RateLimit headers when a client has used up its second', async () => {
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

it('till traffic has a bucket of its own', async () => {
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

it('a token that proves nothing counts for its address, not for the client it names', async () => {
  const forged = await behind.tokens.sign(
    { client_id: 'cl_victim', brand: 'aurora', scope: 'orders:read' },
    { issuer: 'http://evil' },
  );
  expect(refused(await burst(10, '/v1/orders/1', forged))).toBe(6);
  expect(refused(await burst(5, '/v1/orders/1', await behind.tokens.brand('aurora', undefined, 'cl_victim')))).toBe(0);
});
