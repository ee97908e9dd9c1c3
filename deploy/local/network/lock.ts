import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processAlive } from '#libs/servers';
import { CannotStart } from './checks.js';

/** Locks the data directory for one network; a lock of an exited process does not count. Returns a function that releases it. */
export function lockData(dataDir: string): () => void {
  const file = join(dataDir, 'network.pid');
  const holder = Number(readOrEmpty(file));
  if (holder > 1 && holder !== process.pid && processAlive(holder) && isNetwork(holder)) {
    throw new CannotStart(
      `a network is already running with the data in ${dataDir} (process ${holder}). Stop it, or use --data DIR --port N for a second one.`,
    );
  }
  writeFileSync(file, String(process.pid));
  return () => {
    if (Number(readOrEmpty(file)) === process.pid) rmSync(file, { force: true });
  };
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The pid may belong to another program by now; where that is unknown, the lock is respected. */
function isNetwork(pid: number): boolean {
  const line = readOrEmpty(`/proc/${pid}/cmdline`);
  return line === '' || /deploy\/local\/(start|dev)/.test(line);
}
