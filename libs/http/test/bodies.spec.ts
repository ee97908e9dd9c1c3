import { request } from 'node:http';
import { connect } from 'node:net';
import { testTokens } from '#libs/testing';
import type { TestTokens } from '#libs/testing';
import { startService } from '../src/index.js';
import type { RunningService } from '../src/index.js';
import { echo, echoEnv } from './echo.fixture.js';

let tokens: TestTokens;
let service: RunningService;
let token: string;
beforeAll(async () => {
  tokens = await testTokens();
  service = await startService(echo, { ...echoEnv, ...tokens.env('echo') });
  token = await tokens.brand('aurora');
});
afterAll(async () => {
  await service.close();
  await tokens.close();
});

interface Answer {
  status: number;
  ms: number;
  code: unknown;
  errors: { pointer: string; code: string }[] | undefined;
}

async function send(body: string | Buffer, path = '/v1/echoes'): Promise<Answer> {
  const began = performance.now();
  const response = await fetch(service.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body,
  });
  const { code, errors } = (await response.json()) as Pick<Answer, 'code' | 'errors'>;
  return { status: response.status, ms: performance.now() - began, code, errors };
}

const good = {
  externalId: 'e-1',
  currency: 'CNY',
  occurredAt: '2026-03-02T08:00:00+08:00',
  lines: [{ lineId: '1', net: 5 }],
};
const unknownKeys = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(',')}}`;

describe('a body is limited before it is checked', () => {
  it.each([
    ['250,000 unknown keys', unknownKeys(250_000)],
    ['500,000 empty parts', `{"lines":[${'{},'.repeat(499_999)}{}]}`],
    ['100,000 lists in each other', '['.repeat(100_000) + ']'.repeat(100_000)],
  ])('%s get an immediate, final 413', async (_name, body) => {
    const answer = await send(body);
    expect([answer.status, answer.code]).toEqual([413, 'body_too_large']);
    expect(answer.ms).toBeLessThan(1_000);
  });

  it('a chunked body is cut off at the limit of the route', async () => {
    const { hostname, port } = new URL(service.url);
    const status = await new Promise<number>((done, failed) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const call = request({ hostname, port, path: '/v1/echoes', method: 'POST', headers }, (response) => {
        response.resume();
        done(response.statusCode ?? 0);
      });
      call.on('error', failed);
      for (let i = 0; i < 20; i += 1) call.write(' '.repeat(8_192));
      call.end('{}');
    });
    expect(status).toBe(413);
  });

  it('a route accepts as much as it declares, and no more', async () => {
    const padded = (bytes: number): string => JSON.stringify(good) + ' '.repeat(bytes - JSON.stringify(good).length);
    expect((await send(padded(64 * 1024))).status).toBe(201);
    expect((await send(padded(64 * 1024 + 1))).status).toBe(413);
    expect((await send(padded(128 * 1024), '/v1/echoes/large')).status).toBe(201);
    expect((await send(padded(128 * 1024 + 1), '/v1/echoes/large')).status).toBe(413);
  });

  it.each([
    ['values, however small', `{"a":[${'1,'.repeat(20_000)}1]}`],
    ['depth', `{"a":${'['.repeat(40)}1${']'.repeat(40)}}`],
  ])('so are its %s', async (_name, body) => {
    expect(await send(body)).toMatchObject({ status: 413, code: 'body_too_large' });
  });

  it('a body full of unknown keys is refused with the first fifty', async () => {
    const answer = await send(unknownKeys(6_000));
    expect(answer.status).toBe(422);
    expect(answer.errors).toHaveLength(50);
    expect(answer.errors?.[49]).toMatchObject({ pointer: '/k49', code: 'unknown_field' });
  });
});

describe('nothing in a body is silently ignored', () => {
  const text = JSON.stringify(good);

  it.each([
    ['at the top', text.replace('{', '{"currency":"EUR",'), '/currency'],
    ['in a part', text.replace('{"lineId"', '{"net":1,"lineId"'), '/lines/0/net'],
    ['written in another way', text.replace('{', '{"\\u0063urrency":"EUR",'), '/currency'],
    ['with signs of JSON in it', text.replace('{', '{"a\\"/:~{":1,"a\\"/:~{":2,'), '/a"~1:~0{'],
  ])('a key that occurs twice %s is refused', async (_name, body, pointer) => {
    const answer = await send(body);
    expect(answer.status).toBe(422);
    expect(answer.errors).toEqual([{ pointer, code: 'repeated_key', detail: expect.any(String) }]);
  });

  it.each([
    '1.0000000000000000000001',
    '0.99999999999999999999',
    '1e-400',
    '-1.00000000000000000001E0',
    '10000000000000000000001e-22',
    '9007199254740991.4',
    '9007199254740993',
    '-12345678901234567890',
  ])('a number that would be read as another integer is refused: %s', async (number) => {
    for (const [body, pointer] of [
      [text.replace('"net":5', `"net":${number}`), '/lines/0/net'],
      [text.replace('{', `{"é":[1,"1.0000000000000000000001",{"a/b":${number}}],`), '/é/2/a~1b'],
    ] as const) {
      expect(body).toContain(number);
      const answer = await send(body);
      expect(answer.status).toBe(422);
      expect(answer.errors).toEqual([{ pointer, code: 'not_an_integer', detail: expect.any(String) }]);
    }
  });

  it.each([
    '1',
    '1.0',
    '1e2',
    '-0',
    '0e9',
    '10000e-4',
    '1.000000000000000000000',
    '123456789012345',
    '9007199254740991',
  ])('a number that is read as written is accepted: %s', async (number) => {
    const answer = await send(text.replace('"net":5', `"net":${number}`));
    expect(answer).toMatchObject({ status: 201 });
  });

  it('a long number is read quickly', async () => {
    const answer = await send(text.replace('"net":5', `"net":1${'0'.repeat(30_000)}.${'0'.repeat(30_000)}1`));
    expect(answer.status).toBe(422);
    expect(answer.ms).toBeLessThan(1_000);
  });

  it('the same key in different objects, and JSON signs within texts, are accepted', async () => {
    const lines = [
      { lineId: '"a":1,"a":1', net: 1 },
      { lineId: '\\":\\', net: 1 },
    ];
    expect((await send(JSON.stringify({ ...good, lines }))).status).toBe(201);
  });

  it.each([
    ['a lone continuation', [0x80]],
    ['half a character', [0xe4, 0xbd]],
    ['an overlong form', [0xc0, 0xaf]],
    ['half a surrogate pair', [0xed, 0xa0, 0x80]],
  ])('bytes that are not UTF-8 are refused: %s', async (_name, bytes) => {
    const [before, after] = text.split('e-1');
    const body = Buffer.concat([Buffer.from(before ?? ''), Buffer.from(bytes), Buffer.from(after ?? '')]);
    expect(await send(body)).toMatchObject({ status: 400, code: 'body_unreadable' });
  });
});

describe('a call must arrive completely in time', () => {
  let hasty: RunningService;
  beforeAll(async () => {
    hasty = await startService(echo, { ...echoEnv, ...tokens.env('echo'), REQUEST_TIMEOUT_MS: '600' });
  });
  afterAll(() => hasty.close());

  const answerTo = (text: string): Promise<{ answer: string; ms: number }> =>
    new Promise((done) => {
      const { hostname, port } = new URL(hasty.url);
      const began = performance.now();
      let answer = '';
      const socket = connect(Number(port), hostname, () => socket.write(text));
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      socket.on('error', () => undefined);
      socket.on('close', () => done({ answer, ms: performance.now() - began }));
    });

  it.each([
    ['nothing', ''],
    ['half a head', 'POST /v1/echoes HTTP/1.1\r\nhost: x\r\n'],
    ['a body by its length', 'POST /v1/echoes/versioned HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{'],
    ['a body in chunks', 'POST /v1/echoes/versioned HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{'],
  ])('otherwise it gets 408 and the connection is closed: %s', async (_name, text) => {
    const head = text.replace('\r\nhost', '\r\ncontent-type: application/json\r\nhost');
    const { answer, ms } = await answerTo(head);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain('"code":"request_timeout"');
    expect(ms).toBeLessThan(5_000);
  });
});
