import { existsSync, readFileSync } from 'node:fs';
import { writePrivate } from '../network/sandbox-file.js';

/** Progress of the sandbox's story; stored with the data so that an interrupted start continues there. */
export interface SandboxState {
  /** Weeks by which the orders are shifted: fixed at the first start. */
  weeks: number;
  /** Last day with all steps done. */
  lastDay: string | null;
  closed: string[];
  done: boolean;
}

export function readState(file: string): SandboxState | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as SandboxState) : null;
}

export function writeState(file: string, state: SandboxState): void {
  writePrivate(file, state);
}
