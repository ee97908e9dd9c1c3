/**
 * Stops the servers written down in a test run's state directory and removes it.
 * `sweep.mjs DIR` does it now; `sweep.mjs DIR PID` first waits until that process is gone.
 */
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [directory, parent] = process.argv.slice(2);
const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};
const end = async (pid, signal) => {
  if (!alive(pid)) return;
  process.kill(pid, signal);
  for (let i = 0; i < 150 && alive(pid); i += 1) await sleep(100);
  if (alive(pid)) process.kill(pid, 'SIGKILL');
};

if (parent !== undefined) {
  while (alive(Number(parent))) {
    if (!existsSync(directory)) process.exit(0);
    await sleep(500);
  }
}
if (existsSync(directory)) {
  const servers = readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')));
  for (const server of servers) {
    if (server.container !== undefined) {
      const { getContainerRuntimeClient } = await import('testcontainers');
      const runtime = await getContainerRuntimeClient();
      await runtime.container.remove(runtime.container.getById(server.container), { removeVolumes: true });
    } else if (server.pid !== undefined) await end(server.pid, server.signal);
  }
  if (parent === undefined && servers.length > 0)
    console.log(`servers of this run: ${servers.map((server) => server.says).join(', ')}`);
  rmSync(directory, { recursive: true, force: true });
}
