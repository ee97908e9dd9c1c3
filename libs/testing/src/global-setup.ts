/**
 * Runs once in Jest's own process, before any worker: creates the directory that records the servers of this run, and starts a sweeper that
 * cleans up even when Jest is killed. The servers themselves start when the first spec file needs them (see servers.ts).
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): void {
  const state = mkdtempSync(join(tmpdir(), 'hezong-test-'));
  // Root runs PostgreSQL under another account, which must be able to enter.
  chmodSync(state, 0o711);
  process.env['HEZONG_TEST_STATE'] = state;
  // Containers outlive the worker that starts them; the sweeper removes those recorded in the directory.
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
