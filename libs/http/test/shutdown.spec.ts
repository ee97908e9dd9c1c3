import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { testTokens } from '#libs/testing';
import type { TestTokens } from '#libs/testing';
import { startService } from '../src/index.js';
import type { RunningService } from '../src/index.js';
import { echo, echoEnv, slowCalls } from './echo.fixture.js';

let tokens: TestTokens;
let service: RunningService;
let callers: Agent;

beforeAll(async () => (tokens = await testTokens()));
afterAll(() => tokens.close());
beforeEach(async () => {
  service = await startService(echo, { ...echoEnv, ...tokens.env('echo'), OPS_PORT: '0' });
  callers = new Agent({ connections: 1 });
});
afterEach(() => callers.destroy());

const call = (path: string, dispatcher: Dispatcher = callers): Promise<Dispatcher.ResponseData> =>
  request(service.url + path, { dispatcher });

async function slowCall(): Promise<{ answer: Promise<Dispatcher.ResponseData> }> {
  const { begun } = slowCalls;
  const answer = call('/v1/echoes/slow');
  while (slowCalls.begun === begun) await sleep(5);
  return { answer };
}

it('finishes calls in progress before it stops', async () => {
  const { answer } = await slowCall();
  const closed = service.close();
  const { statusCode, body } = await answer;
  expect([statusCode, await body.json()]).toEqual([200, { done: true }]);
  await closed;
  await expect(call('/v1/echoes/now')).rejects.toThrow();
});

it('still answers on its open connections, closes them with the answers, and accepts no others', async () => {
  const { answer } = await slowCall();
  let isClosed = false;
  const closed = service.close(60_000).then(() => (isClosed = true));
  const { headers: atFirst, body: first } = await answer;
  await first.dump();
  expect(atFirst['connection']).toBe('keep-alive');
  const other = new Agent();
  await expect(call('/v1/echoes/now', other)).rejects.toThrow('ECONNREFUSED');
  await other.destroy();
  const ready = await fetch(`${service.opsUrl}/health/ready`);
  expect([ready.status, await ready.json()]).toMatchObject([503, { ready: false }]);

  // idle in between, for longer than the interval of the idle check
  await sleep(150);
  expect(isClosed).toBe(false);
  const { statusCode, headers, body } = await call('/v1/echoes/now');
  await body.dump();
  expect([statusCode, headers['connection']]).toEqual([200, 'close']);
  await closed;
});
