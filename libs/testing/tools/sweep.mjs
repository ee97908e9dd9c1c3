/**
 * Ends the servers written down in a test run's state directory and removes it, whatever of it fails; the exit code is 1 when something is left behind.
 * `sweep.mjs DIR` does it now; `sweep.mjs DIR PID` first waits until that process is gone.
 */
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [directory, parent] = process.argv.slice(2);
const faults = [];
/** One thing that can't be ended keeps none of the others. */
const attempt = async (what, work) => {
  try {
    await work();
  } catch (error) {
    faults.push(`${what} is left behind: ${error.message}`);
  }
};
const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};
const gone = async (pid, ms) => {
  for (let waited = 0; waited < ms && alive(pid); waited += 100) await sleep(100);
  return !alive(pid);
};
const end = async (pid, signal) => {
  if (!alive(pid)) return;
  process.kill(pid, signal);
  if (await gone(pid, 15_000)) return;
  process.kill(pid, 'SIGKILL');
  if (!(await gone(pid, 5_000))) throw new Error('it does not end');
};
/** Also those that were made and never started. */
const removeContainers = async (label) => {
  const { getContainerRuntimeClient } = await import('testcontainers');
  const { dockerode } = (await getContainerRuntimeClient()).container;
  const ours = await dockerode.listContainers({ all: true, filters: { label: [`${label}=${basename(directory)}`] } });
  for (const { Id, Image } of ours)
    await attempt(`container ${Id.slice(0, 12)} (${Image})`, async () => {
      // the engine stops what runs before it removes it
      await dockerode.getContainer(Id).remove({ force: true, v: true });
    });
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
  for (const { says, pid, signal } of servers)
    if (pid !== undefined) await attempt(`${says} (process ${pid})`, () => end(pid, signal));
  const containers = join(directory, 'containers');
  if (existsSync(containers))
    await attempt(`what runs in containers`, () => removeContainers(readFileSync(containers, 'utf8')));
  await attempt(directory, () => rmSync(directory, { recursive: true, force: true }));
  if (parent === undefined && servers.length > 0)
    console.log(`servers of this run: ${servers.map(({ says }) => says).join(', ')}`);
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
