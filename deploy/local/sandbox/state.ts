import { existsSync, readFileSync } from 'node:fs';
import { writePrivate } from '../network/sandbox-file.js';

/** How far the sandbox's story has been told; kept beside the data so that a stopped start goes on where it was. */
export interface SandboxState {
  /** Weeks by which the orders are shifted: fixed at the first start. */
  weeks: number;
  /** Last day whose steps are all done. */
  lastDay: string | null;
  /** Cycles that were closed on the way. */
  closed: string[];
  done: boolean;
}

export function readState(file: string): SandboxState | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as SandboxState) : null;
}

export function writeState(file: string, state: SandboxState): void {
  writePrivate(file, state);
}
