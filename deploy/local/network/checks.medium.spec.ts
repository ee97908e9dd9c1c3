import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, openDoor, portOf } from '#libs/servers';
import { testDatabase } from '#libs/testing';
import { CannotStart, checkDatabase, checkKafka, makeDataDirectory, takePort } from './checks.js';

const folder = mkdtempSync(join(tmpdir(), 'hezong-checks-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Message shown to the user. */
async function sentence(start: () => unknown): Promise<string> {
  const fault: unknown = await Promise.resolve()
    .then(start)
    .then(
      () => 'it starts',
      (error: unknown) => error,
    );
  if (!(fault instanceof CannotStart)) throw new Error(`no sentence: ${String(fault)}`);
  expect(fault.message).not.toContain('\n');
  return fault.message;
}

it('a --data path that is a file, or below a file', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  for (const path of [file, join(file, 'below')])
    expect(await sentence(() => makeDataDirectory(path))).toBe(
      `--data ${path} is a file, or is below one. Name a directory.`,
    );
  makeDataDirectory(join(folder, 'new', 'one'));
});

it('a port in use', async () => {
  const door = await openDoor();
  const port = portOf(door);
  const words = await sentence(() => takePort(port));
  expect(words).toContain(`port ${port} is taken`);
  expect(words).toContain('start with --port N.');
  door.close();
});

it('an unreachable DATABASE_URL, a wrong password, a user without rights, no URL; a valid one passes', async () => {
  const database = await testDatabase('partners');
  const dead = `127.0.0.1:${await freePort()}`;
  const answer = await sentence(() => checkDatabase(`postgres://u:hush-hush@${dead}/x`));
  expect(answer).toBe(
    `no PostgreSQL answers at ${dead} (ECONNREFUSED), which DATABASE_URL names. Start it, correct the URL, or unset DATABASE_URL to use the embedded one.`,
  );
  const wrong = new URL(database.adminUrl);
  wrong.password = 'hush-hush';
  const refused = await sentence(() => checkDatabase(wrong.href));
  expect(refused).toContain('refuses the user or password of DATABASE_URL. Correct them.');
  expect(refused).not.toContain('hush-hush');
  expect(await sentence(() => checkDatabase(database.databaseUrl))).toContain('is not a superuser');
  expect(await sentence(() => checkDatabase('localhost'))).toContain(
    'Write postgres://USER:PASSWORD@HOST:PORT/DATABASE.',
  );
  await checkDatabase(database.adminUrl);
});

it('an unreachable KAFKA_BROKERS, unless one of the brokers answers', async () => {
  const dead = `127.0.0.1:${await freePort()}`;
  expect(await sentence(() => checkKafka(dead))).toContain(`no Kafka answers at ${dead} (ECONNREFUSED)`);
  expect(await sentence(() => checkKafka('kafka'))).toContain('not HOST:PORT');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await checkKafka(`${dead},127.0.0.1:${portOf(server)}`);
  } finally {
    server.close();
  }
});
