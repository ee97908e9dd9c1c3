import { spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The command line of a live process, or null when there is none with this pid. */
export function commandLine(pid: number): string | null {
  if (!processAlive(pid)) return null;
  const path = `/proc/${pid}/cmdline`;
  if (existsSync(path)) {
    const line = readFileSync(path, 'utf8').replaceAll('\0', ' ').trim();
    // A zombie has no command line: it has exited, but its parent has not yet reaped it.
    return line === '' ? null : line;
  }
  const ps = spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
  return ps.status === 0 ? ps.stdout.trim() : null;
}

/** True when a process with this id exists, ours or not. */
export function processAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Waits until the process has exited; false when it still runs after `ms`. */
export async function waitGone(pid: number, ms: number): Promise<boolean> {
  for (let waited = 0; waited < ms; waited += 50) {
    if (commandLine(pid) === null) return true;
    await sleep(50);
  }
  return commandLine(pid) === null;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has already exited, which is the goal.
  }
}

/** Asks a process to exit and kills it when it does not within `ms`. */
export async function endProcess(pid: number, ask: NodeJS.Signals, ms: number): Promise<void> {
  signal(pid, ask);
  if (await waitGone(pid, ms)) return;
  signal(pid, 'SIGKILL');
  await waitGone(pid, 5_000);
}

/** A child process whose termination by an AbortSignal is not reported as an error. */
export function started(child: ChildProcess): ChildProcess {
  return child.on('error', () => undefined);
}

export function exited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** The last `bytes` of a log file, for error messages. */
export function tail(file: string, bytes = 2_000): string {
  if (!existsSync(file)) return '(no log)';
  const size = statSync(file).size;
  const from = Math.max(0, size - bytes);
  const buffer = Buffer.alloc(size - from);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, buffer, 0, buffer.length, from);
  } finally {
    closeSync(fd);
  }
  return buffer.toString('utf8').trim();
}
