/**
 * Runs once in Jest's own process, before any worker: opens the directory in which the servers of this run are written down, and leaves a watchman
 * who clears up even when Jest is killed. The servers themselves start when the first spec file asks (see servers.ts).
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): void {
  const state = mkdtempSync(join(tmpdir(), 'hezong-test-'));
  // A root caller runs PostgreSQL under another account, which must be able to pass through.
  chmodSync(state, 0o711);
  process.env['HEZONG_TEST_STATE'] = state;
  // Containers outlive the worker that starts them; the watchman removes them by what the directory says.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  const watchman = spawn(
    process.execPath,
    [join(process.cwd(), 'libs/testing/tools/sweep.mjs'), state, String(process.pid)],
    {
      detached: true,
      stdio: 'ignore',
    },
  );
  watchman.unref();
}
