/** Runs once after the last spec file: stops the servers of this run and says which they were. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export default function teardown(): void {
  const state = process.env['HEZONG_TEST_STATE'];
  if (state === undefined) return;
  spawnSync(process.execPath, [join(process.cwd(), 'libs/testing/tools/sweep.mjs'), state], { stdio: 'inherit' });
}
