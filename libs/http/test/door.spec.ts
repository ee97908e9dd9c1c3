import { openDoor, portOf } from '#libs/servers';
import { testTokens } from '#libs/testing';
import { startService } from '../src/index.js';
import { echo, echoEnv } from './echo.fixture.js';

it('takes over a port reserved for it, which is never free in between, and gives it back', async () => {
  const tokens = await testTokens();
  const door = await openDoor();
  const port = portOf(door);
  const strangers: string[] = [];
  let watching = true;
  const stranger = (async () => {
    for (; watching; await new Promise(setImmediate)) {
      await openDoor(port).then(
        () => strangers.push('listens'),
        () => undefined,
      );
    }
  })();
  const service = await startService(echo, { ...echoEnv, ...tokens.env('echo'), PORT: '1' }, door);
  expect(service.url).toBe(`http://127.0.0.1:${port}`);
  const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${service.url}/v1/echoes/now`)));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  watching = false;
  await stranger;
  expect(strangers).toEqual([]);
  await service.close();
  (await openDoor(port)).close();
  await tokens.close();
});
