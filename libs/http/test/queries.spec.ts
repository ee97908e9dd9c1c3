import { encodeCursor } from '#libs/kernel';
import { testTokens } from '#libs/testing';
import type { TestTokens } from '#libs/testing';
import { startService } from '../src/index.js';
import type { RunningService } from '../src/index.js';
import { echo, echoEnv } from './echo.fixture.js';

let tokens: TestTokens;
let service: RunningService;
beforeAll(async () => {
  tokens = await testTokens();
  service = await startService(echo, { ...echoEnv, ...tokens.env('echo') });
});
afterAll(async () => {
  await service.close();
  await tokens.close();
});

interface Answer {
  status: number;
  cache: string | null;
  body: {
    code?: string;
    errors?: { pointer: string; code: string }[];
    data?: { number: number }[];
    page?: { after: string | null; more: boolean };
  };
}

async function ask(path: string, { brand = 'aurora', url = service.url } = {}): Promise<Answer> {
  const authorization = `Bearer ${await tokens.brand(brand)}`;
  const response = await fetch(`${url}/v1/echoes${path}`, { headers: { authorization } });
  const body = (await response.json()) as Answer['body'];
  return { status: response.status, cache: response.headers.get('cache-control'), body };
}

describe('a query parameter', () => {
  it.each([
    ['that no handler declares', '/now?colour=red', 'unknown_field', '/query/colour'],
    ['beside a declared one', '/named?colour=red&size=1', 'unknown_field', '/query/size'],
    ['beside those of a class', '?limit=1&size=1', 'unknown_field', '/query/size'],
    ['without a name', '/named?=1', 'unknown_field', '/query/'],
    ['named like a member of every object', '/named?__proto__=1', 'unknown_field', '/query/__proto__'],
    ['that stands twice', '/named?colour=red&colour=blue', 'repeated_key', '/query/colour'],
    ['that is no UTF-8', '/named?colour=%ff', 'malformed', '/query'],
    ['that is half an escape', '/named?colour=%4', 'malformed', '/query'],
  ])('%s is refused', async (_name, path, code, pointer) => {
    const { status, body } = await ask(path);
    expect([status, body.code]).toEqual([422, 'validation_failed']);
    expect(body.errors).toEqual([{ pointer, code, detail: expect.any(String) }]);
  });

  it('that is declared is accepted', async () => {
    expect((await ask('/named?colour=%E9%87%91')).body).toEqual({ colour: '金' });
    expect((await ask('/named?')).body).toEqual({ colour: 'none' });
    expect((await ask('?limit=1')).status).toBe(200);
  });

  it('is checked after the token', async () => {
    expect((await fetch(`${service.url}/v1/echoes?size=1`)).status).toBe(401);
  });
});

describe('a cursor', () => {
  const first = async (path = '/pages/a?limit=2'): Promise<string> => {
    const { body } = await ask(path);
    expect(body.page?.more).toBe(true);
    return body.page?.after ?? '';
  };

  it('continues where its page ended, with any limit and on every instance', async () => {
    const after = await first();
    const next = await ask(`/pages/a?limit=3&after=${after}`);
    expect(next.body.data?.map(({ number }) => number)).toEqual([3, 4, 5]);
    const other = await startService(echo, { ...echoEnv, ...tokens.env('echo'), INSTANCE: '1' });
    expect((await ask(`/pages/a?after=${after}`, { url: other.url })).status).toBe(200);
    await other.close();
  });

  it.each<[string, (after: string) => Promise<Answer>]>([
    ['for other parameters of the path', (after) => ask(`/pages/b?after=${after}`)],
    ['for another route', (after) => ask(`?after=${after}`)],
    ['with a filter', (after) => ask(`/pages/a?label=x&after=${after}`)],
    ['for another brand', (after) => ask(`/pages/a?after=${after}`, { brand: 'birch' })],
    ['with another position', (after) => ask(`/pages/a?after=${after.slice(0, -3)}MV0`)],
    ['cut short', (after) => ask(`/pages/a?after=${after.slice(0, 10)}`)],
    ['made by hand', () => ask(`/pages/a?after=${encodeCursor([3])}`)],
    ['of nothing', () => ask('/pages/a?after=')],
  ])('is refused %s', async (_name, call) => {
    const { status, body } = await call(await first());
    expect([status, body.code]).toEqual([400, 'cursor_invalid']);
  });

  it('of a filtered list is valid only for the same filter', async () => {
    const after = await first('/pages/a?label=x&limit=2');
    expect((await ask(`/pages/a?limit=9&label=x&after=${after}`)).status).toBe(200);
    expect((await ask(`/pages/a?label=y&after=${after}`)).body.code).toBe('cursor_invalid');
    expect((await ask(`/pages/a?after=${after}`)).body.code).toBe('cursor_invalid');
  });
});

it('no answer may be cached', async () => {
  for (const path of ['/now', '/named?x=1', '/nowhere']) expect((await ask(path)).cache).toBe('no-store');
});
