import { testTokens } from '#libs/testing';
import { startService } from '../src/index.js';
import { echo, echoEnv, slowCalls } from './echo.fixture.js';

it('finishes what is under way before it stops', async () => {
  const tokens = await testTokens();
  const service = await startService(echo, { ...echoEnv, ...tokens.env('echo') });
  const slow = fetch(`${service.url}/v1/echoes/slow`);
  while (slowCalls.begun === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const closed = service.close();
  const answer = await slow;
  expect([answer.status, await answer.json()]).toEqual([200, { done: true }]);
  await closed;
  await expect(fetch(`${service.url}/v1/echoes/now`)).rejects.toThrow();
  await tokens.close();
});
