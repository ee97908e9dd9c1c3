/** Runs once after the last spec file: stops the servers of this run and lists them. A run that leaves a server running has failed. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export default function teardown(): void {
  const state = process.env['HEZONG_TEST_STATE'];
  if (state === undefined) return;
  const sweep = [join(process.cwd(), 'libs/testing/tools/sweep.mjs'), state];
  const { status } = spawnSync(process.execPath, sweep, { stdio: 'inherit' });
  if (status !== 0) throw new Error('servers of this run are left behind; their names are above');
}
