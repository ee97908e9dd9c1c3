/** Runs once after the last spec file: stops the servers of this run and lists them. A run that leaves a server running has failed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export default async function teardown(): Promise<void> {
  const state = process.env['HEZONG_TEST_STATE'];
  if (state === undefined) return;
  // not spawnSync: with --runInBand the servers are children of this process, and gone only when it has taken note of their end
  const sweep = spawn(process.execPath, [join(process.cwd(), 'libs/testing/tools/sweep.mjs'), state], {
    stdio: 'inherit',
  });
  const [status] = (await once(sweep, 'exit')) as [number | null];
  if (status !== 0) throw new Error('servers of this run are left behind; their names are above');
}
